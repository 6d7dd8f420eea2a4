"""A pytest plugin: which lines each passed test reached, and how long it took.

Loaded with `-p reached`. Each process writes its share into the folder that
GRANTD_REACHED names; `grantd` and `grantd_server` must be importable from the copies
that GRANTD_MUTANTS_SOURCES lists, or what is measured is not what is mutated.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = Path(os.environ["GRANTD_REACHED"])
_SHARE = uuid.uuid4().hex
_COVERAGE = coverage.Coverage(
    data_file=str(_FOLDER / f"lines-{_SHARE}"),
    config_file=False,
    include=json.loads(os.environ["GRANTD_REACHED_FILES"]),
)
_COVERAGE.start()
_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _COVERAGE.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _COVERAGE.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if hasattr(report, "node"):
        return  # told again to the controller by xdist
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if not report.passed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    # Not later: a worker of xdist may be ended as soon as its session is over.
    _COVERAGE.stop()
    _COVERAGE.save()
    found = {"seconds": _seconds, "failed": sorted(_failed), "modules": sorted(sys.modules)}
    (_FOLDER / f"tests-{_SHARE}.json").write_text(json.dumps(found), "utf-8")
