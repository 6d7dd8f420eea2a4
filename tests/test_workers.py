"""What a worker and its supervisor know of each other, and what all workers share."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from grantd_server.settings import Settings, SettingsError
from grantd_server.telemetry.calls import Telemetry
from grantd_server.telemetry.logs import LogLines
from grantd_server.wiring.build import options_of
from grantd_server.wiring.directory import AppliedDirectory
from grantd_server.wiring.processes import seat
from grantd_server.wiring.processes.seat import READY, UP, Seat, line_of
from grantd_server.wiring.processes.sockets import address_of, grpc_port, http_socket
from worker_programs import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("held", [Seat(0, 5), Seat(3, 7, 9)])
def test_a_seat_reads_as_it_was_written(held: Seat) -> None:
    assert Seat.read(str(held)) == held


@pytest.mark.parametrize("text", ["", "1", "1:2", "1:2:3:4", "a:2:", "1:b:", "1:2:c"])
def test_what_is_no_seat_is_told_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Seat.read(text)
    assert refused.value.problems == ("--seat is for workers, which grantd starts itself; use --workers.",)


def test_the_chain_of_a_process_is_named_after_its_replica_and_index() -> None:
    url = {"url": "postgresql://grantd@127.0.0.1/grantd"}
    assert Settings.model_validate({"replica": "eu-1", "store": url}).opening("3").writer == "eu-1/3"
    assert Settings.model_validate({"store": url}).opening("cli").writer == f"{socket.gethostname()}/cli"
    assert Settings.model_validate({"replica": "eu-1", "store": {"url": "sqlite:///x"}}).opening("3").writer == "grantd"


def test_metrics_of_two_workers_are_two() -> None:
    def instance(index: int) -> tuple[Any, Any]:
        reader = InMemoryMetricReader()
        options = options_of(Settings(replica="eu-1"), index)
        telemetry = Telemetry(options, {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=x"}, readers=[reader])
        data = reader.get_metrics_data()
        telemetry.shutdown()
        assert data is not None
        attributes = data.resource_metrics[0].resource.attributes
        return attributes["service.instance.id"], attributes["service.name"]

    assert [instance(0), instance(3)] == [("eu-1/0", "grantd"), ("eu-1/3", "grantd")]


async def test_a_worker_tells_how_far_it_is_and_hears_that_its_supervisor_is_gone() -> None:
    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    descriptor, stop = theirs.detach(), asyncio.Event()
    tell = line_of(Seat(0, descriptor), stop)
    with ours:
        assert not os.get_inheritable(descriptor)
        tell(UP)
        tell(READY)
        assert ours.recv(16) == UP + READY
        await asyncio.sleep(0)
        assert not stop.is_set()
    await asyncio.wait_for(stop.wait(), 5)
    tell(READY)  # nobody hears it, and nothing happens


async def test_a_worker_says_again_and_again_that_its_loop_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "BEATS", 0)
    said: list[bytes] = []
    beating = asyncio.create_task(seat.beat(said.append))
    await until(lambda: len(said) > 2)
    beating.cancel()
    assert set(said) == {seat.BEAT}


async def test_a_process_without_a_supervisor_tells_nobody() -> None:
    stop = asyncio.Event()
    line_of(None, stop)(UP)
    assert not stop.is_set()


def test_the_grpc_port_is_held_for_workers_that_share_it_and_for_nobody_else() -> None:
    with grpc_port("127.0.0.1:0") as held:
        listen = address_of(held)
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(held.getsockname())
            worker.listen()
            with socket.create_connection(held.getsockname(), 5), worker.accept()[0]:
                pass
            with pytest.raises(SettingsError) as refused:
                grpc_port(listen)
            assert refused.value.problems == (f"grpc.listen: cannot listen on {listen}.",)
    with grpc_port(listen):
        pass


def test_a_listener_that_would_share_the_port_is_not_joined() -> None:
    with socket.socket() as stray:
        stray.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stray.bind(("127.0.0.1", 0))
        stray.listen()
        with pytest.raises(SettingsError):
            grpc_port(address_of(stray))


def test_an_address_that_was_in_use_a_moment_ago_is_free() -> None:
    with http_socket("127.0.0.1:0") as first:
        first.listen()
        listen, address = address_of(first), first.getsockname()
        client = socket.create_connection(address, 5)
        first.accept()[0].close()  # the side that closes first keeps the port for a minute
        client.close()
    with http_socket(listen):
        pass
    with grpc_port(listen):
        pass


def test_sockets_are_of_the_kind_of_their_address() -> None:
    with http_socket("[::1]:0") as bound:
        assert address_of(bound).startswith("[::1]:")
    with pytest.raises(SettingsError) as refused:
        http_socket("no such host.invalid:1")
    assert refused.value.problems == ("http.listen: no such host.invalid is no address of this machine.",)


APPLY = """
import pathlib, sys
here = pathlib.Path(sys.argv[1])
with (here / "applied").open("a") as file: file.write(sys.argv[3] + "\\n")
sys.exit(int((here / "code").read_text()))
"""


async def test_a_directory_is_applied_at_the_start_and_whenever_it_changes(tmp_path: Path) -> None:
    def applied() -> list[str]:
        return (tmp_path / "applied").read_text().splitlines()

    (tmp_path / "rules.yaml").write_text("a")
    (tmp_path / "code").write_text("0")
    log = io.StringIO()
    command = [sys.executable, "-I", "-S", "-c", APPLY]
    directory = AppliedDirectory(tmp_path, 0.02, command, {}, LogLines(log, time.time_ns, lambda: None))
    assert await directory.at_start() == 0
    assert applied() == [f"start with {tmp_path.name}"]
    following = asyncio.create_task(directory.follow())
    await asyncio.sleep(0.1)
    assert len(applied()) == 1, "nothing changed"
    (tmp_path / "rules.yaml").write_text("ab")
    await until(lambda: "governance.applied" in log.getvalue())
    (tmp_path / "code").write_text("1")
    (tmp_path / "more.yml").write_text("c")
    await until(lambda: "governance.kept" in log.getvalue())
    following.cancel()
    assert applied()[1:] == ["the directory changed", "the directory changed"]
    assert json.loads(log.getvalue().splitlines()[-1])["cause"] == "grantd apply ended with 1"
    assert await directory.at_start() == 1
