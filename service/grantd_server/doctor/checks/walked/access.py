"""Leg 2 and after: the access token, the grant presented twice, the MCP server, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd import jws
from grantd_server.doctor.checks.answered.documents import outcome
from grantd_server.doctor.checks.spelling import compared
from grantd_server.doctor.checks.walked.tokens import no_store, number, parsed, refused, unproven, values
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
OPAQUE = Row(
    "access.opaque", Severity.NOTE, "The access token is no JSON Web Token.",
    "Nothing: the MCP server asks the authorization server about it.",
)  # fmt: skip
TYP = Row(
    "access.typ", Severity.WARNING, "The access token does not say that it is one.",
    "Set the header's typ to at+jwt (RFC 9068): it tells access tokens from ID tokens and grants.",
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
ONCE = Row("replay.once", Severity.NOTE, "A grant is redeemed once.", "Nothing: it is what the MCP extension wants.")
AGAIN = Row(
    "replay.again", Severity.WARNING, "A grant can be redeemed again until it expires.",
    "Redeem each once. The ID-JAG draft allows this, the MCP extension does not: who finds a grant in a log can use it.",
)  # fmt: skip
ODD = Row(
    "replay.odd", Severity.WARNING, "The second redemption of a grant does not end in invalid_grant.",
    "Answer 400 with invalid_grant: then the client fetches a fresh grant.",
)  # fmt: skip
OPENED = Row("resource.opened", Severity.NOTE, "The MCP server takes the access token.", "Nothing.")
NOT_OPENED = Row(
    "resource.refused", Severity.ERROR, "The MCP server refuses the access token.",
    "Let it verify by the keys of this authorization server, with its own identifier as audience.",
)  # fmt: skip
ALTERED = Row(
    "resource.altered", Severity.ERROR, "The MCP server takes a token whose signature was altered.",
    "Verify signatures.",
)  # fmt: skip
BOUND = Row(
    "access.bound", Severity.NOTE, "The access token is bound to a key, so that the MCP server was not called with it.",
    "Nothing.",
)  # fmt: skip
NOT_REVOKED = Row(
    "revocation.failed", Severity.WARNING, "The access token could not be revoked.",
    "Answer 200 to a revocation by the client that got the token (RFC 7009). The token of this probe lives until it expires.",
)  # fmt: skip
REVOKED = Row("revocation.done", Severity.NOTE, "The tokens of this probe were revoked.", "Nothing.")
NO_REVOCATION = Row(
    "revocation.none", Severity.NOTE, "There is no way to revoke: the tokens of this probe live until they expire.",
    "A revocation endpoint (RFC 7009) would end them.",
)  # fmt: skip
ROWS: Final = (
    REFUSED, ANSWER, CACHE, REFRESH, LIFETIME, OPAQUE, TYP, SIGNATURE, ISSUER, AUDIENCE, ONCE, AGAIN, ODD, OPENED,
    NOT_OPENED, ALTERED, BOUND, NOT_REVOKED, REVOKED, NO_REVOCATION,
)  # fmt: skip

LONGEST_LIFE: Final = 3600


def check(view: View) -> Iterator[Finding]:
    """Judges what leg 2 brought, and what could be done with it."""
    journey, server = view.journey, view.server
    if journey is None or journey.leg2 is None or server is None:
        return
    if journey.leg2.status != 200 or journey.leg2.members is None:
        yield from refused(REFUSED, Party.SERVER, journey.leg2, journey)
        return
    yield from _answer(journey.leg2, journey.leg2.members)
    if journey.access_token:
        yield from _token(view, server, journey.access_token)
        yield from _replayed(journey)
        yield from _resource(journey)
        yield from _revoked(journey, server)


def _answer(answered: Exchange, members: Mapping[str, object]) -> Iterator[Finding]:
    if not isinstance(members.get("access_token"), str) or not isinstance(members.get("token_type"), str):
        yield ANSWER.at(Party.SERVER, answered.url, f"there are {listed(sorted(members))}")
    if not no_store(answered):
        yield CACHE.at(Party.SERVER, answered.url, f"Cache-Control: {cut(answered.header('cache-control'))}")
    if "refresh_token" in members:
        yield REFRESH.at(Party.SERVER, answered.url)
    seconds = number(members, "expires_in")
    if seconds is None or seconds > LONGEST_LIFE:
        yield LIFETIME.at(Party.SERVER, answered.url, f"expires_in is {cut(members.get('expires_in'))}")


def _token(view: View, server: IssuerSeen, access_token: str) -> Iterator[Finding]:
    token = parsed(access_token)
    if token is None:
        yield OPAQUE.at(Party.SERVER, server.identifier)
        return
    fault = unproven(token, server, jws.ACCESS_TOKEN)
    if fault is not None:
        yield (TYP if fault.check == "typ" else SIGNATURE).at(Party.SERVER, server.identifier, str(fault))
    claims = token.unverified_claims
    if claims.get("iss") != server.identifier:
        yield ISSUER.at(Party.SERVER, server.identifier, compared(server.identifier, claims.get("iss")))
    if view.resource is not None and view.resource.identifier not in values(claims, "aud"):
        evidence = f"expected {cut(view.resource.identifier)}, found {listed(values(claims, 'aud'))}"
        yield AUDIENCE.at(Party.SERVER, server.identifier, evidence)


def _replayed(journey: Journey) -> Iterator[Finding]:
    replay = journey.replay
    if replay is None:
        return
    error = (replay.members or {}).get("error")
    if replay.status == 200:
        yield AGAIN.at(Party.SERVER, replay.url, outcome(replay))
    elif replay.status in {400, 401} and error == "invalid_grant":
        yield ONCE.at(Party.SERVER, replay.url, f"the second time: status {replay.status}, {cut(error)}")
    else:
        yield from refused(ODD, Party.SERVER, replay, journey)


def _resource(journey: Journey) -> Iterator[Finding]:
    if journey.opened is None:
        if journey.leg2 is not None and str((journey.leg2.members or {}).get("token_type")).lower() == "dpop":
            yield BOUND.at(Party.SERVER, journey.leg2.url)
        return
    if not 200 <= journey.opened.status < 300:
        yield from refused(NOT_OPENED, Party.RESOURCE, journey.opened, journey)
        return
    yield OPENED.at(Party.RESOURCE, journey.opened.url, outcome(journey.opened))
    if journey.altered is not None and 200 <= journey.altered.status < 300:
        yield ALTERED.at(Party.RESOURCE, journey.altered.url, outcome(journey.altered))


def _revoked(journey: Journey, server: IssuerSeen) -> Iterator[Finding]:
    failed = [each for each in journey.revoked if each.status != 200]
    if not journey.revoked:
        yield NO_REVOCATION.at(Party.SERVER, server.identifier)
    elif failed:
        yield from refused(NOT_REVOKED, Party.SERVER, failed[0], journey)
    else:
        yield REVOKED.at(Party.SERVER, journey.revoked[0].url)
