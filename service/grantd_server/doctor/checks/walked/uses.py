"""After leg 2: the grant presented twice, the MCP server opened, the tokens revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.answered.documents import outcome
from grantd_server.doctor.checks.walked.refusals import refused
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

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
NOT_REVOKED = Row(
    "revocation.failed", Severity.WARNING, "The access token could not be revoked.",
    "Answer 200 to a revocation by the client that got the token (RFC 7009). The token of this probe lives until it expires.",
)  # fmt: skip
REVOKED = Row("revocation.done", Severity.NOTE, "The tokens of this probe were revoked.", "Nothing.")
NO_REVOCATION = Row(
    "revocation.none", Severity.NOTE, "There is no way to revoke: the tokens of this probe live until they expire.",
    "A revocation endpoint (RFC 7009) would end them.",
)  # fmt: skip
ROWS: Final = (ONCE, AGAIN, ODD, OPENED, NOT_OPENED, ALTERED, NOT_REVOKED, REVOKED, NO_REVOCATION)


def check(view: View) -> Iterator[Finding]:
    """Judges what could be done with grant and token."""
    journey, server = view.journey, view.server
    if journey is None or server is None or not journey.access_token:
        return
    yield from _replayed(journey)
    yield from _resource(journey)
    yield from _revoked(journey, server)


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
