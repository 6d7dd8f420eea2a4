"""How far the walk came, and whose answer ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.answered.documents import outcome
from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.view import View

NOT_BEGUN = Row(
    "probe.not-begun", Severity.WARNING, "The walk was not begun, and no credential was sent.",
    "Name all parties, and mend what was found about their metadata.", OWNER[Party.HERE],
)  # fmt: skip
ENDED = Row(
    "probe.ended", Severity.WARNING, "The walk ended on the way.",
    "Mend what was found about this answer, and walk again: nothing behind it was tried.",
)  # fmt: skip
ROWS: Final = (NOT_BEGUN, ENDED)

_LEGS: Final = ("the first leg", "the second leg", "the MCP server")


def check(view: View) -> Iterator[Finding]:
    """Tells a walk that did not come to its end."""
    journey = view.journey
    if journey is None:
        return
    if journey.why_not:
        yield NOT_BEGUN.at(Party.HERE, "probe", journey.why_not)
        return
    for place, (party, answered, well) in enumerate(_steps(journey)):
        if answered is not None and not well:
            done = " and ".join(_LEGS[:place]) or "nothing"
            evidence = (
                f"done: {done}; {_LEGS[place]} was answered by the {party.value} at {answered.url}: {outcome(answered)}"
            )
            yield ENDED.at(party, answered.url, evidence)


def _steps(journey: Journey) -> Iterator[tuple[Party, Exchange | None, bool]]:
    """Each step of the way, what was answered there, and whether it led on."""
    yield Party.ISSUER, journey.leg1, bool(journey.grant)
    yield Party.SERVER, journey.leg2, bool(journey.access_token)
    yield Party.RESOURCE, journey.opened, journey.opened is not None and 200 <= journey.opened.status < 300
