"""The revocation view: what it shows, how old it is, and that no late poll undoes a newer one."""

from __future__ import annotations

import asyncio
from itertools import permutations
from math import inf

import pytest

from grantd_server.store import Epochs, LiveState, StoreUnavailable, Tombstone, Withdrawal
from grantd_server.store import view as module
from grantd_server.store.view import RevocationView

BLOCK = Withdrawal("client", "agent", "stolen", None)


class FakeStore:
    """Answers polls as told, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.seen = []
        self.exhausted = asyncio.Event()

    async def changed(self, seconds):
        await asyncio.sleep(seconds)

    async def live_state(self, since, seen):
        self.asked.append(since)
        self.seen.append(seen)
        answer = self.answers.pop(0) if self.answers else StoreUnavailable("nothing more")
        if not self.answers:
            self.exhausted.set()
        if isinstance(answer, Exception):
            raise answer
        return await answer if asyncio.isfuture(answer) else answer


def live(now=1000, *, newest=0, tombstones=(), withdrawals=(), **epochs):
    return LiveState(Epochs(**epochs), withdrawals, tombstones, now, newest)


@pytest.fixture
def now():
    return [50.0]


def viewing(now, *answers):
    store = FakeStore(*answers)
    return RevocationView(store, lambda: now[0]), store


async def test_a_view_that_never_polled_is_infinitely_old(now):
    view, _ = viewing(now)
    assert view.age() == inf
    assert view.stale(1e9)


async def test_the_age_counts_from_the_start_of_the_last_poll_that_succeeded(now):
    answer = asyncio.get_running_loop().create_future()
    view, _ = viewing(now, answer, StoreUnavailable("down"))
    poll = asyncio.create_task(view.refresh())
    await asyncio.sleep(0)
    now[0] += 3
    answer.set_result(live())
    await poll
    assert view.age() == 3

    now[0] += 2
    with pytest.raises(StoreUnavailable):
        await view.refresh()
    assert view.age() == 5
    assert view.stale(4.9)
    assert not view.stale(5.0)


async def test_a_revoked_digest_shows_and_stays_over_later_polls(now):
    dead = Tombstone(b"d" * 32, 2000)
    view, store = viewing(
        now, live(tombstones=(dead,), newest=990, revocations=4), live(newest=1007, revocations=5), live()
    )
    for _ in range(3):
        await view.refresh()
        assert view.revoked(dead.digest)
    assert not view.revoked(b"e" * 32)
    assert store.asked == [0, 990, 1007]
    assert store.seen == [None, 4, 5], "each poll says what the one before has seen"


async def test_a_tombstone_is_forgotten_only_long_after_its_token(now):
    dead = Tombstone(b"d" * 32, 1000)
    view, _ = viewing(now, live(900, tombstones=(dead,)), live(1300), live(1301))
    await view.refresh()
    await view.refresh()
    assert view.revoked(dead.digest)
    await view.refresh()
    assert not view.revoked(dead.digest)


async def test_a_tombstone_that_is_extended_is_kept_as_long(now):
    first, longer = Tombstone(b"d" * 32, 1000), Tombstone(b"d" * 32, 5000)
    view, _ = viewing(now, live(900, tombstones=(longer,)), live(901, tombstones=(first,)), live(1400))
    for _ in range(3):
        await view.refresh()
    assert view.revoked(first.digest)


async def test_a_block_is_seen_until_its_time_and_until_lifted(now):
    timed = Withdrawal("user", "corp:u-1", "leave", 1500)
    view, _ = viewing(now, live_with(BLOCK, timed))
    await view.refresh()

    assert view.withdrawn("client", "agent", 10**12) == BLOCK
    assert view.withdrawn("user", "agent", 0) is None
    assert (view.names("client"), view.names("user")) == (["agent"], ["corp:u-1"])
    now[0] += 500
    assert view.withdrawn("user", "corp:u-1", 1499.9) == timed
    assert view.withdrawn("user", "corp:u-1", 1500) is None


async def test_the_newest_restored_backup_says_from_when_on_grants_count(now):
    view, _ = viewing(
        now,
        live_with(Withdrawal("restored", "900", "disk", None), Withdrawal("restored", "1000", "disk", 9000), BLOCK),
        live_with(Withdrawal("restored", "nonsense", "by hand", None), epoch=2),
    )
    assert view.grants_from == 0
    await view.refresh()
    assert view.grants_from == 1000
    await view.refresh()
    assert view.grants_from == 0


async def test_a_clock_that_runs_ahead_does_not_end_a_block(now):
    timed = Withdrawal("user", "corp:u-1", "leave", 1500)
    view, _ = viewing(now, live_with(timed))
    await view.refresh()
    now[0] += 499.9
    assert view.withdrawn("user", "corp:u-1", 9000) == timed, "by the database clock it holds"


async def test_a_clock_that_is_late_does_not_prolong_a_block(now):
    timed = Withdrawal("user", "corp:u-1", "leave", 1500)
    view, _ = viewing(now, live_with(timed, now=1499), live_with(timed, now=1500))
    await view.refresh()
    assert view.withdrawn("user", "corp:u-1", 0) == timed
    await view.refresh()
    assert view.withdrawn("user", "corp:u-1", 0) is None
    assert view.names("user") == []


def live_with(*blocks, epoch=1, now=1000):
    return LiveState(Epochs(withdrawals=epoch), blocks, (), now)


async def test_polls_that_answer_in_any_order_end_in_the_same_view(now):
    dead = Tombstone(b"d" * 32, 9000)
    polls = (
        LiveState(Epochs(1, 1, 0), (), (), 1000),
        LiveState(Epochs(1, 2, 1), (BLOCK,), (dead,), 1001),
        LiveState(Epochs(2, 3, 1), (), (dead,), 1002),
    )
    for order in permutations(polls):
        view, _ = viewing(now, *order)
        for _ in order:
            await view.refresh()
        assert view.epochs == Epochs(2, 3, 1)
        assert view.withdrawn("client", "agent", 0) is None
        assert view.revoked(dead.digest)


async def test_an_older_poll_that_answers_late_does_not_lift_a_block(now):
    view, _ = viewing(now, live_with(BLOCK, epoch=2), live_with(epoch=1))
    await view.refresh()
    await view.refresh()
    assert view.withdrawn("client", "agent", 0) == BLOCK
    assert view.epochs == Epochs(withdrawals=2)


async def test_a_late_poll_does_not_turn_the_clock_of_the_view_back(now):
    dead = Tombstone(b"d" * 32, 1000)
    view, _ = viewing(now, live(1301), live(400, tombstones=(dead,)), live(1301))
    for _ in range(3):
        await view.refresh()
    assert view.revoked(dead.digest), "only a clock that went on makes it forget"


async def test_polling_goes_on_after_a_failure(now, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0)
    view, store = viewing(now, StoreUnavailable("down"), live_with(BLOCK))
    polling = asyncio.create_task(view.run())
    await asyncio.wait_for(store.exhausted.wait(), 5)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    assert view.withdrawn("client", "agent", 0) == BLOCK
