"""A pytest plugin: which requirements hold, told from the tests that passed in this run.

`--conformance FILE` writes the table. A row is met only by a passed test that carries
its id; an id that is not in the table fails the collection.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from requirements import LEVELS, rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from requirements import Row

STATES = ("met", "not yet", "later", "declined")

_PROPERTY = "requirements"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance", metavar="FILE", help="write which requirements hold in this run")


def pytest_configure(config: pytest.Config) -> None:
    # Under xdist the workers run the tests and this process hears of all of them.
    if config.getoption("conformance") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Conformance(Path(config.getoption("conformance"))))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        proves = [row for mark in item.iter_markers("req") for row in mark.args]
        unknown = sorted(set(proves) - rows().keys())
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no such requirement: {' '.join(unknown)}")
        # Reports carry it to whoever counts, from another process, too.
        item.user_properties.append((_PROPERTY, proves))


class Conformance:
    """Counts what passed tests prove, and writes it down."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._proofs: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        proves = dict(report.user_properties).get(_PROPERTY, ())
        assert isinstance(proves, list | tuple)
        for row in proves:
            if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
                self._proofs[row].add(report.nodeid)
            elif not report.passed:
                self._proofs[row].discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        counts = {row: len(tests) for row, tests in self._proofs.items()}
        self._file.write_text(page(list(rows().values()), counts), "utf-8")


def state(row: Row, tests: int) -> str:
    """What is promised of a row. What waits for something else is not met by the test
    that such requests are refused meanwhile."""
    if row.declined:
        return "declined"
    if row.later:
        return "later"
    return "met" if tests else "not yet"


def page(table: Collection[Row], tests: Mapping[str, int]) -> str:
    """The text of docs/conformance.md."""
    lines = [
        "# Conformance",
        "",
        "What the specifications ask, in our own words, and whether it holds. Written by",
        "`make conformance` from one run of all tests: a row is *met* when a test that carries",
        "its id passed in that run. *Later* waits for something that is not built, *declined*",
        "was decided against; both tell what a caller gets meanwhile. The ids are those of",
        "`tests/requirements.yaml`.",
        "",
        *_totals(table, tests),
    ]
    for group, grouped in groupby(table, key=lambda row: row.group):
        lines += ["", f"## {group}", "", "| id | level | status | requirement | tests |", "|---|---|---|---|---|"]
        lines += [_line(row, tests.get(row.id, 0)) for row in grouped]
    return "\n".join(lines) + "\n"


def _totals(table: Collection[Row], tests: Mapping[str, int]) -> list[str]:
    found = Counter((state(row, tests.get(row.id, 0)), row.level) for row in table)
    lines = [f"| status | {' | '.join(LEVELS)} | all |", "|---" * (len(LEVELS) + 2) + "|"]
    for one in STATES:
        counts = [found[one, level] for level in LEVELS]
        lines.append(f"| {one} | {' | '.join(map(str, counts))} | {sum(counts)} |")
    return lines


def _line(row: Row, tests: int) -> str:
    status = state(row, tests)
    if row.later:
        status += f": {row.later}"
    says = row.says + (f" Declined: {row.declined}." if row.declined else "")
    return f"| {row.id} | {row.level} | {status} | {says} | {tests or ''} |".replace("  |", " |")
