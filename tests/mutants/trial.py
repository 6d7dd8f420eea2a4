"""Runs chosen tests over changed code, in a child of a process that has collected them.

Code and tests are imported once, from a copy. A child changes functions in its own
memory; programs that its tests start read the changed file of another copy.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import time
import traceback
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

import pytest
from _pytest.main import pytest_runtestloop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copies import Copy
    from guards import Guard

LONGEST_TEST = 40
"""Seconds; the tests of this repository take 20 at most."""
UNTRIED = 70
"""The exit status of a child that never got as far as its tests, or not through them."""
PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")
"""What the tests need of pytest's plugins."""


class Broken(Exception):
    """The tests could not be run at all, with or without the guard."""


class Trials:
    """A pytest plugin that collects, and then hands over instead of running."""

    def __init__(self, copy: Copy, paths: Sequence[str], work: Callable[[Trials], None]) -> None:
        self._copy = copy
        self._paths = paths
        self._work = work
        self._items: dict[str, pytest.Item] = {}
        self._functions: dict[str, list[FunctionType]] = {}
        self._session: pytest.Session
        self._noticed = ""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._session = session
        self._items = {item.nodeid: item for item in session.items}
        for path in self._paths:
            # Also what a program only imports when it is used: there is nothing to change
            # in a module that is not there.
            importlib.import_module(self._copy.module(path))
        folder = str(self._copy.folder)
        for function in gc.get_objects():
            if type(function) is FunctionType and function.__code__.co_filename.startswith(folder):
                self._functions.setdefault(function.__code__.co_filename, []).append(function)
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._noticed = self._noticed or report.nodeid

    def run(self, copy: Copy, tests: Sequence[str], seconds: float, guard: Guard | None = None) -> str:
        """Runs the tests without the guard until one fails, and tells which: "" when all
        pass. A run that takes more than `seconds` or crashes was noticed, too.
        """
        notes = copy.folder / "noticed"
        notes.write_text("", "utf-8")
        child = os.fork()
        if child == 0:
            self._be_tested(copy, tests, guard)
        status = _wait(child, seconds)
        if status == pytest.ExitCode.OK:
            return ""
        if status == UNTRIED:
            raise Broken((copy.folder / "output").read_text("utf-8", "replace")[-3000:])
        ended = "a run that never ended" if status is None else f"a run with status {status}"
        return notes.read_text("utf-8") or ended

    def prove(self, tests: Sequence[str]) -> None:
        """Runs tests that pass without any change. Raises Broken when they do not here,
        as then every guard would seem to be noticed."""
        if failing := self.run(self._copy, tests, 600.0):
            raise Broken(f"{failing}\n" + (self._copy.folder / "output").read_text("utf-8", "replace")[-3000:])

    def _be_tested(self, copy: Copy, tests: Sequence[str], guard: Guard | None) -> None:
        """What the child does; it never returns."""
        status = UNTRIED
        try:
            os.setsid()
            output = os.open(copy.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.environ.update(copy.environ)
            if guard is not None:
                self._take_away(guard)
            self._session.items = [self._items[test] for test in tests if test in self._items]
            with contextlib.suppress(self._session.Failed):
                pytest_runtestloop(self._session)
            status = int(bool(self._session.testsfailed))
            (copy.folder / "noticed").write_text(self._noticed, "utf-8")
        except BaseException:  # noqa: BLE001 - a child must not go on as if it were its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _take_away(self, guard: Guard) -> None:
        """Gives every function of the file the code that it has without the guard."""
        file = self._copy.folder / guard.path
        source = file.read_bytes()
        changed = _functions_of(compile(guard.removed_from(source), str(file), "exec"))
        functions = [f for f in self._functions.get(str(file), []) if f.__code__.co_qualname in changed]
        if any(changed[f.__code__.co_qualname].co_freevars != f.__code__.co_freevars for f in functions):
            # Without the guard a function does not know a name of those around it any
            # more; so the guard stays where it is and is never looked at.
            changed = _functions_of(compile(guard.hidden_in(source), str(file), "exec"))
        for function in functions:
            function.__code__ = changed[function.__code__.co_qualname]


def collected(copy: Copy, paths: Sequence[str], tests: Sequence[str], work: Callable[[Trials], None]) -> None:
    """Collects the tests over the copy, in which the files at `paths` will be changed, and
    calls `work` with what can run them."""
    os.environ.update(copy.environ)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    originals = {str(copy.root / source) for source in copy.sources}
    sys.path[:] = [*copy.import_path, *(entry for entry in sys.path if entry not in originals)]
    sys.dont_write_bytecode = True
    os.chdir(copy.root)
    options = ["-q", "-q", "-x", "-s", f"--rootdir={copy.root}", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["--hypothesis-profile=ci", f"--timeout={LONGEST_TEST}"]
    options += [option for plugin in PLUGINS for option in ("-p", plugin)]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = pytest.main([*options, *tests], plugins=[Trials(copy, paths, work)])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise Broken(f"the tests could not be collected: {status!r}")


def _functions_of(code: CodeType) -> dict[str, CodeType]:
    """The code of every function below, by qualified name."""
    found: dict[str, CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= {inner.co_qualname: inner, **_functions_of(inner)}
    return found


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
