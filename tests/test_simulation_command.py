"""`grantd simulate` and GovernanceService.Simulate: the same engine, in processes that do
not slow serving down."""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import signal
import time
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import pytest
import yaml
from typer.testing import CliRunner

import organisation as org
from case_files import changed
from grantd.v1 import governance_pb2 as pb
from grantd.v1.governance_pb2_grpc import GovernanceServiceStub
from grantd_server.cli.app import app
from grantd_server.cli.terminal.progress import Bar
from grantd_server.governance.document import canonical
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.administration.simulation import result_of
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.simulation.report.result import Change, Result, joined
from grantd_server.simulation.report.tally import Tally
from grantd_server.simulation.report.telling import lines
from grantd_server.simulation.running import processes
from grantd_server.simulation.running.simulator import Busy, changed_by
from grantd_server.store import StoreUnavailable
from leg_one import exchanged
from simulating_ import simulated, simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from house import House

CLOSED = {"grants.grants.0.clients": ["robot"]}


def requests(document: dict[str, Any] | None, **options: Any) -> Iterator[pb.SimulateRequest]:
    yield pb.SimulateRequest(options=pb.SimulateOptions(**{"since": 1, **options}))
    if document is not None:
        content = yaml.safe_dump(document).encode()
        for start in range(0, len(content), 4096):
            piece = pb.BundleFilePiece(path="all.yaml", content=content[start : start + 4096])
            yield pb.SimulateRequest(piece=piece)


async def asked(house: House, document: dict[str, Any] | None, role: Role = Role.AUDITOR, **options: Any) -> Any:
    stub = GovernanceServiceStub(InProcessChannel(house.parts.endpoints, Caller("spiffe://corp.example/ada", role)))
    return [answer async for answer in stub.Simulate(requests(document, **options))]


async def test_an_auditor_learns_over_the_api_what_a_candidate_would_change(house: House) -> None:
    call = await exchanged(house)
    *_, last = await asked(house, changed(org.bundle(), CLOSED), until=house.now + 60)
    (row,) = last.result.changes
    assert (last.result.replayed, last.result.changed, row.allowed) == (1, 1, False)
    assert (row.client, row.resource, row.scope, list(row.examples)) == ("desk", "tickets", "tickets:read", [call.id])
    assert row.subject == call.record["subject"]


async def test_a_stored_version_is_simulated_by_its_name_and_the_one_in_force_by_none(house: House) -> None:
    await exchanged(house)
    active = await house.store.active_bundle()
    assert active is not None
    for version in (active[1], ""):
        *_, last = await asked(house, None, version=version, until=house.now + 60)
        assert (last.result.same, last.result.changed) == (1, 0)


async def test_what_is_no_bundle_is_told_with_its_place(house: House) -> None:
    (answer,) = await asked(house, changed(org.bundle(), {"grants.grants.0.clients": ["nobody"]}))
    assert "nobody" in answer.faults.faults[0]


