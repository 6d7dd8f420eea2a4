"""Clients, referees and an OpenID provider of other hands against the service, all on
loopback. `make interop` installs them and runs this.

Prints a line for each, and everything that a failing one printed. The exit status is 0
only when all did what they had to.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.processes import NotStartedError
from deploy.demo.programs import ROOT
from programs import counterparts
from stage import NODE, CompanyOfTwo, up

if TYPE_CHECKING:
    from types import FrameType


def main() -> int:
    # A terminated run stops what it started, too.
    signal.signal(signal.SIGTERM, _leave)
    begun = time.monotonic()
    if not NODE.exists():
        print(f"{NODE} is missing: `make interop` installs it, on Linux (x86-64 and ARM)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="grantd-interop-") as folder:
        try:
            failed = _report(CompanyOfTwo(Path(folder)))
        except NotStartedError as fault:
            print(fault, file=sys.stderr)
            return 1
    print(f"{failed or 'none'} failed, after {time.monotonic() - begun:.0f} seconds")
    return 1 if failed else 0


def _report(company: CompanyOfTwo) -> int:
    failed = 0
    with up(company):
        version = subprocess.run([str(NODE), "--version"], capture_output=True, text=True, check=True).stdout.strip()
        print(f"grantd, canaille, oidc-provider and an MCP server are up; Node {version}", flush=True)
        for counterpart in counterparts(company):
            outcome = counterpart.run(ROOT)
            verdict = "ok  " if outcome.passed else "FAIL"
            print(f"{verdict} {outcome.seconds:5.1f} s  {counterpart.name}: {outcome.what}", flush=True)
            if not outcome.passed:
                failed += 1
                print(outcome.output, flush=True)
    return failed


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
