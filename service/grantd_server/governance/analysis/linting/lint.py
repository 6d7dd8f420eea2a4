"""Runs every linter over a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.judge import Judge
from grantd_server.governance.analysis.linting.breadth import breadth
from grantd_server.governance.analysis.linting.ending import ending
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.governance.analysis.linting.matching import matching
from grantd_server.governance.analysis.linting.needless import needless
from grantd_server.governance.analysis.linting.reach import reach
from grantd_server.governance.analysis.linting.shadowed import shadowed
from grantd_server.governance.analysis.linting.subject import Subject, texts_of
from grantd_server.governance.asking.offline import rule_places, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.governance.testing.suites import Suite

LINTERS = (shadowed, reach, matching, breadth, ending)
WHOLE = frozenset({"shadowed", "denied", "unreachable", "never-matching", "expired"})
"""What is told of a rule as a whole."""
_ORDER = [severity.value for severity in Severity]


def lint(
    bundle: Document | bytes, suites: Iterable[Suite], now: int, snapshot: Snapshot | None = None
) -> list[Finding]:
    """Every finding, the worst first; of a document also where. Shadow rules decide
    nothing and are left alone. Who has the bundle compiled already says so."""
    raw = bundle if isinstance(bundle, bytes) else bundle.json
    places = {} if isinstance(bundle, bytes) else rule_places(bundle)
    subject = Subject(Judge(snapshot or snapshot_of(bundle)), texts_of(raw), places, tuple(suites), now)
    found = {finding for linter in LINTERS for finding in linter(subject)}
    found |= set(needless(subject, frozenset(one.rule for one in found if one.code in WHOLE)))
    return sorted(found, key=lambda one: (_ORDER.index(one.severity), one.place, one.rule, one.code, one.sentence))