@pytest.mark.parametrize(
    ("document", "options", "reason"),
    [
        (None, {"since": 0}, "PARAMETER_INVALID"),
        (None, {"since": 20, "until": 10}, "PARAMETER_INVALID"),
        (None, {"examples": 21}, "PARAMETER_INVALID"),
        (None, {"version": "b0"}, "NOT_ON_RECORD"),
        ({}, {"version": "b0"}, "PARAMETER_INVALID"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    house: House, document: dict[str, Any] | None, options: dict[str, Any], reason: str
) -> None:
    stub = GovernanceServiceStub(InProcessChannel(house.parts.endpoints, Caller("ada", Role.ADMIN)))
    with pytest.raises(grpc.aio.AioRpcError):
        _ = [answer async for answer in stub.Simulate(requests(document, **options))]
    found = await house.store.entries(limit=1, reason=reason)
    assert [stored.entry.rpc for stored in found] == ["Simulate"]


def configured(house: House, document: dict[str, Any]) -> CliRunner:
    folder = house.folder
    settings = {
        "development": True,
        "store": {"url": f"sqlite:///{folder / 'grantd.db'}"},
        "keys": {"directory": str(folder / "keys")},
    }
    (folder / "cli.yaml").write_text(yaml.safe_dump(settings))
    (folder / "candidate").mkdir()
    (folder / "candidate" / "all.yaml").write_text(yaml.safe_dump(document))
    return CliRunner(env={"GRANTD_CONFIG": str(folder / "cli.yaml")})


async def test_the_command_prints_who_loses_what_with_decisions_to_explain(house: House) -> None:
    call = await exchanged(house)
    runner = configured(house, changed(org.bundle(), CLOSED))
    command = ["simulate", str(house.folder / "candidate"), "--since", "1h", "--jobs", "2"]
    found = await asyncio.to_thread(runner.invoke, app, command)
    assert found.exit_code == 0, found.output
    assert found.stdout.splitlines() == [
        "1 decisions replayed, 0 skipped",
        "           0  end alike",
        "           1  would end otherwise",
        "           0  undetermined",
        "newly refused: decisions, user, client, resource, scope",
        f"           1  {call.record['subject']}  desk  tickets  tickets:read",
        f"              such as {call.id}",
    ]
    plain = json.loads((await asyncio.to_thread(runner.invoke, app, [*command, "--json"])).stdout)
    assert plain["changes"][0]["examples"] == [call.id]


WRONG = [["--since", "soon"], ["--since", "1h", "--until", "2h"], ["--since", "2026-01-01"]]


@pytest.mark.parametrize("arguments", WRONG)
async def test_times_that_are_none_are_wrong_usage(house: House, arguments: list[str]) -> None:
    runner = configured(house, org.bundle())
    found = await asyncio.to_thread(runner.invoke, app, ["simulate", str(house.folder / "candidate"), *arguments])
    assert found.exit_code == 2, found.output


async def test_apply_learns_how_many_decisions_would_change(house: House) -> None:
    await exchanged(house)
    content = canonical(changed(org.bundle(), CLOSED))
    assert await changed_by(simulator(house), content, 1, house.now + 60) == (1, 0)


def children() -> list[psutil.Process]:
    """Processes of simulations. Others of this process, such as its PostgreSQL, are not ours to count or to kill."""
    return [child for child in psutil.Process().children() if "grantd_server.simulation" in _words(child)]


def _words(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except psutil.NoSuchProcess:
        return []


async def test_the_serving_process_only_waits(house: House) -> None:
    """Parsing, reading and deciding are the child's, and the child gives way."""
    for _ in range(3):
        await exchanged(house)
    seen: list[int] = []

    def progress(_done: int, _total: int) -> None:
        seen.extend(os.getpriority(os.PRIO_PROCESS, child.pid) for child in children())

    ours, theirs = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    await simulated(house, progress=progress)
    ours, ended = time.process_time() - ours, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = ended.ru_utime + ended.ru_stime - theirs.ru_utime - theirs.ru_stime
    assert ours < spent / 5
    assert seen
    assert min(seen) >= os.getpriority(os.PRIO_PROCESS, 0) + 10 or min(seen) == 19


async def test_one_simulation_at_a_time_and_none_is_left_behind(house: House) -> None:
    await exchanged(house)
    one = simulator(house)
    running = asyncio.ensure_future(one.simulate(canonical(org.bundle()), 1, house.now + 60))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await one.simulate(canonical(org.bundle()), 1, house.now + 60)
    running.cancel()
    await asyncio.wait({running})
    assert children() == []
    assert (await one.simulate(canonical(org.bundle()), 1, house.now + 60)).replayed == 1


async def test_a_process_that_dies_ends_the_simulation_and_is_told(house: House, monkeypatch: Any) -> None:
    await exchanged(house)

    def kill(_done: int, _total: int) -> None:
        for child in children():
            child.send_signal(signal.SIGKILL)

    with pytest.raises(processes.SimulationEnded):
        await simulated(house, progress=kill)


async def test_a_database_that_is_not_there_is_told(house: House) -> None:
    (house.folder / "grantd.db").rename(house.folder / "moved.db")
    (house.folder / "grantd.db").write_bytes(b"no database at all, and long enough to be looked at")
    with pytest.raises(StoreUnavailable):
        await simulated(house)


def change(number: int, count: int = 1, examples: list[str] | None = None, *, allowed: bool = True) -> Change:
    return Change(allowed, f"s{number}", "desk", "wiki", "read", count, examples or [], "")


def test_parts_join_row_by_row_and_long_tables_are_counted() -> None:
    parts = [
        Result(3, 1, 2, 0, 0, {"users": 1}, {"x": 1}, [change(1, 2, ["d3", "d4"]), change(2)], unlisted=1),
        Result(4, 2, 1, 1, 1, {"users": 2}, {"x": 2}, [change(1, 1, ["d1", "d9"]), change(3)]),
    ]
    whole = joined(parts, examples=2, listed=2)
    assert (whole.replayed, whole.same, whole.changed, whole.undetermined, whole.other_rule) == (7, 3, 3, 1, 1)
    assert (whole.undetermined_by, whole.skipped_by, whole.skipped, whole.unlisted) == ({"users": 3}, {"x": 3}, 3, 1)
    assert whole.changes == [change(1, 3, ["d1", "d3"]), change(2)]
    assert whole.more_changes == 1


def test_a_table_is_bounded_and_says_what_found_no_room() -> None:
    tally = Tally(examples=1, most_rows=2)
    for number in (1, 2, 3, 1):
        case: Any = type("Case", (), {"subject": f"s{number}", "client": "desk"})
        ended: Any = type("Ended", (), {"granted": {}, "names": {"u": "wiki"}})
        answer: Any = type("Answer", (), {"granted": {("u", "read"): "r"}, "denied": {}, "names": {}, "open": ()})
        tally.add(f"d{number}", case, ended, answer)
    found = tally.result()
    assert [(row.subject, row.count, row.examples) for row in found.changes] == [("s1", 2, ["d1"]), ("s2", 1, ["d2"])]
    assert (found.changed, found.unlisted) == (4, 1)
    assert "and 1 changes of a scope that found no room in the table" in list(lines(found))


def test_a_result_fits_into_a_message() -> None:
    whole = Result(changes=[change(number, examples=["d" * 33] * 3) for number in range(1000)], more_changes=5)
    message = result_of(whole)
    assert message.ByteSize() < 128 * 1024
    assert len(message.changes) + message.more_changes == 1005


def test_progress_is_drawn_on_a_terminal_only() -> None:
    terminal, pipe, clock = io.StringIO(), io.StringIO(), iter([0.0, 0.05, 5.0, 6.0])
    terminal.isatty = lambda: True  # type: ignore[method-assign] # of this one only
    with Bar("decisions", terminal, lambda: next(clock)) as bar:
        for done in (1, 500, 1000):
            bar.at(done, 1000)
    with Bar("decisions", pipe) as quiet:
        quiet.at(1, 1)
    drawn = terminal.getvalue().split("\r\x1b[K")
    assert drawn[1].startswith("[###############...............]  50%  500 of 1,000 decisions, 100/s, 5 s left")
    assert drawn[2].startswith("[" + "#" * 30 + "] 100%")
    assert (drawn[-1], pipe.getvalue()) == ("", "")
