"""Work off the loop: bounded, in turn, and given up by a caller that leaves."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

import assertions_
import organisation as org
from grantd_server.offloop import OffLoop
from grantd_server.refusals import Reason, Refused
from house import running
from leg_one import exchanged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pool():
    found = OffLoop(threads=1, places=2)
    yield found
    found.close()


async def busy(pool: OffLoop) -> tuple[asyncio.Task[bool], threading.Event]:
    """Takes the thread until the event is set."""
    begun, released = threading.Event(), threading.Event()

    def job() -> bool:
        begun.set()
        return released.wait(30)

    task = asyncio.create_task(pool.run(job))
    assert await asyncio.to_thread(begun.wait, 30)
    return task, released


async def test_a_job_runs_in_a_thread_and_its_answer_and_its_fault_come_back(pool):
    assert await pool.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)


async def test_beyond_its_places_a_pool_refuses_and_then_takes_again(pool):
    running_job, released = await busy(pool)
    waiting = asyncio.create_task(pool.run(lambda: 7))
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await pool.run(lambda: 8)
        assert refused.value.reason is Reason.OVERLOADED
    released.set()
    assert (await running_job, await waiting) == (True, 7)
    assert [await pool.run(lambda: 9) for _ in range(5)] == [9] * 5


async def test_a_caller_that_leaves_gives_its_place_up_at_once_where_it_waits(pool):
    running_job, released = await busy(pool)
    for _ in range(3):
        waiting = asyncio.create_task(pool.run(lambda: 7))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    released.set()
    assert await running_job


async def test_a_caller_that_leaves_keeps_the_place_of_a_job_that_runs(pool):
    running_job, released = await busy(pool)
    running_job.cancel()
    await asyncio.wait([running_job])
    waiting = asyncio.create_task(pool.run(lambda: 7))
    await asyncio.sleep(0)
    with pytest.raises(Refused):
        await pool.run(lambda: 8)
    released.set()
    assert await waiting == 7


async def test_closing_drops_what_waits(pool):
    running_job, released = await busy(pool)
    waiting = asyncio.create_task(pool.run(lambda: 7))
    await asyncio.sleep(0)
    pool.close()
    released.set()
    assert await running_job
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_service_whose_threads_are_all_taken_says_so_and_uses_nothing_up(tmp_path: Path) -> None:
    document = org.bundle()
    document["identity_providers"]["corp"]["saml"] = assertions_.sign_on()
    async with running(tmp_path, document) as house:
        house.parts.world.offloop = OffLoop(threads=1, places=1)
        job, released = await busy(house.parts.world.offloop)
        token = {"subject_token": assertions_.assertion(house.now), "subject_token_type": assertions_.SAML2}
        refused = await exchanged(house, **token)
        assert (refused.status, refused.public, refused.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED", "OVERLOADED")
        assert (await exchanged(house)).status == "OK", "ID tokens are read on the loop"
        released.set()
        await job
        assert (await exchanged(house, **token)).status == "OK"
        house.parts.world.offloop.close()
