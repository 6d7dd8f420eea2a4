"""A SAML 2.0 assertion as subject token: RFC 8693 section 3;
draft-ietf-oauth-identity-assertion-authz-grant section 4.5.

Reading XML and checking its signature run off the loop; what was found is judged here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from grantd.strict import Fault
from grantd_server.checks import TOKEN_TYPE_ID_TOKEN, TOKEN_TYPE_SAML2, digest
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, SignIn
from grantd_server.refusals import Reason
from grantd_server.store import Mark, Space
from grantd_server.subjects.attributes import account_texts, claim_values, user_keys
from grantd_server.subjects.identity import Identity
from grantd_server.subjects.saml.conditions import check_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import IdentityProvider
    from grantd_server.model.bundle.saml import SamlSignOn
    from grantd_server.subjects.identity import Reading
    from grantd_server.subjects.saml.assertion import Assertion, NameId
    from grantd_server.subjects.saml.verify import Verified

_REASONS = {
    "iss": Reason.SUBJECT_TOKEN_ISSUER,
    "alg": Reason.SUBJECT_TOKEN_ALGORITHM,
    "signature": Reason.SUBJECT_TOKEN_SIGNATURE,
    "claim": Reason.SUBJECT_TOKEN_CLAIM,
}
"""The row of each fault, by the first word of its check; any other is an assertion that
could not be read."""

_GROUPS_ELSEWHERE = "http://schemas.microsoft.com/claims/groups.link"
"""Sent in place of groups that were too many to be listed."""


async def read_identity(reading: Reading, raw: str) -> Identity:
    """Verifies an assertion and reads who signed in."""
    record = reading.record
    providers = reading.snapshot.saml_providers_of(reading.grant_issuer)
    if providers is None:
        expected = [TOKEN_TYPE_ID_TOKEN]
        raise record.refuse(
            "request.subject_token_type", Reason.SUBJECT_TOKEN_TYPE_UNSUPPORTED, expected, TOKEN_TYPE_SAML2
        )
    try:
        found = await reading.world.offloop.run(partial(_verify, raw, providers))
        sign_on = _sign_on(reading, found)
        end = check_conditions(reading, found.provider.name, sign_on, found.assertion)
        return _identity(reading, found, sign_on, end)
    except Fault as fault:
        reason = _REASONS.get(fault.check.partition(":")[0], Reason.SUBJECT_TOKEN_MALFORMED)
        raise record.refuse(f"subject.{fault.check}", reason, fault.expected, fault.got) from None


def _verify(raw: str, providers: Mapping[str, IdentityProvider]) -> Verified:
    from grantd_server.subjects.saml.verify import verify  # noqa: PLC0415 - the extra `saml`, and 0.2 s

    return verify(raw, providers)


def _sign_on(reading: Reading, found: Verified) -> SamlSignOn:
    """What is declared of the provider, which must be in force under each of its names."""
    record, provider = reading.record, found.provider
    if provider.saml is None:
        raise AssertionError("only providers with SAML are offered to the verifier")
    record.noted("subject.iss", provider.saml.entity_id, found.assertion.issuer)
    expected, got = f"a pinned key of {provider.name}", "a pinned key"
    if found.certificate_expires <= reading.now:
        got = "a pinned key, whose certificate has expired"
    record.noted("subject.signature", expected, got)
    view, names = reading.world.view, (provider.saml.entity_id, provider.issuer)
    blocked = any(view.withdrawn("issuer", name, reading.now) is not None for name in names)
    record.require(
        "subject.issuer_blocked", not blocked, Reason.SUBJECT_TOKEN_ISSUER, "no block", otherwise=provider.name
    )
    return provider.saml


def _identity(reading: Reading, found: Verified, sign_on: SamlSignOn, end: float) -> Identity:
    provider, assertion = found.provider, found.assertion
    upstream_sub = _upstream_sub(sign_on, assertion)
    qualified = sign_on.subject.rule in {SubjectRule.QUALIFIED, SubjectRule.PAIRWISE}
    sub = f"{provider.name}:{upstream_sub}" if qualified else upstream_sub
    return Identity(
        provider=provider,
        upstream_sub=upstream_sub,
        sub=sub,
        users=user_keys(provider, upstream_sub, sub, _address(sign_on, assertion)),
        groups=_groups(provider, sign_on, assertion),
        roles=_listed(provider, assertion, sign_on.roles_attribute),
        claims={name: _values(assertion, name) for name in sign_on.attributes},
        sign_in=SignIn(acr=assertion.acr, auth_time=int(assertion.auth_time)),
        tenant=_tenant(provider, assertion),
        accounts=account_texts(reading.snapshot, provider, _single(assertion)),
        marks=(_mark(reading, sign_on, assertion, end),),
        sub_id=_sub_id(sign_on, assertion.name_id),
    )


def _upstream_sub(sign_on: SamlSignOn, assertion: Assertion) -> str:
    """The NameID where its format is the one that was declared, or a declared attribute."""
    if sign_on.name_id_format is not None and assertion.name_id.format != sign_on.name_id_format:
        got = assertion.name_id.format or "no format"
        raise Fault("claim:NameID", f"the format {sign_on.name_id_format}", got)
    attribute = sign_on.subject.claim
    return assertion.name_id.value if attribute is None else _one(assertion, attribute)


def _tenant(provider: IdentityProvider, assertion: Assertion) -> str | None:
    source = provider.tenant
    return None if source is None or source.claim is None else _one(assertion, source.claim)


def _one(assertion: Assertion, attribute: str) -> str:
    found = _values(assertion, attribute)
    if len(found.values) != 1:
        raise Fault(f"claim:{attribute}", "one value", f"{len(found.values)} of them")
    return next(iter(found.values))


def _single(assertion: Assertion) -> dict[str, object]:
    return {name: values[0] for name, values in assertion.attributes.items() if len(values) == 1}


def _address(sign_on: SamlSignOn, assertion: Assertion) -> dict[str, object]:
    """A declared address is one that the provider gave itself: there is no mark for
    "verified" in SAML."""
    address = _single(assertion).get(sign_on.email_attribute or "")
    return {} if address is None else {"email": address, "email_verified": True}


def _groups(provider: IdentityProvider, sign_on: SamlSignOn, assertion: Assertion) -> Attribute:
    if _GROUPS_ELSEWHERE in assertion.attributes:
        return UNKNOWN
    return _listed(provider, assertion, sign_on.groups_attribute)


def _listed(provider: IdentityProvider, assertion: Assertion, attribute: str | None) -> Attribute:
    found = UNKNOWN if attribute is None else _values(assertion, attribute)
    return Attribute(found.state, frozenset(f"{provider.name}:{value}" for value in found.values))


def _values(assertion: Assertion, attribute: str) -> Attribute:
    values = assertion.attributes.get(attribute)
    return claim_values({} if values is None else {attribute: list(values)}, attribute)


def _mark(reading: Reading, sign_on: SamlSignOn, assertion: Assertion, end: float) -> Mark:
    """Binds the assertion to this client for as long as it is taken at all (G-20)."""
    owner = f"{reading.client.client_id} {reading.grant_issuer.issuer}"
    until = int(end) + 2 * reading.world.skew + 1
    return Mark(Space.SAML, sign_on.entity_id, digest(assertion.id), until, owner=owner, spends=assertion.one_time)


def _sub_id(sign_on: SamlSignOn, name: NameId) -> dict[str, str]:
    """A-66: exactly the members that the NameID has."""
    members = {
        "format": "saml-nameid",
        "issuer": sign_on.entity_id,
        "nameid": name.value,
        "nameid_format": name.format,
        "name_qualifier": name.name_qualifier,
        "sp_name_qualifier": name.sp_name_qualifier,
        "sp_provided_id": name.sp_provided_id,
    }
    return {member: value for member, value in members.items() if value is not None}
