"""`grantd decisions follow`: what is committed while it follows is printed at once, until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from typer.testing import CliRunner

from certificates import write_tls_files
from command_line import environ_of, house_at
from grantd.v1 import governance_pb2 as pb
from grantd.v1.decision_pb2 import Decision, FollowDecisionsResponse
from grantd.v1.decision_pb2_grpc import DecisionServiceServicer, add_DecisionServiceServicer_to_server
from grantd_server.cli.app import app
from grantd_server.model.caller import Role
from grantd_server.refusals import Public
from grantd_server.rpc.chain.status import DETAILS, encode
from grantd_server.store.sqlite.store import SqliteStore
from rpc_toy import Toy, authority, leaf_of
from test_administration import ADA, Office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

GRANTD = Path(sys.executable).with_name("grantd")
PATIENCE = 40.0


@contextlib.contextmanager
def following(environ: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own."""
    command = [str(GRANTD), "decisions", "follow", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environ
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def act(office: Office) -> None:
    """Two decisions."""
    kind, name = pb.BLOCK_KIND_CLIENT, "desk-agent"
    await office.asked_by().Block(pb.BlockRequest(kind=kind, name=name, reason="laptop stolen", unlisted=True))
    await office.asked_by().Unblock(pb.UnblockRequest(kind=kind, name=name, reason="it was found"))


async def first_line(process: subprocess.Popen[str], office: Office) -> str:
    """What it prints of decisions that are made until it prints one: nothing says from when on it follows."""
    assert process.stdout is not None
    line = asyncio.ensure_future(asyncio.to_thread(process.stdout.readline))
    until = time.monotonic() + PATIENCE
    while not line.done():
        await act(office)
        await asyncio.wait([line], timeout=0.5)
        if time.monotonic() > until:
            process.kill()
    return line.result()


async def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    return process.returncode, err


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Interrupts are not ignored, as they are in what a shell runs in the background, and in its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """An administrator at the store of the settings."""
    store = SqliteStore.open(house_at(tmp_path) / "grantd.db")
    await store.start()
    yield Office(store)
    await store.close()


async def test_a_decision_is_printed_as_it_is_committed_and_an_interrupt_ends_it(office: Office, tmp_path: Path):
    with following(environ_of(tmp_path)) as process:
        line = await first_line(process, office)
        code, err = await interrupted(process)
    moment, decision, *rest = line.split()
    assert (moment[:2], rest[1:]) == ("20", ["applied"])
    assert decision in [entry.entry.id async for entry in office.store.history()]
    assert (code, err) == (130, ""), "as any interrupted command: without a word, and no traceback"


async def test_only_what_is_asked_for_is_shown(office: Office, tmp_path: Path):
    with following(environ_of(tmp_path), "--rpc", "Unblock", "--json") as process:
        shown = json.loads(await first_line(process, office))
    assert (shown["rpc"], shown["outcome"], shown["caller"]) == ("Unblock", "applied", ADA)


@pytest.mark.req("F-48")
async def test_with_a_server_it_follows_the_service(office: Office, tmp_path: Path):
    toy = Toy()
    toy.endpoints = office.endpoints
    (tmp_path / "ours").mkdir()
    cert, key, ca = write_tls_files(tmp_path / "ours", authority(), leaf_of(Role.AUDITOR))
    async with toy.served(tmp_path) as server:
        environ = {
            "GRANTD_SERVER": f"127.0.0.1:{server.ports[0]}",
            "GRANTD_SERVER_CA": str(ca),
            "GRANTD_SERVER_CERT": str(cert),
            "GRANTD_SERVER_KEY": str(key),
        }
        with following(environ) as process:
            assert (await first_line(process, office)).split()[3:] == ["applied"]
            assert await interrupted(process) == (130, "")


class Restless(DecisionServiceServicer):
    """Ends the first stream as a service does after a while, and the second as one that goes away."""

    def __init__(self) -> None:
        self.ends = [grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE]

    async def FollowDecisions(self, request: Any, context: Any) -> AsyncIterator[FollowDecisionsResponse]:  # noqa: N802 - of the stub
        end = self.ends.pop(0)
        yield FollowDecisionsResponse(decision=Decision(id=end.name, rpc="Block", outcome="applied"), lost=3)
        planned = end is grpc.StatusCode.DEADLINE_EXCEEDED
        await context.abort(end, "", ((DETAILS, encode(Public.OUT_OF_TIME, {})),) if planned else ())


async def test_who_follows_comes_again_and_hears_beside_the_rows_what_was_lost():
    server = grpc.aio.server()
    add_DecisionServiceServicer_to_server(Restless(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        arguments = ["decisions", "follow", "--json", "--server", f"127.0.0.1:{port}"]
        found = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    finally:
        await server.stop(None)
    assert [json.loads(line)["id"] for line in found.stdout.splitlines()] == ["DEADLINE_EXCEEDED", "UNAVAILABLE"]
    lost = "3 decisions came faster than they could be shown."
    assert found.stderr.splitlines() == [lost, lost, "The service does not answer: UNAVAILABLE."]
    assert found.exit_code == 3
