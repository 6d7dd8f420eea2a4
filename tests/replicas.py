"""Test support: several `grantd` over one PostgreSQL and one key directory, as real processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import yaml
from typer.testing import CliRunner

from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd_server.cli.app import app
from served import ENVIRON, GRANTD, Process, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

QUICK = {"drain_notice": 0.2, "drain_grace": 5}


@dataclass
class Replica:
    """One running replica and a way in."""

    name: str
    process: Process
    target: str
    http: str
    config: Path
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.process.pid

    def channel(self) -> grpc.aio.Channel:
        """A channel with a connection of its own; it waits for a replica that is away."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]
        self.channels.append(grpc.aio.insecure_channel(self.target, options=options))
        return self.channels[-1]

    def stub(self) -> AuthorizationServiceStub:
        return AuthorizationServiceStub(self.channel())

    async def gone(self) -> None:
        """Closes the channels; kills the process where it has not ended."""
        for channel in self.channels:
            await channel.close()
        process = self.process.process
        if process.returncode is None:
            process.kill()
        await process.wait()
        if self.process.reading is not None:
            await self.process.reading


def settings_of(folder: Path, database: str) -> dict[str, Any]:
    """Settings that replicas share; keys and the governance directory are made here."""
    shared = prepare(folder) | {"store": {"url": database}}
    shared.pop("governance")
    return {
        **shared,
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "http": {"listen": "127.0.0.1:0"},
        "limits": QUICK,
    }


async def command(config: Path, *arguments: str) -> str:
    """Runs a `grantd` command, in a thread: a process of its own would take a second to load."""
    found = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--config", str(config)])
    assert found.exit_code == 0, (arguments, found.output, found.exception)
    return str(found.stdout)


async def started(
    folder: Path, name: str, settings: dict[str, Any], program: Sequence[str] = (str(GRANTD),)
) -> Replica:
    """Starts one replica and waits until it takes calls. Its log is read on, so that it never
    waits for a reader."""
    config = folder / f"{name}.yaml"
    config.write_text(yaml.safe_dump(settings | {"replica": name}))
    process = await asyncio.create_subprocess_exec(
        *program, "serve", "--config", str(config), stderr=asyncio.subprocess.PIPE, env=ENVIRON
    )
    running = Process(process)
    try:
        await running.until("serving")
        where = running.events[-1]
        if settings.get("workers", 1) > 1:
            await running.until("ready")
    except BaseException:
        process.kill()
        raise
    running.read_on()
    return Replica(name, running, where["grpc"], where["http"], config)


@asynccontextmanager
async def replicas(folder: Path, database: str, names: Sequence[str], **changed: Any) -> AsyncIterator[list[Replica]]:
    """Replicas over a database that has the schema, with the test company's bundle in force."""
    settings = settings_of(folder, database) | changed
    config = folder / "cli.yaml"
    config.write_text(yaml.safe_dump(settings | {"replica": "cli"}))
    await command(config, "apply", str(folder / "governance"))
    async with AsyncExitStack() as ending:
        starting = [asyncio.create_task(started(folder, name, settings)) for name in names]
        running = []
        for replica in await asyncio.gather(*starting):
            ending.push_async_callback(replica.gone)
            running.append(replica)
        yield running
