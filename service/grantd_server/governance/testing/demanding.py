"""Policy tests as a demand: whoever puts a directory in force without asking anybody is held to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import MOST_FAULTS, BundleError, BundleFault
from grantd_server.governance.testing.running import run_tests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.document import Document
    from grantd_server.governance.testing.report import CaseResult
    from grantd_server.governance.testing.suites import Suite


def demand(document: Document, suites: Sequence[Suite], now: int) -> None:
    """Raises BundleError with the place of each test that does not pass."""
    failing = run_tests(document, suites, now).failing if suites else ()
    if failing:
        raise BundleError([_fault(result) for result in failing[:MOST_FAULTS]])


def _fault(result: CaseResult) -> BundleFault:
    file, line, column = result.place.rsplit(":", 2)
    sentence = f"{result.suite}: {result.name}: this policy test does not pass; `grantd policy test` tells why"
    return BundleFault(file, int(line), int(column), sentence)
