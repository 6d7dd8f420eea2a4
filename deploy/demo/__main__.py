"""`python -m deploy.demo`: tells the story. With `--keep`: leaves the company up."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.demo.company import ALICE, BOB, Company, Ports
from deploy.demo.processes import NotStartedError
from deploy.demo.programs import GRANTD, ROOT, running
from deploy.demo.recipes import keep_file, recipes
from deploy.demo.story import NotAsToldError, tell
from deploy.demo.telling import Teller
from grantd.errors import GrantdError

if TYPE_CHECKING:
    from types import FrameType

_RENEWAL = 1800.0
"""Seconds between fresh sign-ins while the company is left up; ID tokens live an hour."""


def main() -> int:
    """Returns the exit status: 0 when all happened as told."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up and say how to call it")
    parser.add_argument(
        "--folder", type=Path, help="where to keep it, a new folder; otherwise .run/demo, emptied first"
    )
    arguments = parser.parse_args()
    # A terminated demo stops what it started, too.
    signal.signal(signal.SIGTERM, _leave)
    try:
        return _keep(arguments.folder) if arguments.keep else _demo()
    except (NotStartedError, NotAsToldError, GrantdError, FileExistsError) as fault:
        print(f"\nThe demo failed: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130


def _demo() -> int:
    teller = Teller()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grantd-demo-") as folder:
        company = Company(Path(folder))
        with running(company):
            asyncio.run(tell(company, teller))
    teller.chapter(f"The end, after {time.monotonic() - begun:.0f} seconds")
    teller.good("everything happened as told, and everything is stopped")
    teller.say("`make run` leaves the company up, to be tried by hand.")
    return 0


def _keep(folder: Path | None) -> int:
    if folder is None:
        folder = ROOT / ".run" / "demo"
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    company = Company(folder, Ports.usual())
    with running(company):
        keep_file(folder / "assistant.secret", company.at_grants.secret)
        keep_file(folder / "cli_4711.secret", company.at_server.secret)
        _sign_in_again(company)
        print(recipes(company, GRANTD), flush=True)
        until_stopped = threading.Event()
        while not until_stopped.wait(_RENEWAL):
            _sign_in_again(company)
    return 0


def _sign_in_again(company: Company) -> None:
    for person in (ALICE, BOB):
        keep_file(company.folder / f"{person.user_name}.id_token", company.directory().sign_in(person))


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
