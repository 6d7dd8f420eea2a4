"""One examination: look at every party, and judge what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grantd_server.doctor.checks import findings
from grantd_server.doctor.findings import Severity
from grantd_server.doctor.probing.walk import walk
from grantd_server.doctor.reading.exchanges import Asker
from grantd_server.doctor.reading.view import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.doctor.findings import Finding
    from grantd_server.doctor.probing.journey import Probe
    from grantd_server.doctor.reading.exchanges import Asking
    from grantd_server.doctor.reading.view import View
    from grantd_server.doctor.setup import Setup
    from grantd_server.governance.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Examination:
    """What was seen, what was found in it, and when."""

    view: View
    findings: tuple[Finding, ...]
    at: float

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def healthy(self) -> bool:
        """Whether there is no error."""
        return not self.count(Severity.ERROR)


async def examine(
    setup: Setup,
    fetcher: Asking,
    now: Callable[[], float],
    declared: Snapshot | None = None,
    probe: Probe | None = None,
) -> Examination:
    """Looks, and changes nothing anywhere; compares with a bundle, and walks with a real
    sign-in, where they are given."""
    began, asker = now(), Asker(fetcher, now)
    view = replace(await look(asker, setup), declared=declared)
    if probe is not None:
        view = replace(view, journey=await walk(asker, view, probe))
    return Examination(view, tuple(findings(view)), began)
