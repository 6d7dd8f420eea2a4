"""Runs chosen tests over a copy of the sources, in a child of a warm process.

What the tests import from elsewhere (grpc, cryptography, SQLAlchemy) is imported once,
before the first child is forked; the code under test only ever in a child.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from pathlib import Path

    from copies import Copy

WARM = (
    "cryptography.x509", "grpc.aio", "grpc_status.rpc_status", "httpx2", "hypothesis", "jwt", "mcp.server", "orjson",
    "opentelemetry.sdk.trace", "pydantic", "pytest_asyncio.plugin", "sqlmodel", "uvicorn", "uvloop", "xdist", "yaml",
)  # fmt: skip
"""Of these, what the tests import."""

LONGEST_TEST = 40
"""Seconds; the tests of this repository take 20 at most."""
PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")
"""What the tests need of pytest's plugins; looking for all that are installed takes as
long as most trials."""


class Broken(Exception):
    """The tests could not be run at all, with or without the guard."""


def warm_up(modules: Container[str]) -> None:
    """Imports those of `modules` that take long."""
    for name in WARM:
        if name in modules:
            importlib.import_module(name)
    loaded = [name for name in sys.modules if name.partition(".")[0] in {"grantd", "grantd_server"}]
    if loaded:
        raise Broken(f"the code under test is loaded already: {loaded}")


class _Chosen:
    """Keeps the chosen tests, in their order, and notes the first that fails."""

    def __init__(self, tests: Sequence[str], notes: Path) -> None:
        self._place = {test: place for place, test in enumerate(tests)}
        self._notes = notes
        self.status = 70

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        unwanted = [item for item in items if item.nodeid not in self._place]
        config.hook.pytest_deselected(items=unwanted)
        items[:] = sorted((i for i in items if i.nodeid in self._place), key=lambda i: self._place[i.nodeid])

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.status = int(exitstatus)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._notes.write_text(report.nodeid, "utf-8")


def run(copy: Copy, tests: Sequence[str], seconds: float) -> str:
    """Runs the tests until one fails, and tells which: "" when all pass.

    A run that takes more than `seconds`, crashes or cannot even begin was noticed, too.
    """
    notes = copy.folder / "noticed"
    notes.write_text("", "utf-8")
    child = os.fork()
    if child == 0:
        _be_tested(copy, tests, notes)
    status = _wait(child, seconds)
    if status == pytest.ExitCode.OK:
        return ""
    return notes.read_text("utf-8") or ("a run that never ended" if status is None else f"a run with status {status}")


def prove(copy: Copy, tests: Sequence[str]) -> None:
    """Runs tests that pass without any change. Raises Broken when they do not here, as
    then every guard would seem to be noticed."""
    if failing := run(copy, tests, 600.0):
        raise Broken(f"{failing}\n" + (copy.folder / "output").read_text("utf-8", "replace")[-3000:])


def _wait(child: int, seconds: float) -> int | None:
    """The exit status; None when it took too long. Whatever the child started ends with it."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def _be_tested(copy: Copy, tests: Sequence[str], notes: Path) -> None:
    """What the child does; it never returns."""
    chosen = _Chosen(tests, notes)
    try:
        os.setsid()
        output = os.open(copy.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(copy.environ)
        os.chdir(copy.root)
        originals = {str(copy.root / source) for source in copy.sources}
        sys.path[:] = [*copy.import_path, *(entry for entry in sys.path if entry not in originals)]
        sys.dont_write_bytecode = True
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        files = sorted({test.partition("::")[0] for test in tests})
        options = [
            "-q",
            "-x",
            f"--rootdir={copy.root}",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--hypothesis-profile=ci",
            f"--timeout={LONGEST_TEST}",
        ]
        options += [option for plugin in PLUGINS for option in ("-p", plugin)]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins that are warm already
        pytest.main([*options, *files], plugins=[chosen])
    except BaseException:  # noqa: BLE001 - a child must not go on as if it were its parent
        # Also sockets that a failed test left open: the session had its status before.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(chosen.status)
