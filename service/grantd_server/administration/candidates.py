"""A directory that is to become a bundle: read, tested, held to what the service needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.administration.uploads import unpacked
from grantd_server.governance.asking.offline import rule_places, snapshot_of
from grantd_server.governance.document import parse_directory, version_of
from grantd_server.governance.faults import BundleError
from grantd_server.governance.testing.reading.suite_files import read_suites
from grantd_server.governance.testing.running import run_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.governance.testing.report import CaseResult

LONGEST_FAULT = 500
"""Characters of one fault."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What its policy tests said."""

    total: int = 0
    failing: tuple[CaseResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What came of it: faults, or a version with its document."""

    faults: list[str]
    """`file:line:column: sentence`; nothing else is filled where there is any."""
    version: str = ""
    document: bytes = b""
    tests: Tested = Tested()


def candidate(files: Mapping[str, bytes], unusable: Callable[[bytes], list[str]], now: int) -> Candidate:
    """Reads files as a directory of governance; takes long, and is called in a thread."""
    with unpacked(files) as folder:
        try:
            document = parse_directory(folder)
            suites = read_suites(folder)
        except BundleError as invalid:
            return Candidate([_told(str(fault), str(folder)) for fault in invalid.errors])
    if faults := unusable(document.json):
        return Candidate([_told(fault, str(folder)) for fault in faults])
    report = run_tests(snapshot_of(document), suites, now, rule_places(document))
    return Candidate([], version_of(document), document.json, Tested(len(report.results), report.failing))


def _told(fault: str, folder: str) -> str:
    # Where the files lay for a moment is nobody's business.
    return fault.replace(folder, "the directory")[:LONGEST_FAULT]
