"""What identifies the user of a grant here, by the rule that the trust declares (B-15).

Only what the rule names is looked at: an address or a NameID in a grant is nothing to a
trust that goes by `sub`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from grantd import claims as read
from grantd.strict import Fault, kind
from grantd_server.model.bundle.governed import SubjectRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import SubjectMapping

_QUALIFIERS = ("nameid_format", "name_qualifier", "sp_name_qualifier", "sp_provided_id")
_MEMBERS = frozenset({"format", "issuer", "nameid", *_QUALIFIERS})
SAML_NAMEID = "saml-nameid"
"""The subject identifier format that is supported (RFC 9493 section 3)."""


def read_account(rule: SubjectMapping, claims: Mapping[str, object], sub: str) -> str:
    """Reads the identifier.

    Raises:
        Fault: the claim that the rule needs is missing, malformed or not to be believed.
    """
    match rule.rule:
        case SubjectRule.CLAIM if rule.claim is not None:
            return read.text(claims, rule.claim)
        case SubjectRule.AUD_SUB:
            return read.text(claims, "aud_sub")
        case SubjectRule.EMAIL:
            return _address(rule, claims)
        case SubjectRule.SAML_NAMEID:
            return _name_id(rule, claims.get("sub_id"))
        case _:
            return sub


def _address(rule: SubjectMapping, claims: Mapping[str, object]) -> str:
    """A verified address in a domain for which the issuer is declared authoritative."""
    local, _, domain = read.text(claims, "email").rpartition("@")
    verified = claims.get("email_verified") is True
    if not verified or not local or "@" in local or domain.lower() not in rule.values:
        raise Fault("claim:email", "a verified address of a declared domain", "another address")
    return f"mailto:{local}@{domain.lower()}"


def _name_id(rule: SubjectMapping, raw: object) -> str:
    """A SAML NameID with everything that qualifies it: the same text under another
    qualifier is another person (section 3.2.2)."""
    if not isinstance(raw, dict):
        raise Fault("claim:sub_id", "a subject identifier of a SAML NameID", kind(raw))
    if raw.get("format") != SAML_NAMEID or not raw.keys() <= _MEMBERS:
        raise Fault("claim:sub_id", f"the format {SAML_NAMEID} with its members", "another format or other members")
    issuer = read.text(raw, "issuer", 1024)
    if issuer not in rule.values:
        # It says where a person is known, and never makes its issuer one that is trusted.
        raise Fault("claim:sub_id", "an issuer that is associated with the grant's", "another issuer")
    qualifiers = [read.optional_text(raw, name) or "" for name in _QUALIFIERS]
    return "!".join(quote(part, safe=":/.@") for part in (issuer, *qualifiers, read.text(raw, "nameid")))
