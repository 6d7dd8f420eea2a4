"""Starts the three programs of the demo, and stops them whatever happens."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from deploy.demo.processes import Program, accepts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.demo.company import Company

ROOT = Path(__file__).parent.parent.parent
CANAILLE = ROOT / ".canaille" / "bin" / "python"
GRANTD = Path(sys.executable).with_name("grantd")
MCP_SERVER = Path(__file__).with_name("mcp_server.py")


@contextmanager
def running(company: Company) -> Iterator[None]:
    """The directory, grantd and the ticket desk, started together, up and stopped again."""
    company.write()
    with ExitStack() as stack:
        waiting = []
        for start in (_directory, _grantd, _ticket_desk):
            program, is_up = start(company)
            stack.callback(program.stop)
            waiting.append((program, is_up))
        for program, is_up in waiting:
            program.wait_until(is_up)
        yield


def grantd(company: Company, *arguments: str) -> str:
    """Runs one command of grantd's own and returns what it printed."""
    command = [str(GRANTD), *arguments, "--config", str(company.settings)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - our own program
    if ended.returncode != 0:
        raise RuntimeError(f"grantd {arguments[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


def _directory(company: Company) -> tuple[Program, Callable[[], bool]]:
    directory = company.directory()
    return directory.start(CANAILLE, company.folder), directory.is_up


def _grantd(company: Company) -> tuple[Program, Callable[[], bool]]:
    command = [str(GRANTD), "serve", "--config", str(company.settings)]
    # Ready means more than listening: a bundle is in force.
    return Program("grantd", command, company.folder / "grantd.log"), lambda: _is_ready(company)


def _ticket_desk(company: Company) -> tuple[Program, Callable[[], bool]]:
    command = [sys.executable, str(MCP_SERVER), str(company.ports.tickets), company.server]
    program = Program("ticket desk", command, company.folder / "tickets.log")
    return program, lambda: accepts(company.ports.tickets)


def _is_ready(company: Company) -> bool:
    try:
        answer = httpx2.get(f"http://127.0.0.1:{company.ports.http}/readyz", trust_env=False, timeout=2)
    except httpx2.HTTPError:
        return False
    return answer.status_code == httpx2.codes.OK
