"""What a run proved, for people and for machines."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chaos.checker import BREACHES
from chaos.figures import figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.soak import Run


def write(out: Path, runs: Sequence[Run], command: str) -> None:
    """The report and its figures, beside each other."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".md").write_text(markdown(runs, command))
    out.with_suffix(".json").write_text(json.dumps([figures(run) for run in runs], indent=1) + "\n")


def summary(runs: Sequence[Run]) -> str:
    """One line a run."""
    lines = []
    for run in runs:
        counts = ", ".join(f"{name} {count}" for name, count in run.verdict.counts.items()) or "no breach"
        lines.append(
            f"{run.plan.wrong or 'ours':14} {run.calls:7} calls  {'holds' if run.verdict.holds else 'RED'}: {counts}"
        )
    return "\n".join(lines)


def markdown(runs: Sequence[Run], command: str = "") -> str:
    """The report."""
    found = figures(runs[0])
    lines = ["# Soak", ""]
    if command:
        machine = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores"
        lines += [
            f"`{command}`, {datetime.now(UTC):%Y-%m-%d}.",
            f"{machine}, with the load and PostgreSQL on them.",
            "",
        ]
    lines += _told(found)
    lines += ["", "## Promises", "", *_promises(runs), ""]
    lines += ["The wrong stores are planted to show that the checker sees: `looks-first` selects, then inserts;"]
    lines += ["`answers-first` answers before COMMIT. Both must be red.", "", "## Answers", ""]
    lines += _table(("RPC", "call", "answer", "times"), found["answers"])
    lines += ["", "## Latency", ""]
    lines += _table(("RPC", "p50 ms", "p99 ms"), [(rpc, *both) for rpc, both in found["latency ms (p50, p99)"].items()])
    lines += ["", "## Processes", ""]
    lives = found["processes"]
    lines += _table(tuple(lives[0]) if lives else (), [tuple(life.values()) for life in lives])
    return "\n".join([*lines, ""])


def _told(found: dict[str, Any]) -> list[str]:
    plain = [(name, value) for name, value in found.items() if isinstance(value, int | float | str)]
    again = "seconds to be ready again, median and longest"
    lost = found["calls in flight at a kill"] or 0
    return [*_table(("", ""), [*plain, (again, found[again]), ("honest calls in flight at a kill", lost)])]


def _promises(runs: Sequence[Run]) -> list[str]:
    names = [run.plan.wrong or "ours" for run in runs]
    rows = [(f"{what} ({name})", *(run.verdict.counts[name] for run in runs)) for name, what in BREACHES.items()]
    verdicts = ("verdict", *("holds" if run.verdict.holds else "red" for run in runs))
    return _table(("breach", *names), [*rows, verdicts])


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join('' if cell is None else str(cell).strip('[]') for cell in cells)} |"
