"""Leg 2: the answer, and the access token in it as the MCP server will read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd import jws
from grantd_server.doctor.checks.spelling import compared
from grantd_server.doctor.checks.walked.refusals import refused
from grantd_server.doctor.checks.walked.tokens import no_store, number, parsed, scopes, unproven, values
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

REFUSED = Row(
    "leg2.refused", Severity.ERROR, "The authorization server refuses the grant.",
    "Mend what was found about the grant; if nothing was, ask there whether it trusts the issuer for this MCP server.",
)  # fmt: skip
ANSWER = Row(
    "leg2.answer", Severity.ERROR, "The authorization server does not answer with a token.",
    "Answer with access_token and token_type, as texts (RFC 6749 section 5.1).",
)  # fmt: skip
CACHE = Row(
    "leg2.cache", Severity.WARNING, "The access token may be kept by caches.",
    "Send Cache-Control: no-store (RFC 6749 section 5.1).",
)  # fmt: skip
REFRESH = Row(
    "leg2.refresh-token", Severity.WARNING, "A refresh token comes with the access token.",
    "Leave it out: it would outlive the company's decision.",
)  # fmt: skip
LIFETIME = Row(
    "leg2.lifetime", Severity.WARNING, "The access token is good for more than an hour, or nobody says for how long.",
    "Issue it for minutes, and say so in expires_in: what it opens stays open for that long.",
)  # fmt: skip
TOKEN_TYPE = Row(
    "leg2.token-type", Severity.ERROR, "The access token is called neither a Bearer nor a DPoP token.",
    "Answer with token_type Bearer, or DPoP where it is bound to a key: clients cannot use what they do not know.",
)  # fmt: skip
OPAQUE = Row(
    "access.opaque", Severity.NOTE, "The access token is no JSON Web Token.",
    "Nothing: the MCP server asks the authorization server about it.",
)  # fmt: skip
TYP = Row(
    "access.typ", Severity.WARNING, "The access token does not say that it is one.",
    "Set the header's typ to at+jwt (RFC 9068): it tells access tokens from ID tokens and grants.",
)  # fmt: skip
KIND = Row(
    "access.kind", Severity.ERROR, "The access token is marked as a token of another kind.",
    "Issue an access token of its own, with typ at+jwt: what passes for a grant or an ID token opens other doors.",
)  # fmt: skip
SIGNATURE = Row(
    "access.signature", Severity.ERROR, "The access token is signed with no key that the server publishes.",
    "Publish the key, with the kid that tokens name.",
)  # fmt: skip
ISSUER = Row(
    "access.issuer", Severity.ERROR, "The access token is by another issuer than the metadata.",
    "Let `iss` be the issuer byte for byte.",
)  # fmt: skip
AUDIENCE = Row(
    "access.audience", Severity.ERROR, "The access token is not for this MCP server.",
    "Let `aud` be the MCP server's identifier byte for byte, as its metadata have it.",
)  # fmt: skip
AUDIENCES = Row(
    "access.audiences", Severity.WARNING, "The access token is for others beside this MCP server.",
    "Issue one token for one MCP server: any of them can use it at the others.",
)  # fmt: skip
WIDER = Row(
    "access.wider", Severity.ERROR, "The access token is for more than the grant.",
    "Give the scopes of the grant or fewer: beyond them nobody decided anything.",
)  # fmt: skip
E_MAIL = Row(
    "access.e-mail", Severity.NOTE, "The access token names the user by an e-mail address.",
    "Nothing, if addresses are never given to somebody else; an identifier of the account is safer.",
)  # fmt: skip
ROWS: Final = (
    REFUSED, ANSWER, TOKEN_TYPE, CACHE, REFRESH, LIFETIME, OPAQUE, TYP, KIND, SIGNATURE, ISSUER, AUDIENCE, AUDIENCES,
    WIDER, E_MAIL,
)  # fmt: skip

LONGEST_LIFE: Final = 3600
_OTHER_KINDS: Final = frozenset({
    "oauth-id-jag+jwt", "client-authentication+jwt", "dpop+jwt", "token-introspection+jwt", "logout+jwt", "secevent+jwt",
})  # fmt: skip
"""Types that mean something else; a vendor's own type for access tokens is none of them."""


