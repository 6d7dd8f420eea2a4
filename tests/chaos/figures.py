"""What a run proved, in figures."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from chaos import memory
from chaos.checker import BREACHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.cluster import Sample
    from chaos.soak import Run


def figures(run: Run) -> dict[str, Any]:
    """Everything that the report tells, by name."""
    presented = run.told.grants
    kills = sum(outage.what == "kill -9" for outage in run.outages)
    return {
        "store": run.plan.wrong or "ours",
        "seconds": round(run.took, 1),
        "replicas": run.plan.replicas,
        "calls": run.calls,
        "calls a second": round(run.rate, 1),
        "kills": kills,
        "seconds to be ready again, median and longest": _spread(run.restarts),
        "grants presented": presented.total(),
        "of these 2 to 50 times, %": round(100 * presented["2 to 50"] / max(1, presented.total()), 1),
        "tokens redeemed": run.verdict.tokens,
        "records": run.records,
        "calls sent again on a fresh connection": run.reconnected,
        "grants used whose answer never arrived": run.verdict.undelivered,
        "calls in flight at a kill": dict(run.verdict.excused),
        "breaches": {name: run.verdict.counts[name] for name in BREACHES},
        "examples": dict(run.verdict.examples),
        "answers": [[*key, count] for key, count in sorted(run.answers.items())],
        "latency ms (p50, p99)": {rpc: _latency(seconds) for rpc, seconds in sorted(run.latencies.items())},
        "memory": memory.told(memory.longest(run.samples), run.rate),
        "processes": processes(run.samples),
        "PostgreSQL CPU s": round(run.database_cpu, 1),
        "holds": run.verdict.holds,
    }


def processes(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Memory, descriptors and CPU of each process, by replica and generation."""
    lives: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.replica, sample.pid].append(sample)
    told, generation = [], defaultdict(int)
    for (replica, _), life in sorted(lives.items(), key=lambda item: (item[0][0], item[1][0].at)):
        generation[replica] += 1
        lived = life[-1].at - life[0].at
        told.append({
            "replica": replica,
            "generation": generation[replica],
            "seconds": round(lived),
            "rss MB, first and last": [round(life[0].rss / 1e6, 1), round(life[-1].rss / 1e6, 1)],
            "MB/h in the second half": memory.slope(life) if lived >= memory.ENOUGH else None,
            "descriptors, first and most": [life[0].descriptors, max(sample.descriptors for sample in life)],
            "cpu s": round(life[-1].cpu - life[0].cpu, 1),
        })  # fmt: skip
    return told


def _spread(values: Sequence[float]) -> list[float]:
    return [round(statistics.median(values), 1), round(max(values), 1)] if values else []


def _latency(seconds: Sequence[float]) -> list[float]:
    ordered = sorted(seconds)
    return [round(1000 * ordered[int(share * (len(ordered) - 1))], 1) for share in (0.5, 0.99)]
