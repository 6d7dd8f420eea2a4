"""What the flow needs of its parties: grant types, the profile, token types, their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.checks import (
    GRANT_PROFILE_ID_JAG,
    GRANT_TYPE_JWT_BEARER,
    GRANT_TYPE_JWT_DPOP,
    GRANT_TYPE_TOKEN_EXCHANGE,
    TOKEN_TYPE_ID_JAG,
    TOKEN_TYPE_ID_TOKEN,
    TOKEN_TYPE_REFRESH_TOKEN,
    TOKEN_TYPE_SAML2,
)
from grantd_server.doctor.checks.spelling import nearly
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View

EXCHANGE = Row(
    "grants.exchange", Severity.ERROR, "The grant issuer does not offer token exchange.",
    "Switch token exchange on (RFC 8693) and list its grant type in `grant_types_supported`. Directories that cannot do it "
    "need a grant issuer beside them.",
)  # fmt: skip
BEARER = Row(
    "grants.bearer", Severity.ERROR, "The authorization server does not redeem grants.",
    "Switch the JWT bearer grant on (RFC 7523) and list its grant type in `grant_types_supported`.",
)  # fmt: skip
PROFILE = Row(
    "profile.missing", Severity.WARNING, "The authorization server does not say that it redeems ID-JAGs.",
    f"List {GRANT_PROFILE_ID_JAG} in `authorization_grant_profiles_supported`; clients look for it.",
)  # fmt: skip
TOKEN_TYPES = Row(
    "exchange.token-types", Severity.ERROR, "The grant issuer issues other tokens only.",
    f"Let it issue {TOKEN_TYPE_ID_JAG}, and list it in `identity_chaining_requested_token_types_supported`.",
)  # fmt: skip
UNANNOUNCED = Row(
    "exchange.unannounced", Severity.NOTE, "The grant issuer does not say that it issues ID-JAGs.",
    "It may all the same; --probe tells. `identity_chaining_requested_token_types_supported` would say it.",
)  # fmt: skip
SPELLING = Row(
    "names.spelling", Severity.ERROR, "A registered name is misspelt.",
    "Spell it as registered: `id-jag` with a hyphen, `id_token` and `refresh_token` with underscores.",
)  # fmt: skip
ENCRYPTION = Row(
    "encryption.required", Severity.ERROR, "The authorization server wants encrypted grants, and the issuer makes none.",
    "Let the server take signed grants, or use an issuer that encrypts.",
)  # fmt: skip
DPOP = Row(
    "dpop.unsupported", Severity.ERROR, "The MCP server wants key-bound tokens, and its authorization server binds none.",
    "Let the authorization server take DPoP proofs, or the MCP server bearer tokens.",
)  # fmt: skip
DPOP_ALGORITHMS = Row(
    "dpop.algorithms", Severity.WARNING, "Those who take DPoP proofs have no algorithm in common.",
    "Let all list ES256 in `dpop_signing_alg_values_supported`: a client proves one key to all of them.",
    "who runs any of them",
)  # fmt: skip
CERTIFICATES = Row(
    "certificates.unsupported", Severity.ERROR,
    "The MCP server wants tokens bound to certificates, and its authorization server binds none.",
    "Let the authorization server bind tokens (RFC 8705), or the MCP server take bearer tokens.",
)  # fmt: skip
LEVEL = Row(
    "draft.level", Severity.NOTE, "Which revision of the specifications the metadata speak of.",
    "Nothing, if both sides say the same.",
)  # fmt: skip
ROWS: Final = (
    EXCHANGE, BEARER, PROFILE, TOKEN_TYPES, UNANNOUNCED, SPELLING, ENCRYPTION, DPOP, DPOP_ALGORITHMS,
    CERTIFICATES, LEVEL,
)  # fmt: skip

_PROOFS: Final = "dpop_signing_alg_values_supported"
_CERTIFICATES: Final = "tls_client_certificate_bound_access_tokens"
_DEFAULT_GRANTS: Final = ("authorization_code", "implicit")
"""Of RFC 8414 section 2, where the list is left out."""
_NAMES: Final = frozenset({
    GRANT_TYPE_TOKEN_EXCHANGE, GRANT_TYPE_JWT_BEARER, GRANT_TYPE_JWT_DPOP, GRANT_PROFILE_ID_JAG, TOKEN_TYPE_ID_JAG,
    TOKEN_TYPE_ID_TOKEN, TOKEN_TYPE_REFRESH_TOKEN, TOKEN_TYPE_SAML2,
})  # fmt: skip
_LISTS: Final = (
    "grant_types_supported", "authorization_grant_profiles_supported",
    "identity_chaining_requested_token_types_supported",
)  # fmt: skip
_LEVELS: Final = {
    "identity_chaining_requested_token_types_supported": "identity chaining, ID-JAG from -03 on",
    "authorization_grant_profiles_supported": "ID-JAG from -03 on",
    "id_jag_encryption_required": "ID-JAG after -04",
    "id_jag_encryption_alg_values_supported": "ID-JAG after -04",
}
"""Which text a member comes from."""


def check(view: View) -> Iterator[Finding]:
    """Holds both legs against what their parties publish."""
    for each in (view.issuer, view.server):
        if each is not None and each.metadata:
            yield from _spelling(each)
            yield LEVEL.at(each.party, each.identifier, _level(each))
    if view.issuer is not None and view.issuer.metadata:
        yield from _first_leg(view.issuer)
    if view.server is not None and view.server.metadata:
        yield from _second_leg(view.server)
        yield from _agreed(view, view.server)
    yield from _proofs(view)


def _first_leg(issuer: IssuerSeen) -> Iterator[Finding]:
    grants = _grants(issuer)
    if grants is not None and GRANT_TYPE_TOKEN_EXCHANGE not in grants:
        yield EXCHANGE.at(issuer.party, issuer.identifier, _told_grants(issuer, grants))
    types = issuer.texts("identity_chaining_requested_token_types_supported")
    if types is None:
        yield UNANNOUNCED.at(issuer.party, issuer.identifier)
    elif TOKEN_TYPE_ID_JAG not in types and not any(nearly(name, {TOKEN_TYPE_ID_JAG}) for name in types):
        yield TOKEN_TYPES.at(issuer.party, issuer.identifier, listed(types))


def _second_leg(server: IssuerSeen) -> Iterator[Finding]:
    grants = _grants(server)
    if grants is not None and GRANT_TYPE_JWT_BEARER not in grants:
        yield BEARER.at(server.party, server.identifier, _told_grants(server, grants))
    profiles = server.texts("authorization_grant_profiles_supported") or ()
    if GRANT_PROFILE_ID_JAG not in profiles:
        yield PROFILE.at(server.party, server.identifier, f"authorization_grant_profiles_supported: {listed(profiles)}")


def _agreed(view: View, server: IssuerSeen) -> Iterator[Finding]:
    wanted = server.metadata.get("id_jag_encryption_required") is True
    if wanted and view.issuer is not None and not view.issuer.texts("id_jag_encryption_alg_values_supported"):
        yield ENCRYPTION.at(server.party, server.identifier, "id_jag_encryption_required is true")
    if view.resource is not None:
        yield from _bound(view.resource, server)


def _proofs(view: View) -> Iterator[Finding]:
    """One key proves itself to all who take proofs."""
    parties = {"grant issuer": view.issuer, "authorization server": view.server, "MCP server": view.resource}
    lists = {name: taken for name, each in parties.items() if each is not None and (taken := each.texts(_PROOFS))}
    if lists and not set.intersection(*map(set, lists.values())):
        told = "; ".join(f"{name}: {listed(taken)}" for name, taken in lists.items())
        yield DPOP_ALGORITHMS.at(Party.CLIENT, "dpop_signing_alg_values_supported", told)


def _bound(resource: ResourceSeen, server: IssuerSeen) -> Iterator[Finding]:
    """What tokens must be bound to at the MCP server, and can be by the server."""
    if resource.metadata.get("dpop_bound_access_tokens_required") is True and not server.texts(_PROOFS):
        yield DPOP.at(server.party, server.identifier, "the MCP server has dpop_bound_access_tokens_required: true")
    if resource.metadata.get(_CERTIFICATES) is True and server.metadata.get(_CERTIFICATES) is not True:
        evidence = f"{_CERTIFICATES} is true at the MCP server only"
        yield CERTIFICATES.at(Party.RESOURCE, resource.identifier, evidence)


def _spelling(issuer: IssuerSeen) -> Iterator[Finding]:
    for member in _LISTS:
        for value in issuer.texts(member) or ():
            if right := nearly(value, _NAMES):
                yield SPELLING.at(issuer.party, issuer.identifier, f"{member} has {cut(value)}, not {cut(right)}")


def _grants(issuer: IssuerSeen) -> tuple[str, ...] | None:
    """None where the list is no list, which is told elsewhere."""
    if "grant_types_supported" not in issuer.metadata:
        return _DEFAULT_GRANTS
    return issuer.texts("grant_types_supported")


def _told_grants(issuer: IssuerSeen, grants: tuple[str, ...]) -> str:
    left_out = "" if "grant_types_supported" in issuer.metadata else " (left out, which means these)"
    return f"grant_types_supported: {listed(grants)}{left_out}"


def _level(issuer: IssuerSeen) -> str:
    found = [f"{member} ({text})" for member, text in _LEVELS.items() if member in issuer.metadata]
    return "; ".join(found) or "no member of the ID-JAG drafts"
