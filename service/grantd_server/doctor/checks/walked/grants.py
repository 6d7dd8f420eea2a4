"""Leg 1: the answer, and the grant in it as the authorization server will read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd import jws
from grantd.claims import SKEW
from grantd_server.checks import TOKEN_TYPE_ID_JAG
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
    "leg1.refused", Severity.ERROR, "The grant issuer refuses.",
    "Ask for the reason there; where it is grantd: grantd explain with the decision id.",
)  # fmt: skip
ANSWER = Row(
    "leg1.answer", Severity.ERROR, "The grant issuer does not answer with an ID-JAG.",
    f"Answer with access_token, and issued_token_type {TOKEN_TYPE_ID_JAG}: clients look for exactly that.",
)  # fmt: skip
TOKEN_TYPE = Row(
    "leg1.token-type", Severity.WARNING, "The grant is called a token for use.",
    "Answer with token_type N_A: a grant opens nothing by itself (RFC 8693 section 2.2.1).",
)  # fmt: skip
CACHE = Row(
    "leg1.cache", Severity.WARNING, "The grant may be kept by caches.",
    "Send Cache-Control: no-store (RFC 6749 section 5.1).",
)  # fmt: skip
REFRESH = Row(
    "leg1.refresh-token", Severity.WARNING, "A refresh token comes with the grant.",
    "Leave it out: the sign-in is what is renewed, under the company's policy.",
)  # fmt: skip
EXPIRES_IN = Row(
    "leg1.expires-in", Severity.WARNING, "The answer tells the life of the grant otherwise than as a number.",
    "Answer with expires_in as a JSON number of seconds; clients refuse answers that they cannot read.",
)  # fmt: skip
ANSWERED_SCOPE = Row(
    "leg1.scope", Severity.WARNING, "The answer and the grant in it name different scopes.",
    "Answer with the scopes that were granted, and write the same into the grant.",
)  # fmt: skip
FORM = Row(
    "grant.form", Severity.ERROR, "The grant is no JSON Web Token.",
    "Issue a signed JWT; encrypted ones need an authorization server that can read them.",
)  # fmt: skip
TYP = Row(
    "grant.typ", Severity.ERROR, "The grant does not say that it is one.",
    "Set the header's typ to oauth-id-jag+jwt: it alone tells a grant from other tokens of the issuer.",
)  # fmt: skip
SIGNATURE = Row(
    "grant.signature", Severity.ERROR, "The grant is signed with no key that the issuer publishes.",
    "Publish the key, with the kid that grants name, before it signs.",
)  # fmt: skip
ISSUER = Row(
    "grant.issuer", Severity.ERROR, "The grant is by another issuer than the metadata.",
    "Let `iss` be the issuer byte for byte: authorization servers choose their trust by it.",
)  # fmt: skip
AUDIENCE = Row(
    "grant.audience", Severity.ERROR, "The grant is not for this authorization server alone.",
    "Let `aud` be its issuer byte for byte, and nothing beside it; not its token endpoint.",
)  # fmt: skip
CLIENT_ID = Row(
    "grant.client-id", Severity.ERROR, "The grant names the client otherwise than the authorization server knows it.",
    "Map the client to its id at the authorization server, and write that into the grant.",
)  # fmt: skip
RESOURCE = Row(
    "grant.resource", Severity.ERROR, "The grant is for another MCP server.",
    "Let `resource` be the URL that was asked for.",
)  # fmt: skip
NO_RESOURCE = Row(
    "grant.no-resource", Severity.WARNING, "The grant names no MCP server.",
    "Let the issuer write `resource`; many authorization servers refuse a grant without it.",
)  # fmt: skip
CLAIMS = Row(
    "grant.claims", Severity.ERROR, "The grant lacks a claim that it must have, or has one in another form.",
    "Write iss, sub, aud, client_id, jti, exp and iat into every grant, times as numbers, scopes as one text with spaces.",
)  # fmt: skip
LIFETIME = Row(
    "grant.lifetime", Severity.WARNING, "The grant is good for more than five minutes.",
    "Issue it for 300 s at most: authorization servers refuse longer ones.",
)  # fmt: skip
FUTURE = Row(
    "grant.future", Severity.ERROR, "The grant begins in the future.",
    "Synchronise the issuer's clock (NTP): authorization servers refuse what is not yet valid.",
)  # fmt: skip
SCOPE = Row(
    "grant.scope", Severity.WARNING, "The grant is for less than was asked for.",
    "Nothing, if policy says so; otherwise give the user or the client the missing scopes.",
)  # fmt: skip
WIDER = Row(
    "grant.wider", Severity.ERROR, "The grant is for more than was asked for.",
    "Grant what was asked for or less: a client must not carry rights that it did not want.",
)  # fmt: skip
ROWS: Final = (
    REFUSED, ANSWER, TOKEN_TYPE, CACHE, REFRESH, EXPIRES_IN, ANSWERED_SCOPE, FORM, TYP, SIGNATURE, ISSUER, AUDIENCE, CLIENT_ID, RESOURCE,
    NO_RESOURCE, CLAIMS, LIFETIME, FUTURE, SCOPE, WIDER,
)  # fmt: skip

LONGEST_LIFE: Final = 300
_REQUIRED: Final = {"iss": str, "sub": str, "client_id": str, "jti": str}


def check(view: View) -> Iterator[Finding]:
    """Judges what leg 1 brought."""
    journey, issuer = view.journey, view.issuer
    if journey is None or journey.leg1 is None or issuer is None:
        return
    if journey.leg1.status != 200 or journey.leg1.members is None:
        yield from refused(REFUSED, Party.ISSUER, journey.leg1, journey)
        return
    yield from _answer(journey, journey.leg1, journey.leg1.members)
    token = parsed(journey.grant)
    if token is None:
        if journey.grant:
            yield FORM.at(Party.ISSUER, issuer.identifier, f"{journey.grant.count('.') + 1} parts")
        return
    fault = unproven(token, issuer, jws.ID_JAG)
    if fault is not None:
        yield (TYP if fault.check == "typ" else SIGNATURE).at(Party.ISSUER, issuer.identifier, str(fault))
    yield from _parties(view, issuer, token.unverified_claims)
    yield from _contents(view, issuer, token.unverified_claims)
    yield from _times(journey.leg1, issuer, token.unverified_claims)
    yield from _scopes(view, journey.leg1, issuer, token.unverified_claims)


def _answer(journey: Journey, answered: Exchange, members: Mapping[str, object]) -> Iterator[Finding]:
    kind, use = members.get("issued_token_type"), members.get("token_type")
    if not isinstance(members.get("access_token"), str) or kind != TOKEN_TYPE_ID_JAG:
        yield ANSWER.at(
            Party.ISSUER,
            answered.url,
            f"issued_token_type is {cut(journey.told(str(kind)))}; there are {listed(sorted(members))}",
        )
    if str(use).upper() != "N_A":
        yield TOKEN_TYPE.at(Party.ISSUER, answered.url, f"token_type is {cut(journey.told(str(use)))}")
    if not no_store(answered):
        yield CACHE.at(Party.ISSUER, answered.url, f"Cache-Control: {cut(answered.header('cache-control'))}")
    if "refresh_token" in members:
        yield REFRESH.at(Party.ISSUER, answered.url)
    if "expires_in" in members and number(members, "expires_in") is None:
        yield EXPIRES_IN.at(
            Party.ISSUER, answered.url, f"expires_in is {cut(journey.told(str(members['expires_in'])))}"
        )


def _parties(view: View, issuer: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    if claims.get("iss") != issuer.identifier:
        yield ISSUER.at(Party.ISSUER, issuer.identifier, compared(issuer.identifier, claims.get("iss")))
    if view.server is not None and values(claims, "aud") != [view.server.identifier]:
        evidence = f"expected {cut(view.server.identifier)}, found {listed(values(claims, 'aud'))}"
        yield AUDIENCE.at(Party.ISSUER, issuer.identifier, evidence)
    client_id = view.setup.client.at_authorization_server
    if client_id and claims.get("client_id") != client_id:
        yield CLIENT_ID.at(Party.ISSUER, issuer.identifier, compared(client_id, claims.get("client_id")))


def _contents(view: View, issuer: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    if view.resource is not None:
        resources = values(claims, "resource")
        if not resources:
            yield NO_RESOURCE.at(Party.ISSUER, issuer.identifier)
        elif view.resource.identifier not in resources:
            evidence = f"expected {cut(view.resource.identifier)}, found {listed(resources)}"
            yield RESOURCE.at(Party.ISSUER, issuer.identifier, evidence)
    lacking = [name for name, kind in _REQUIRED.items() if not isinstance(claims.get(name), kind) or not claims[name]]
    lacking += [name for name in ("exp", "iat") if number(claims, name) is None]
    lacking += ["scope"] if not isinstance(claims.get("scope", ""), str) else []
    if lacking:
        yield CLAIMS.at(Party.ISSUER, issuer.identifier, f"{listed(lacking)} of {listed(sorted(claims), 20)}")


def _times(answered: Exchange, issuer: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    expires, begins = number(claims, "exp"), number(claims, "iat")
    if expires is not None and begins is not None and expires - begins > LONGEST_LIFE:
        yield LIFETIME.at(Party.ISSUER, issuer.identifier, f"{expires - begins:.0f} s")
    if begins is not None and begins > answered.received_at + SKEW:
        yield FUTURE.at(Party.ISSUER, issuer.identifier, f"{begins - answered.received_at:.0f} s later than here")


def _scopes(view: View, answered: Exchange, issuer: IssuerSeen, claims: Mapping[str, object]) -> Iterator[Finding]:
    asked, granted, told = view.setup.scopes, scopes(claims), scopes(answered.members or {})
    if lost := [scope for scope in asked if scope not in granted]:
        yield SCOPE.at(Party.ISSUER, issuer.identifier, f"{listed(lost)} are not among {listed(granted)}")
    if asked and (more := [scope for scope in granted if scope not in asked]):
        yield WIDER.at(Party.ISSUER, issuer.identifier, f"{listed(more)} beside {listed(asked)}")
    if told and set(told) != set(granted):
        yield ANSWERED_SCOPE.at(Party.ISSUER, answered.url, f"{listed(told)} told, {listed(granted)} granted")
