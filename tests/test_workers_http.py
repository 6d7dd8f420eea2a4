"""`grantd serve http --workers`: one socket, several processes, and a client that notices nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import yaml

import organisation as org
from served import ENVIRON, GRANTD, Process, grantd, prepare
from worker_programs import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

ISSUER = urlsplit(org.SERVER)
LIMITS = {"drain_notice": 0.2, "drain_grace": 3, "hang": 6}


@dataclass
class Front:
    """Two workers behind one socket, and the file that they read."""

    process: Process
    port: int
    config: Path

    @property
    def pid(self) -> int:
        return self.process.process.pid


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("workers")
    service = {
        **prepare(folder),
        "development": True,
        "grpc": {"listen": f"unix:{folder}/grpc.sock", "plaintext": "shim"},
        "limits": LIMITS,
    }
    settings = {
        "development": True,
        "workers": 2,
        "http": {"listen": "127.0.0.1:0"},
        "http_upstream": {"address": f"unix:{folder}/grpc.sock"},
        "limits": LIMITS,
    }
    async with (
        grantd(folder, "rpc", service, "serve", "rpc"),
        grantd(folder, "front", settings, "serve", "http") as process,
    ):
        port = int(process.events[-1]["http"].rpartition(":")[2])
        await process.until("ready")
        yield Front(process, port, folder / "front.yaml")


async def ask(port: int, seen: Counter[str], asked: int) -> None:
    """Asks over one connection, and stops when it is told that the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(asked):
            writer.write(f"GET {ISSUER.path}/jwks.json HTTP/1.1\r\nHost: {ISSUER.netloc}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            (length,) = (line for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            seen[head.split(b" ")[1].decode()] += 1
            if b"connection: close" in lines:
                seen["told"] += 1
                return
            await asyncio.sleep(0.005)
    except (asyncio.IncompleteReadError, ConnectionError) as lost:
        seen[type(lost).__name__] += 1
    finally:
        writer.close()


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[Counter[str]]:
    """Clients with a new connection for each call, and such as keep theirs."""
    seen: Counter[str] = Counter()
    enough = asyncio.Event()

    async def client(asked: int) -> None:
        while not enough.is_set():
            await ask(port, seen, asked)

    clients = [asyncio.create_task(client(1 if number % 2 else 50)) for number in range(8)]
    try:
        yield seen
    finally:
        enough.set()
        await asyncio.gather(*clients)


async def test_a_rolling_restart_replaces_every_worker_and_loses_no_call(front: Front) -> None:
    before = set(front.process.workers())
    assert len(before) == 2
    async with asking(front.port) as seen:
        os.kill(front.pid, signal.SIGHUP)
        await front.process.until("restarted")
    assert not before & set(front.process.workers())
    assert len(front.process.workers()) == 2
    assert set(seen) <= {"200", "told"}, seen
    assert seen["200"] > 100


async def test_a_worker_that_is_killed_is_started_again_while_the_other_serves(front: Front) -> None:
    victim = front.process.workers()[0]
    os.kill(victim, signal.SIGKILL)
    await front.process.until("worker.died")
    died = front.process.events[-1]
    assert (died["pid"], died["status"]) == (victim, "SIGKILL")
    async with asking(front.port) as seen:
        await front.process.until("worker.up")
    assert set(seen) == {"200"}
    assert len(front.process.workers()) == 2


async def test_a_worker_that_hangs_is_replaced_while_the_other_serves(front: Front) -> None:
    victim = front.process.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    await front.process.until("worker.hung")
    assert front.process.events[-1]["pid"] == victim
    await front.process.until("worker.died")
    assert (front.process.events[-1]["pid"], front.process.events[-1]["status"]) == (victim, "SIGKILL")
    async with asking(front.port) as seen:
        await front.process.until("worker.up")
    assert set(seen) == {"200"}
    assert len(front.process.workers()) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"development": False}, "http.tls is missing"),
        ({"http": {"listen": "127.0.0.1:1"}}, "http.listen has changed, which needs a stop and a start."),
        ({"workers": 3}, "workers has changed, which needs a stop and a start."),
        ({"governance": {"directory": "."}}, "governance.directory has changed, which needs a stop and a start."),
        ({"grpc": {"listen": "127.0.0.1:1"}}, "grpc.listen has changed, which needs a stop and a start."),
    ],
)
async def test_settings_that_workers_could_not_start_with_are_not_tried(
    front: Front, change: dict[str, Any], problem: str
) -> None:
    good, before = front.config.read_text(), front.process.workers()
    front.config.write_text(yaml.safe_dump(yaml.safe_load(good) | change))
    try:
        os.kill(front.pid, signal.SIGHUP)
        await front.process.until("restart.refused")
    finally:
        front.config.write_text(good)
    assert problem in front.process.events[-1]["problems"][0]
    assert front.process.workers() == before


def refused(tmp_path: Path, *arguments: str, **settings: Any) -> tuple[int, list[str]]:
    config = tmp_path / "grantd.yaml"
    config.write_text(yaml.safe_dump({"development": True} | settings))
    found = subprocess.run(
        [GRANTD, "serve", *arguments, "--config", config],
        capture_output=True, text=True, timeout=60, env=ENVIRON, check=False,
    )  # fmt: skip
    return found.returncode, found.stderr.splitlines()


async def test_what_holds_for_all_workers_is_found_before_any_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        upstream = {"http": {"listen": listen}, "http_upstream": {"address": "127.0.0.1:1"}}
        ended = refused(tmp_path, "http", "--workers", "2", **upstream)
    assert ended == (2, [f"http.listen: cannot listen on {listen}."])


async def test_a_seat_is_given_and_not_asked_for(tmp_path: Path) -> None:
    upstream = {"http_upstream": {"address": "127.0.0.1:1"}}
    sentence = "--seat is for workers, which grantd starts itself; use --workers."
    assert refused(tmp_path, "--seat", "first", "http", **upstream) == (2, [sentence])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_workers_drain_and_end_when_their_supervisor_is_killed(front: Front) -> None:
    workers = front.process.workers()
    front.process.process.kill()
    await front.process.process.wait()
    await until(lambda: not any(alive(pid) for pid in workers))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", front.port)
