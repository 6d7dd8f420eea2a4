"""Several replicas over one PostgreSQL: started, killed, started again, and measured."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import grpc
import psutil
import yaml
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

import served
from postgres_ import free_port
from replicas import command, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TESTS = Path(__file__).resolve().parent.parent
ENVIRON = {**served.ENVIRON, "PYTHONPATH": str(TESTS)}
SLOWEST = 60.0
"""Seconds that a replica may take to be ready, on a machine with much else to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process used at one time."""

    replica: int
    pid: int
    at: float
    rss: int
    descriptors: int
    cpu: float


@dataclass
class Replica:
    """One place in the cluster: its port and its chain of records stay, its process goes."""

    number: int
    config: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    up: bool = False
    generations: int = 0

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, *arguments: str, log: IO[bytes], stdout: int = subprocess.DEVNULL) -> None:
        self.generations += 1
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "chaos.replica", str(self.config), *arguments],
            env=ENVIRON, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
        )  # fmt: skip

    async def ready(self) -> None:
        """Waits until it says that it serves."""
        assert self.process is not None
        give_up = time.monotonic() + SLOWEST
        async with grpc.aio.insecure_channel(self.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            while True:
                assert self.process.poll() is None, f"replica {self.number} ended by itself: {self.config.parent}"
                assert time.monotonic() < give_up, f"replica {self.number} is not ready"
                try:
                    answer = await HealthStub(channel).Check(
                        health_pb2.HealthCheckRequest(), timeout=2, wait_for_ready=True
                    )
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    self.up = True
                    return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.up = False
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def sample(self) -> Sample | None:
        """What it uses now, once it serves."""
        if self.process is None or not self.up:
            return None
        with (found := psutil.Process(self.process.pid)).oneshot():
            cpu = found.cpu_times()
            rss = found.memory_info().rss
            return Sample(self.number, found.pid, time.monotonic(), rss, found.num_fds(), cpu.user + cpu.system)


@dataclass
class Cluster:
    """All replicas of one database."""

    replicas: list[Replica]
    log: IO[bytes]
    arguments: tuple[str, ...] = ()
    """What each is started with."""
    restarts: list[float] = field(default_factory=list)
    """Seconds from a kill until ready again."""

    async def start(self) -> None:
        """All at once, until each serves."""
        for replica in self.replicas:
            replica.start(*self.arguments, log=self.log)
        await asyncio.gather(*(replica.ready() for replica in self.replicas))

    async def restart(self, replica: Replica) -> None:
        """Starts again what was killed."""
        begun = time.monotonic()
        replica.start(*self.arguments, log=self.log)
        await replica.ready()
        self.restarts.append(time.monotonic() - begun)

    def samples(self) -> list[Sample]:
        return [sample for replica in self.replicas if (sample := replica.sample())]


@asynccontextmanager
async def cluster(
    folder: Path,
    url: str,
    count: int = 3,
    *arguments: str,
    start: bool = True,
    run: Callable[..., Awaitable[None]] | None = None,
    **settings: Any,
) -> AsyncIterator[Cluster]:
    """Replicas over the database at `url`, with the test company's bundle in force; `run`
    takes a settings file and a command, where not this release is to apply it."""
    shared = settings_of(folder, url) | {"telemetry": {"log_level": "error"}} | settings
    config = folder / "cli.yaml"
    config.write_text(yaml.safe_dump(shared | {"replica": "cli"}))
    await (run or command)(config, "apply", str(folder / "governance"))
    replicas = []
    for number in range(count):
        port = free_port()
        own = {"replica": f"replica-{number}", "grpc": {"listen": f"127.0.0.1:{port}", "plaintext": "service"}}
        config = folder / f"replica-{number}.yaml"
        config.write_text(yaml.safe_dump(shared | own))
        replicas.append(Replica(number, config, port))
    with (folder / "log").open("ab") as log:
        running = Cluster(replicas, log, arguments)
        try:
            if start:
                await running.start()
            yield running
        finally:
            for replica in replicas:
                if replica.process is not None:
                    replica.kill()