def check(view: View) -> Iterator[Finding]:
    """Judges what leg 2 brought."""
    journey, server = view.journey, view.server
    if journey is None or journey.leg2 is None or server is None:
        return
    if journey.leg2.status != 200 or journey.leg2.members is None:
        yield from refused(REFUSED, Party.SERVER, journey.leg2, journey)
        return
    token = parsed(journey.access_token)
    claims = {} if token is None else token.unverified_claims
    yield from _answer(journey.leg2, journey.leg2.members, claims)
    if token is not None:
        yield from _signed(server, token)
        yield from _parties(view, server, claims)
        yield from _scopes(journey, server, claims)
    elif journey.access_token:
        yield OPAQUE.at(Party.SERVER, server.identifier)


def _answer(answered: Exchange, members: Mapping[str, object], claims: Mapping[str, object]) -> Iterator[Finding]:
    kind = members.get("token_type")
    if not isinstance(members.get("access_token"), str) or not isinstance(kind, str):
        yield ANSWER.at(Party.SERVER, answered.url, f"there are {listed(sorted(members))}")
    elif kind.lower() not in {"bearer", "dpop"}:
        yield TOKEN_TYPE.at(Party.SERVER, answered.url, f"token_type is {cut(kind)}")
    if not no_store(answered):
        yield CACHE.at(Party.SERVER, answered.url, f"Cache-Control: {cut(answered.header('cache-control'))}")
    if "refresh_token" in members:
        yield REFRESH.at(Party.SERVER, answered.url)
    seconds, ends, begins = number(members, "expires_in"), number(claims, "exp"), number(claims, "iat")
    if seconds is None or seconds > LONGEST_LIFE:
        yield LIFETIME.at(Party.SERVER, answered.url, f"expires_in is {cut(members.get('expires_in'))}")
    elif ends is not None and ends - (answered.received_at if begins is None else begins) > LONGEST_LIFE:
        life = ends - (answered.received_at if begins is None else begins)
        yield LIFETIME.at(Party.SERVER, answered.url, f"expires_in is {cut(seconds)}, and exp is after {life:.0f} s")


def _signed(server: IssuerSeen, token: jws.Parsed) -> Iterator[Finding]:
    fault = unproven(token, server, jws.ACCESS_TOKEN)
    if fault is None:
        return
    typ = (token.header.typ or "").lower().removeprefix("application/")
    row = SIGNATURE if fault.check != "typ" else KIND if typ in _OTHER_KINDS else TYP
    yield row.at(Party.SERVER, server.identifier, str(fault))


def _parties(view: View, server: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    if claims.get("iss") != server.identifier:
        yield ISSUER.at(Party.SERVER, server.identifier, compared(server.identifier, claims.get("iss")))
    audiences = values(claims, "aud")
    if view.resource is not None and view.resource.identifier not in audiences:
        evidence = f"expected {cut(view.resource.identifier)}, found {listed(audiences)}"
        yield AUDIENCE.at(Party.SERVER, server.identifier, evidence)
    elif view.resource is not None and len(audiences) > 1:
        yield AUDIENCES.at(Party.SERVER, server.identifier, listed(audiences))
    subject = claims.get("sub")
    if isinstance(subject, str) and "@" in subject:
        yield E_MAIL.at(Party.SERVER, server.identifier, "sub has an @")


def _scopes(journey: Journey, server: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    grant = parsed(journey.grant)
    granted = [] if grant is None else scopes(grant.unverified_claims)
    if granted and (more := [scope for scope in scopes(claims) if scope not in granted]):
        yield WIDER.at(Party.SERVER, server.identifier, f"{listed(more)} beside {listed(granted)}")
