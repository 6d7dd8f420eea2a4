"""Tries guard after guard in a few processes, each with a copy of its own."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from copies import Copy
    from evidence import Evidence
    from guards import Guard

PATIENCE = 20.0
"""Seconds that a run may take beside four times what its tests took before."""

_mine: list[Copy] = []


class Verdict(NamedTuple):
    """What became of one guard's removal."""

    guard: Guard
    killer: str
    """The test that noticed; empty for a survivor."""
    reached: bool
    """Whether any test got as far as the guard, or as its refusal where that tells."""


def verdicts(copy: Copy, guards: Sequence[Guard], evidence: Evidence, workers: int) -> Iterator[Verdict]:
    """Tries every guard in copies of `copy`; verdicts come in the order of the guards.
    Raises trial.Broken when the tests cannot be run that way at all."""
    trial.warm_up(evidence.modules)
    trial.prove(copy, evidence.quick())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), initializer=_begin, initargs=(copy,))
    with pool:
        tries = []
        for guard in guards:
            attempts = evidence.noticing(guard)
            limits = [PATIENCE + 4 * sum(evidence.seconds[test] for test in tests) for tests in attempts]
            tries.append((guard, attempts, pool.submit(_try, guard, attempts, limits)))
        for guard, attempts, told in tries:
            yield Verdict(guard, told.result(), bool(attempts))


def false_alarms(copy: Copy, killers: Sequence[str]) -> list[str]:
    """The tests that fail without any change: what they noticed counts for nothing."""
    remaining, found = list(killers), []
    while remaining and (failing := trial.run(copy, remaining, 3600.0)):
        if failing not in remaining:
            return [*found, f"{failing}\n" + (copy.folder / "output").read_text("utf-8", "replace")[-3000:]]
        found.append(failing)
        remaining = remaining[remaining.index(failing) + 1 :]
    return found


def _begin(copy: Copy) -> None:
    _mine[:] = [copy.again(copy.folder / f"worker-{os.getpid()}")]


def _try(guard: Guard, attempts: Sequence[Sequence[str]], limits: Sequence[float]) -> str:
    (copy,) = _mine
    with copy.without(guard):
        for tests, limit in zip(attempts, limits, strict=True):
            if killer := trial.run(copy, tests, limit):
                return killer
    return ""
