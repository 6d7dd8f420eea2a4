"""`python -m load once --grants 1000 --calls 50 --replicas 3`, `python -m load roll --workers 2 --times 5`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from load.once import once
from load.roll import roll
from load.stage import stage


def main() -> int:
    parser = argparse.ArgumentParser("load", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    chosen = kinds.add_parser("once", help="each grant many times at once over several replicas")
    chosen.add_argument("--grants", type=int, default=1000)
    chosen.add_argument("--calls", type=int, default=50)
    chosen.add_argument("--replicas", type=int, default=3)
    chosen = kinds.add_parser("roll", help="rolling restarts under load")
    chosen.add_argument("--workers", type=int, default=2)
    chosen.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    with stage() as (folder, address):
        if asked.kind == "once":
            return asyncio.run(once(folder, address, asked.grants, asked.calls, asked.replicas))
        return asyncio.run(roll(folder, address, asked.workers, asked.times))


if __name__ == "__main__":
    sys.exit(main())
