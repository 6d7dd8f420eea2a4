"""How long one decision takes with 10, 1,000 and 10,000 rules, beside Cedar.

`make decisions [ROUNDS=9] [QUESTIONS=100]`. The same rules, questions and answers on both
sides: every answer is compared before anything is timed. A round asks every question of both
engines, one after the other; a figure is the median over questions of the median over
rounds of the process's CPU, a ratio the median over questions of the paired medians. Ours gives the scopes, the
rule for each and, in a refusal, the nearest misses; Cedar says yes or no to each scope.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cedarpy
from bench import cedar
from bench.rules import SHAPES, asked, compiled, groups_of, made_rules

from grantd_server.policy import decide_grant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.rules import Shape

    from grantd_server.model.bundle.rules import GrantInputs
    from grantd_server.policy import GrantRules

COUNTS: Final = (10, 1_000, 10_000)
SEED: Final = 20261122


@dataclass(frozen=True, slots=True)
class Engines:
    """Both, with everything ready."""

    rules: GrantRules
    policies: cedarpy.PolicySet
    entities: cedarpy.Entities

    def ours(self, question: GrantInputs) -> object:
        return decide_grant(self.rules, question)

    def theirs(self, requests: list[dict[str, Any]]) -> list[cedarpy.AuthzResult]:
        if len(requests) == 1:
            return [cedarpy.is_authorized(requests[0], self.policies, self.entities)]
        return cedarpy.is_authorized_batch(requests, self.policies, self.entities)


@dataclass(frozen=True, slots=True)
class Times:
    """Of one question: seconds in each round."""

    ours: list[float]
    theirs: list[float]


def measured(shape: Shape, count: int, scopes: int, questions: int, rounds: int) -> dict[str, list[Times]]:
    """Times of the questions whose answer was a grant, of some scopes at least, and of the others."""
    chance = random.Random(f"{SEED} {shape.name} {count}")
    written = made_rules(shape, count, chance)
    wanted = asked(shape, written, scopes, questions, chance)
    engines = Engines(compiled(written), cedar.policies(written), cedar.entities(wanted, groups_of(count)))
    met = {index for index, question in enumerate(wanted) if _same_answer(engines, question)}
    times = [Times([], []) for _ in wanted]
    gc.collect()
    gc.disable()
    for turn in range(rounds):
        for question, found in zip(wanted, times, strict=True):
            requests = cedar.requests(question)
            sides: list[Callable[[], None]] = [
                lambda q=question, f=found: f.ours.append(_timed(engines.ours, q)),  # type: ignore[misc]
                lambda r=requests, f=found: f.theirs.append(_timed(engines.theirs, r)),  # type: ignore[misc]
            ]
            for side in sides if turn % 2 else reversed(sides):
                side()
    gc.enable()
    granted = [found for index, found in enumerate(times) if index in met]
    refused = [found for index, found in enumerate(times) if index not in met]
    return {"granted": granted, "refused": refused}


def _timed(ask: Callable[[Any], object], what: object) -> float:
    began = time.process_time()
    ask(what)
    return time.process_time() - began


def _same_answer(engines: Engines, question: GrantInputs) -> bool:
    """Whether anything was granted; both engines must say the same of every scope."""
    ours = set(decide_grant(engines.rules, question).granted)
    theirs = cedar.granted(engines.theirs(cedar.requests(question)), question)
    if ours != theirs:
        raise RuntimeError(f"two answers to {question}: {sorted(ours)} and {sorted(theirs)}")
    return bool(ours)


def _row(shape: Shape, count: int, found: dict[str, list[Times]]) -> str:
    cells = []
    for outcome in ("granted", "refused"):
        times = found[outcome]
        if not times:
            cells += ["-", "-", "-"]
            continue
        pairs = [(statistics.median(each.ours), statistics.median(each.theirs)) for each in times]
        ours, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for other, one in pairs)
        cells += [f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratio:,.1f} ({len(times)})"]
    return f"| {shape.name} | {count:,} | {' | '.join(cells)} |"


def _table(scopes: int, questions: int, rounds: int, counts: Sequence[int]) -> None:
    print(f"\n{scopes} scope{'s' if scopes > 1 else ''} asked, us a question\n")
    print("| every rule is about | rules | granted | Cedar | x (n) | refused | Cedar | x (n) |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for shape in SHAPES:
        for count in counts:
            print(_row(shape, count, measured(shape, count, scopes, questions, rounds)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    chosen = parser.parse_args()
    for scopes in (1, 5):
        _table(scopes, chosen.questions, chosen.rounds, chosen.counts)


if __name__ == "__main__":
    main()
