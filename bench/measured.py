"""The process that is measured."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml
from bench.load import GrpcLoad, HttpLoad

import organisation as org

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK: Final = os.sysconf("SC_CLK_TCK")


class Server:
    """The measured process."""

    def __init__(self, process: asyncio.subprocess.Process, ports: dict[str, int]) -> None:
        self.process = process
        self.grpc = GrpcLoad(ports["grpc"])
        self.http = HttpLoad(ports["http"])
        self.admin = f"127.0.0.1:{ports['admin']}"

    def cpu(self) -> float:
        """User and system seconds of the process, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    async def over_grpc(self, path: str, bodies: Sequence[bytes], each: int = 1) -> tuple[float, list[bytes]]:
        """CPU microseconds a request (or a part of one), and the answers."""
        before = self.cpu()
        answers = await self.grpc.run(path, bodies)
        return (self.cpu() - before) * 1e6 / (len(bodies) * each), answers

    async def over_http(self, issuer: str, path: str, bodies: Sequence[bytes]) -> tuple[float, list[bytes]]:
        before = self.cpu()
        answers = await self.http.run(urlsplit(issuer).netloc, path, bodies)
        return (self.cpu() - before) * 1e6 / len(bodies), answers


def made_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def started(folder: Path, **changed: Any) -> Server:
    """Starts it in a folder, on SQLite unless its settings are `changed`."""
    settings = {
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "http": {"listen": "127.0.0.1:0"},
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": f"{folder}/keys", "auto_create": True},
        "governance": {"directory": str(org.write(folder / "governance", org.bundle()))},
        **changed,
    }
    (folder / "grantd.yaml").write_text(yaml.safe_dump(settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.server", str(folder), stdout=asyncio.subprocess.PIPE, stderr=sys.stderr
    )
    assert process.stdout is not None
    return Server(process, json.loads(await process.stdout.readline()))
