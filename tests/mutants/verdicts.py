"""Tries guard after guard in a few processes, each with a copy of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from evidence import function_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from copies import Copy
    from evidence import Evidence
    from guards import Guard
    from trial import Trials

PATIENCE = 20.0
"""Seconds that a run may take beside four times what its tests took before."""

_mine: list[tuple[Trials, Copy, Evidence]] = []
_killers: dict[str, set[str]] = defaultdict(set)
"""The test functions that noticed something of a file before."""


class Verdict(NamedTuple):
    """What became of one guard's removal."""

    guard: Guard
    killer: str
    """The test that noticed; empty for a survivor."""
    reached: bool
    """Whether any test got as far as the guard, or as its refusal where that tells."""


def verdicts(
    trials: Trials,
    copy: Copy,
    guards: Sequence[Guard],
    evidence: Evidence,
    workers: int,
    *,
    expected: Collection[str] = (),
) -> Iterator[Verdict]:
    """Tries every guard; verdicts come in the order of the guards. Survivors that are
    `expected`, by key, are tried with the likeliest tests only."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, fork, initializer=_begin, initargs=(trials, copy, evidence)) as pool:
        tries = [pool.submit(_try, guard, brief=guard.key in expected) for guard in guards]
        for told in tries:
            yield told.result()


def false_alarms(trials: Trials, copy: Copy, killers: Sequence[str]) -> list[str]:
    """The tests that fail without any change: what they noticed counts for nothing."""
    remaining, found = list(killers), []
    while remaining and (failing := trials.run(copy, remaining, 3600.0)):
        if failing not in remaining:
            return [*found, f"{failing}\n" + (copy.folder / "output").read_text("utf-8", "replace")[-3000:]]
        found.append(failing)
        remaining = remaining[remaining.index(failing) + 1 :]
    return found


def _begin(trials: Trials, copy: Copy, evidence: Evidence) -> None:
    _mine[:] = [(trials, copy.again(copy.folder / f"worker-{os.getpid()}"), evidence)]


def _try(guard: Guard, *, brief: bool) -> Verdict:
    ((trials, copy, evidence),) = _mine
    attempts = evidence.noticing(guard, _killers[guard.path])[: 1 if brief else None]
    with copy.without(guard):
        for tests in attempts:
            limit = PATIENCE + 4 * sum(evidence.seconds[test] for test in tests)
            if killer := trials.run(copy, tests, limit, guard):
                _killers[guard.path].add(function_of(killer))
                return Verdict(guard, killer, reached=True)
    return Verdict(guard, "", bool(attempts))
