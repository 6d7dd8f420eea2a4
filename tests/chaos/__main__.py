"""`python -m chaos soak`: the load, the report, and both wrong stores, which must show."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chaos import memory
from chaos.report import markdown, summary, write
from chaos.soak import Plan, Run, soak
from chaos.wrong_stores import SHOWS
from grantd_server.store.opening import Opening
from grantd_server.store.upgrading import upgrade_database
from postgres_ import postgresql

if TYPE_CHECKING:
    from postgres_ import Server

DURABLE: Final = ("fsync=on", "full_page_writes=on", "shared_buffers=128MB", "max_wal_size=1GB")
SHORT: Final = {
    "looks-first": Plan(10.0, rate=400, kill_every=60.0, wrong="looks-first"),
    "answers-first": Plan(18.0, rate=400, kill_every=4.0, wrong="answers-first"),
}
"""The shortest runs in which a wrong store shows surely."""


def main() -> int:
    asked = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="grantd-soak-", dir="/tmp"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else where we are root
    plans = [Plan(asked.minutes * 60, rate=asked.rate, kill_every=asked.kill_every), *SHORT.values()]
    try:
        with postgresql(folder, *DURABLE) as server:
            runs = [_run(plan, server, folder) for plan in plans]
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if asked.out:
        write(asked.out, runs, " ".join(["make soak", f"MINUTES={asked.minutes:g}"]))
    print(markdown(runs))
    ours, *wrong = runs
    print(summary(runs))
    seen = all(SHOWS[run.plan.wrong] in run.verdict.counts for run in wrong)
    return 0 if ours.verdict.holds and seen and memory.holds(memory.longest(ours.samples), ours.rate) else 1


def _run(plan: Plan, server: Server, folder: Path) -> Run:
    here = folder / (plan.wrong or "ours")
    here.mkdir()
    name = server.new_database()
    upgrade_database(Opening(server.url(name), "soak/cli"))  # as `grantd db upgrade` does
    print(f"{plan.wrong or 'ours'}: {plan.seconds:.0f} s, {plan.replicas} replicas", file=sys.stderr)
    return asyncio.run(soak(plan, server, name, here))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["soak"])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=170, help="calls a second at most")
    parser.add_argument("--kill-every", type=float, default=20, help="seconds between two kills")
    parser.add_argument("--out", type=Path, help="report without its ending: .md and .json are written")
    parser.add_argument("--keep", action="store_true", help="keep the folder with journal and database")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
