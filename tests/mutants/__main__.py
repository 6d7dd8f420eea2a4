"""Takes the guards of the service away, one by one, in a copy, and runs the tests that
could notice. `make mutants`, or `make mutants ONLY=flows/`.

Prints each survivor. The exit status is 0 only when every survivor is in allowed.yaml
and every entry of allowed.yaml is needed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import allowed
from copies import Copy
from evidence import TestsFail, gather
from guards import guards_of
from trial import Broken, Trials, collected
from verdicts import Verdict, false_alarms, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    asked = _arguments()
    began = time.monotonic()
    sources = tuple(asked.sources)
    found = guards_of(asked.root, sources, asked.only or [""])[:: asked.every]
    if not found:
        print(f"no guard in {asked.only}")
        return 2
    reasons = allowed.read(asked.allowed) if asked.allowed.is_file() else {}
    paths = sorted({guard.path for guard in found})
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy.made(asked.root, sources, Path(folder))
        try:
            evidence = gather(copy, paths, asked.tests, asked.workers)
        except TestsFail as failure:
            print(failure)
            return 2
        print(f"{len(evidence.seconds)} tests pass; {len(evidence.failed)} do not, and count for nothing", flush=True)
        told: list[Verdict] = []
        alarms: list[str] = []

        def work(trials: Trials) -> None:
            trials.prove(evidence.quick())
            for verdict in verdicts(trials, copy, found, evidence, asked.workers, expected=reasons):
                told.append(verdict)
                _tell(verdict, verbose=asked.verbose)
            alarms.extend(false_alarms(trials, copy, sorted({v.killer for v in told if "::" in v.killer})))

        try:
            collected(copy, paths, asked.tests, work)
        except Broken as fault:
            print(fault)
            return 2
    return _report(told, alarms, reasons, asked, (time.monotonic() - began) / 60)


def _tell(verdict: Verdict, *, verbose: bool) -> None:
    if not verdict.killer:
        print(
            f"not noticed: {verdict.guard}" + ("" if verdict.reached else " (no test is seen to get there)"), flush=True
        )
    elif verbose:
        print(f"{verdict.guard} noticed by {verdict.killer}", flush=True)


def _report(
    told: list[Verdict], alarms: list[str], reasons: Mapping[str, str], asked: argparse.Namespace, minutes: float
) -> int:
    survivors = [verdict.guard for verdict in told if not verdict.killer]
    unexplained = [guard for guard in survivors if guard.key not in reasons]
    keys, alive = {verdict.guard.key for verdict in told}, {guard.key for guard in survivors}
    unneeded = [key for key in reasons if key not in alive and (key in keys or not (asked.only or asked.every > 1))]
    for guard in unexplained:
        print(f"SURVIVOR {guard}")
        if asked.verbose:
            print(f"  {guard.key}")
    for key in unneeded:
        print(f"NOT NEEDED in {asked.allowed.name}: {key}")
    for test in alarms:
        print(f"FAILS WITHOUT ANY CHANGE: {test}")
    print(
        f"{len(told)} guards, {len(told) - len(survivors)} killed, {len(survivors) - len(unexplained)} allowed, "
        f"{len(unexplained)} survivors, {minutes:.1f} minutes"
    )
    return int(bool(unexplained or unneeded or alarms))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("mutants", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the paths whose guards are tried")
    parser.add_argument("--every", type=int, default=1, help="try every n-th guard")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="the tests that may notice")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="name the test that noticed")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--sources", nargs="+", default=["service", "clients/python"])
    parser.add_argument("--allowed", type=Path, default=Path(__file__).with_name("allowed.yaml"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
