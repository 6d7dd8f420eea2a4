"""Reads how a subject of one namespace becomes a subject of the next (A-40, B-15).

Always said, never assumed: a subject moves from one namespace to another by declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import SubjectMapping, SubjectRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

_PASSTHROUGH = SubjectMapping(SubjectRule.PASSTHROUGH)
_OF_PROVIDERS = {rule.value: SubjectMapping(rule) for rule in (
    SubjectRule.PASSTHROUGH, SubjectRule.QUALIFIED, SubjectRule.PAIRWISE,
)}  # fmt: skip
_OF_TRUSTS = {rule.value: SubjectMapping(rule) for rule in (SubjectRule.PASSTHROUGH, SubjectRule.AUD_SUB)}


def read_provider_subject(fields: Fields) -> SubjectMapping:
    """`subject` of an identity provider: the `sub` of its people's grants."""
    inside = fields.inside_mapping("subject")
    if inside is None:
        return fields.required("subject", _named(_OF_PROVIDERS, '"qualified", "pairwise"'), _PASSTHROUGH)
    claim = inside.required("claim", _identifying, "")
    inside.close()
    return SubjectMapping(SubjectRule.CLAIM, claim)


def read_trust_subject(fields: Fields) -> SubjectMapping:
    """`subject` of a trust: what identifies the user of a grant here."""
    inside = fields.inside_mapping("subject")
    if inside is None:
        return fields.required("subject", _named(_OF_TRUSTS, '"aud_sub"'), _PASSTHROUGH)
    claim = inside.optional("claim", _identifying, None)
    domains = inside.each("email", scalars.domain, required=False)
    issuers = inside.each("saml_nameid", scalars.text, required=False)
    inside.close()
    if inside.sound and sum(bool(one) for one in (claim, domains, issuers)) != 1:
        inside.wrong("", "exactly one of claim, email and saml_nameid is expected")
    if domains:
        return SubjectMapping(SubjectRule.EMAIL, values=frozenset(domains))
    if issuers:
        return SubjectMapping(SubjectRule.SAML_NAMEID, values=frozenset(issuers))
    return SubjectMapping(SubjectRule.CLAIM, claim)


def _named(known: Mapping[str, SubjectMapping], others: str) -> Callable[[Node], SubjectMapping]:
    """A reader of one of a few words."""

    def read(node: Node) -> SubjectMapping:
        if node.value == "qualified" and "qualified" not in known:
            raise Wrong("accounts are qualified by the issuer's name already; write passthrough or a claim")
        found = known.get(node.value) if isinstance(node.value, str) else None
        if found is None:
            raise Wrong(f'"passthrough", {others} or a mapping such as {{claim: oid}} is expected')
        return found

    return read


def _identifying(node: Node) -> str:
    claim = scalars.text(node)
    if claim == "email":
        raise Wrong("an address changes hands; name a claim that never does, such as oid")
    return claim
