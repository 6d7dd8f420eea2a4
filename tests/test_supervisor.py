"""The supervisor of several workers: who is started when, who is replaced by whom, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from grantd_server.telemetry.logs import LogLines
from grantd_server.wiring.processes import watching
from grantd_server.wiring.processes.child import words
from worker_programs import crew, until


async def ended(running: asyncio.Task[int]) -> int:
    async with asyncio.timeout(15):
        return await running


async def test_all_workers_are_started_each_with_an_index_of_its_own_and_end_when_told() -> None:
    async with crew(3) as workers:
        serving = await workers.said("serving")
        assert (serving["workers"], serving["http"]) == (3, "127.0.0.1:7080")
        await workers.said("ready")
        assert [child.index for child in workers.live()] == [0, 1, 2]
        workers.supervisor.stop.set()
        assert await ended(workers.running) == 0
        assert workers.live() == []
        assert workers.events("draining")[0]["workers"] == 3
        assert workers.events("worker.died") == []


async def test_nothing_is_said_before_all_are_up_and_ready() -> None:
    async with crew(2, "good", "never up") as workers:
        await until(lambda: len(workers.started) == 2)
        assert not await workers.started[1].comes(workers.started[1].up, 0.2)
        assert workers.events("serving") == []
        workers.plans.append("never ready")
        workers.started[1].kill()
        await workers.said("serving")
        assert not await workers.started[2].comes(workers.started[2].ready, 0.2)
        assert workers.events("ready") == []
        workers.started[2].kill()
        await workers.said("ready")


async def test_what_keeps_the_first_from_starting_ends_all_and_is_told_once() -> None:
    async with crew(3, "exit 2") as workers:
        assert await ended(workers.running) == 2
        assert len(workers.started) == 1


@pytest.mark.parametrize(("plan", "code"), [("exit 0", 1), ("exit 3", 3)])
async def test_a_start_that_failed_is_no_success(plan: str, code: int) -> None:
    async with crew(2, plan) as workers:
        assert await ended(workers.running) == code


async def test_a_worker_that_dies_is_logged_and_started_again_with_its_index() -> None:
    async with crew(2) as workers:
        await workers.said("ready")
        first = workers.live()[0]
        first.kill()
        died = await workers.said("worker.died")
        assert (died["worker"], died["pid"], died["status"]) == (0, first.pid, "SIGKILL")
        await until(lambda: len(workers.live()) == 2)
        assert [child.index for child in workers.live()] == [1, 0]
        workers.supervisor.stop.set()
        assert await ended(workers.running) == 0


async def test_a_worker_whose_loop_hangs_is_killed_and_started_again_and_one_that_beats_is_not() -> None:
    async with crew(2, "beats", "hangs", silence=2.0) as workers:
        await workers.said("ready")
        beats, hangs = workers.started
        hung = await workers.said("worker.hung")
        assert (hung["worker"], hung["pid"]) == (1, hangs.pid)
        assert hung["silent"] >= 2.0
        died = await workers.said("worker.died")
        assert (died["worker"], died["status"]) == (1, "SIGKILL")
        await until(lambda: len(workers.live()) == 2)
        assert beats in workers.live()
        assert [len(workers.events(name)) for name in ("worker.hung", "worker.died")] == [1, 1]


async def test_a_worker_that_never_beat_is_not_missed() -> None:
    async with crew(1, "good", silence=0.01) as workers:
        await workers.said("ready")
        assert not await workers.started[0].comes(asyncio.Event(), 1.2)
        assert workers.events("worker.hung") == []
        assert workers.live() == workers.started


class Silent:
    """A worker that is not heard of."""

    index, pid = 0, 1

    def __init__(self) -> None:
        self.since, self.kills = 98.0, 0
        self.clock = time.monotonic

    def silent(self) -> float:
        return self.clock() - self.since

    def excuse(self) -> None:
        self.since = self.clock()

    def kill(self) -> None:
        self.kills += 1


async def test_a_supervisor_that_was_stopped_itself_first_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    now, turns = [100.0], [0.5, 0.5, 9.0, 0.5, 0.5]
    worker, log = Silent(), io.StringIO()

    async def sleep(_seconds: float) -> None:
        if not turns:
            raise asyncio.CancelledError
        now[0] += turns.pop(0)

    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(watching, "asyncio", SimpleNamespace(sleep=sleep))
    worker.clock = lambda: now[0]
    with pytest.raises(asyncio.CancelledError):
        await watching.watch([worker], 4.0, LogLines(log, time.time_ns, lambda: None))  # type: ignore[list-item] # as much of a worker as it looks at
    assert worker.kills == 0, "it had been silent for 3 s, then nobody listened for 9"
    turns += [0.5] * 8
    with pytest.raises(asyncio.CancelledError):
        await watching.watch([worker], 4.0, LogLines(log, time.time_ns, lambda: None))  # type: ignore[list-item] # the same
    assert worker.kills == 1
    assert json.loads(log.getvalue())["silent"] == 4.5


async def test_one_that_dies_young_again_and_again_waits_longer_each_time() -> None:
    async with crew(2, "good", "exit 1", "exit 1", "exit 1", "exit 1", longest=0.05) as workers:
        await workers.said("worker.died", 4)
        assert [event["again_in"] for event in workers.events("worker.died")] == [0.01, 0.02, 0.04, 0.05]
        await workers.said("ready")


async def test_one_that_lived_long_died_of_something_new() -> None:
    async with crew(2, "good", "exit 1", "exit 1", "exit 1", steady=0) as workers:
        await workers.said("worker.died", 3)
        assert [event["again_in"] for event in workers.events("worker.died")] == [0.01, 0.01, 0.01]


async def test_while_one_worker_is_up_the_others_are_tried_for_ever() -> None:
    async with crew(2, "good", *["exit 3"] * 4, attempts=2, longest=0.01) as workers:
        await workers.said("ready")
        assert len(workers.events("worker.died")) == 4


@pytest.mark.parametrize("posts", [1, 2])
async def test_when_no_worker_can_be_had_any_more_it_ends_with_what_the_last_said(posts: int) -> None:
    async with crew(posts, attempts=3, longest=0.01) as workers:
        await workers.said("ready")
        workers.plans += ["exit 3"] * 9
        for child in workers.live():
            child.kill()
        assert await ended(workers.running) == 3
        failed = [event["status"] for event in workers.events("worker.died")]
        assert failed.count("SIGKILL") == posts
        at_the_same_moment = posts - 1
        assert 3 <= failed.count("exit 3") <= 3 + at_the_same_moment


async def test_a_worker_that_comes_up_ends_the_count_of_failures() -> None:
    async with crew(1, attempts=3, longest=0.01) as workers:
        await workers.said("ready")
        workers.plans += ["exit 3", "exit 3", "good"]
        workers.live()[0].kill()
        await workers.said("worker.died", 3)
        await until(lambda: len(workers.started) == 4 and workers.started[3].up.is_set())
        workers.plans += ["exit 3", "exit 3", "good"]
        workers.started[3].kill()
        await until(lambda: len(workers.started) == 7 and workers.started[6].up.is_set())
        assert not workers.running.done()


async def test_a_process_that_the_system_does_not_give_is_tried_again() -> None:
    async with crew(2) as workers:
        await workers.said("ready")
        workers.plans += ["no process", "no process"]
        workers.live()[1].kill()
        event = await workers.said("worker.not_started", 2)
        assert event["cause"] == "Resource temporarily unavailable"
        await until(lambda: len(workers.live()) == 2)


@pytest.mark.parametrize("plans", [["no process"], ["good", "no process"]])
async def test_a_start_without_processes_says_so_and_ends(plans: list[str]) -> None:
    async with crew(2, *plans) as workers:
        assert await ended(workers.running) == 1
        assert len(workers.events("worker.not_started")) == 1


async def test_without_another_process_nobody_is_replaced() -> None:
    async with crew(2) as workers:
        await workers.said("ready")
        workers.plans.append("no process")
        old = workers.live()
        workers.supervisor.renew.set()
        await workers.said("worker.not_started")
        workers.supervisor.renew.set()
        await workers.said("restarted")
        assert not set(old) & set(workers.live())
        assert len(workers.started) == 4


async def test_workers_are_replaced_one_by_one_and_no_two_of_one_name_live_at_once() -> None:
    async with crew(3) as workers:
        await workers.said("ready")
        old = workers.live()
        workers.supervisor.renew.set()
        alive: list[int] = []
        while not workers.events("restarted"):
            live = workers.live()
            alive.append(len(live))
            assert len({child.index for child in live}) == len(live)
            await asyncio.sleep(0.005)
        assert set(alive) <= {3, 4}, "the new one is there before the old one goes"
        assert not set(old) & set(workers.live())
        assert [child.index for child in workers.live()] == [3, 0, 1]
        assert workers.events("worker.died") == []
        await until(lambda: len(workers.live()) == 3)
        workers.live()[0].kill()
        assert (await workers.said("worker.died"))["worker"] == 3, "the new ones are kept, too"


@pytest.mark.parametrize("plan", ["never ready", "never up", "exit 2"])
async def test_one_that_is_not_ready_in_time_replaces_nobody(plan: str) -> None:
    async with crew(2, start=0.4) as workers:
        await workers.said("ready")
        old = workers.live()
        workers.plans.append(plan)
        workers.supervisor.renew.set()
        await workers.said("restart.given_up")
        await until(lambda: workers.live() == old)
        assert workers.events("restarted") == []
        workers.supervisor._patience = replace(workers.supervisor._patience, start=60)
        workers.supervisor.renew.set()
        await workers.said("restarted")
        assert not set(old) & set(workers.live())


async def test_a_restart_that_would_not_come_up_is_not_begun() -> None:
    async with crew(2, checked=lambda: ["grpc.tls: /gone cannot be read."]) as workers:
        await workers.said("ready")
        workers.supervisor.renew.set()
        assert (await workers.said("restart.refused"))["problems"] == ["grpc.tls: /gone cannot be read."]
        assert len(workers.started) == 2


async def test_a_worker_that_does_not_drain_is_killed_when_it_is_replaced() -> None:
    async with crew(1, "stubborn", end=0.2) as workers:
        await workers.said("ready")
        workers.supervisor.renew.set()
        await workers.said("restarted")
        assert workers.events("worker.killed")[0]["pid"] == workers.started[0].pid
        assert [child.index for child in workers.live()] == [1]


async def test_an_end_in_the_middle_of_a_replacement_ends_the_new_one_too() -> None:
    async with crew(1) as workers:
        await workers.said("ready")
        workers.plans.append("never ready")
        workers.supervisor.renew.set()
        await until(lambda: len(workers.live()) == 2 and workers.started[1].up.is_set())
        workers.supervisor.stop.set()
        assert await ended(workers.running) == 0
        assert workers.live() == []


@pytest.mark.parametrize("hurried", [True, False], ids=["told twice", "too slow"])
async def test_what_does_not_drain_is_killed_at_the_end_and_that_is_no_clean_end(hurried: bool) -> None:
    async with crew(2, "good", "stubborn", end=30 if hurried else 0.3) as workers:
        await workers.said("ready")
        workers.supervisor.stop.set()
        if hurried:
            workers.supervisor.kill.set()
        assert await ended(workers.running) == 1
        assert workers.started[1].pid in [event["pid"] for event in workers.events("worker.killed")]


async def test_a_worker_that_ends_with_a_fault_is_no_clean_end() -> None:
    async with crew(2, "good", "good ends 1") as workers:
        await workers.said("ready")
        workers.supervisor.stop.set()
        assert await ended(workers.running) == 1


async def test_one_that_is_only_just_starting_when_all_end_is_no_fault() -> None:
    async with crew(1) as workers:
        await until(lambda: workers.started)
        os.kill(workers.started[0].pid, signal.SIGSTOP)
        workers.supervisor.stop.set()
        await workers.said("draining")
        with contextlib.suppress(ProcessLookupError):
            os.kill(workers.started[0].pid, signal.SIGCONT)
        assert await ended(workers.running) == 0


async def test_one_that_was_ready_and_is_gone_replaces_nobody() -> None:
    async with crew(1) as workers:
        await workers.said("ready")
        first = workers.started[0]
        assert await first.comes(first.ready)
        first.kill()
        await workers.said("worker.died")
        assert first.ready.is_set()
        assert not await first.comes(first.ready)


async def test_a_fault_of_the_supervisor_itself_shows_after_all_workers_have_ended() -> None:
    def nonsense() -> list[str]:
        raise ZeroDivisionError

    async with crew(2, checked=nonsense) as workers:
        await workers.said("ready")
        workers.supervisor.renew.set()
        with pytest.RaisesGroup(ZeroDivisionError):
            await ended(workers.running)
        assert workers.live() == []


@pytest.mark.parametrize(("status", "said"), [(0, "exit 0"), (2, "exit 2"), (-9, "SIGKILL"), (-250, "signal 250")])
def test_an_exit_status_is_told_in_words(status: int, said: str) -> None:
    assert words(status) == said
