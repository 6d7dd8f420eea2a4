"""One run of the unchanged tests: which of them reach each line, and in what time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from copies import Copy
    from guards import Guard

FIRST = 24
"""Tests of the first attempt; nearly every mutant dies there."""
ENOUGH = 180.0
"""Seconds of tests after which a mutant that nobody noticed counts as a survivor."""


class TestsFail(Exception):
    """The unchanged tests do not run, so nothing can be said about changed sources."""


@dataclass(slots=True)
class Evidence:
    """What the run showed."""

    seconds: dict[str, float] = field(default_factory=dict)
    """How long each passed test took."""
    failed: set[str] = field(default_factory=set)
    """Tests that failed or were skipped: they prove nothing."""
    modules: set[str] = field(default_factory=set)
    """What the tests imported, from wherever."""
    lines: dict[str, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    """Tests by path and line."""

    def quick(self) -> list[str]:
        """A few tests of different kinds."""
        return self._diverse(self.seconds)[:FIRST]

    def noticing(self, guard: Guard, likely: Collection[str] = ()) -> list[list[str]]:
        """The tests that could notice the guard's removal, in attempts, likely ones first.

        Only a test that the guard refused can notice that it is gone, so where the line
        of the refusal tells them apart those come first. Then come tests that are seen
        in the function up to some line before: of a coroutine that an exception was
        thrown into, no further line is seen. What no test is seen to enter may run in
        another process or in a thread of grpc: then every test of the file is tried.
        All variants of the `likely` test functions go before the others.

        The first attempt is of many kinds; the other takes the fastest tests, as they ask
        for the least beside the guard, and of them as many as there is time for.
        """
        lines = self.lines[guard.path]
        reach = set().union(*(lines.get(line, set()) for line in guard.reached))
        first = lines.get(guard.tripped, set()) if guard.tripped else reach - lines.get(guard.passed, set())
        before = [lines.get(line, set()) for line in reversed(range(guard.around.start, guard.line))]
        groups = [{test for test in first | reach if function_of(test) in likely}, first, reach, *before]
        if not any(groups):
            groups = [set().union(*lines.values())]
        diverse, fastest = self._ordered(groups, self._diverse), self._ordered(groups, self._fastest)
        head = diverse[:FIRST]
        spent = 0.0
        later = []
        for test in fastest:
            if test not in head:
                spent += self.seconds[test]
                if spent > ENOUGH:
                    break
                later.append(test)
        return [attempt for attempt in (head, later) if attempt]

    def _ordered(self, groups: Sequence[set[str]], order: Callable[[Collection[str]], Iterable[str]]) -> list[str]:
        """Every test once, group by group."""
        return list(dict.fromkeys(test for group in groups for test in order(group)))

    def _fastest(self, tests: Collection[str]) -> list[str]:
        return sorted((test for test in tests if test in self.seconds), key=lambda test: (self.seconds[test], test))

    def _diverse(self, tests: Collection[str]) -> list[str]:
        """The fastest variant of each parametrized test, then the second fastest: the
        variants of one test mostly notice the same things."""
        variants: Counter[str] = Counter()
        turns = []
        for test in self._fastest(tests):
            function = function_of(test)
            turns.append((variants[function], self.seconds[test], test))
            variants[function] += 1
        return [test for _, _, test in sorted(turns)]


def function_of(test: str) -> str:
    """The test function that a test is a variant of."""
    return test.partition("[")[0]


def gather(copy: Copy, paths: Collection[str], tests: Collection[str], workers: int) -> Evidence:
    """Runs the tests once over the unchanged copy. Raises TestsFail."""
    folder = copy.folder / "reached"
    folder.mkdir()
    here = str(Path(__file__).parent)
    environ = (
        os.environ
        | copy.environ
        | {
            "PYTHONPATH": os.pathsep.join([here, copy.environ["PYTHONPATH"]]),
            "GRANTD_REACHED": str(folder),
            "GRANTD_REACHED_FILES": json.dumps([str(copy.folder / path) for path in paths]),
        }
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "reached",
        "-p",
        "no:cacheprovider",
        f"--rootdir={copy.root}",
        *tests,
    ]
    if workers > 1:
        command += ["-n", str(workers)]
    done = subprocess.run(command, cwd=copy.root, env=environ, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise TestsFail(done.stdout[-4000:] + done.stderr[-2000:])
    return _read(folder, copy)


def _read(folder: Path, copy: Copy) -> Evidence:
    found = Evidence()
    for share in folder.glob("tests-*.json"):
        told = json.loads(share.read_text("utf-8"))
        found.seconds |= told["seconds"]
        found.failed |= set(told["failed"])
        found.modules |= set(told["modules"])
    for test in found.failed:
        found.seconds.pop(test, None)
    for share in folder.glob("lines-*"):
        data = CoverageData(str(share))
        data.read()
        for file in data.measured_files():
            lines = found.lines[Path(file).relative_to(copy.folder).as_posix()]
            for line, tests in data.contexts_by_lineno(file).items():
                lines.setdefault(line, set()).update(test for test in tests if test)
    return found
