"""The window over a database in memory that fails on demand: what it gathers, how long
it waits, and whom a fault harms."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from clocks import Clock
from grantd_server.audit.chain import Head, start
from grantd_server.store import Committed, Epochs, Lost, Moved, OutcomeUnknown, Space, StoreUnavailable, Tombstone
from grantd_server.store.window import ENOUGH, LARGEST, LIMIT, Window
from grantd_server.store.window.commit import Busy, Collided, Unanswered
from grantd_server.store.window.pace import RARELY, Pace
from store_values import CHAIN, mark, token, write


@dataclass
class Rows:
    """What is committed."""

    marks: dict = field(default_factory=dict)
    records: list = field(default_factory=list)
    buried: set = field(default_factory=set)
    writers: dict = field(default_factory=dict)


@dataclass
class FakeDatabase:
    """`faults` names what the next transactions do: `busy`, `down`, `unanswered`, or
    a decision id whose record cannot be written."""

    clock: Clock
    faults: list = field(default_factory=list)
    bad: set = field(default_factory=set)
    rows: Rows = field(default_factory=Rows)
    commits: list = field(default_factory=list)
    discarded: int = 0
    epochs: Epochs = field(default_factory=Epochs)
    begun: int = 0
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, jobs):
        self.begun += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault == "busy":
            self.clock.now += 0.01
            raise Busy("locked")
        if fault == "down":
            raise StoreUnavailable("down")
        return FakeTransaction(self, fault)

    def discard(self):
        self.discarded += 1

    def turned(self, fault):
        return fault


class FakeTransaction:
    def __init__(self, database, fault):
        self.database, self.fault = database, fault
        old = database.rows
        self.rows = Rows(dict(old.marks), list(old.records), set(old.buried), dict(old.writers))
        self.written = []

    async def standing(self, chains):
        buried = frozenset(chain for chain in chains if bytes.fromhex(chain) in self.rows.buried)
        return self.database.epochs, buried

    async def remember(self, marks):
        answers = []
        for tried, decision_id in marks:
            key = (tried.space, tried.issuer, tried.digest)
            winner = self.rows.marks.setdefault(key, decision_id)
            answers.append(None if winner == decision_id else winner)
        return answers

    async def issue(self, issued):
        pass

    async def bury(self, tombstones):
        self.rows.buried |= {tombstone.digest for tombstone in tombstones}

    async def claim(self, writer):
        head = self.rows.writers.get(writer, start(writer))
        self.rows.writers[writer] = head._replace(epoch=head.epoch + 1)
        return self.rows.writers[writer]

    async def append(self, head, rows):
        if self.fault == "collided":
            self.database.clock.now += 0.01
            raise Collided("deadlock")
        if self.rows.writers[head.writer].epoch != head.epoch:
            return False
        self.rows.writers[head.writer] = head
        if self.database.bad & {row.entry.id for row in rows}:
            raise StoreUnavailable("a bad row")
        self.written = [row.entry.id for row in rows]
        self.rows.records += rows
        return True

    async def commit(self):
        if self.fault == "unanswered, and lost":
            raise Unanswered
        self.database.rows = self.rows
        self.database.commits.append(self.written)
        self.database.committed.set()
        if self.fault == "unanswered":
            raise Unanswered

    async def rollback(self):
        pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(clock):
    return FakeDatabase(clock)


@pytest.fixture
async def window(database, clock):
    window = Window(database, "w", clock)
    yield window
    await window.close()


async def together(window, *writes):
    return await asyncio.gather(*(window.submit(each) for each in writes), return_exceptions=True)


def ids(database):
    return [row.entry.id for row in database.rows.records]


# gathering


async def test_concurrent_writes_are_one_transaction(window, database):
    await together(window, *(write(f"d{i}") for i in range(20)))

    assert [len(commit) for commit in database.commits] == [20]


async def test_a_lone_write_does_not_wait_for_company(window, monkeypatch):
    slept = []
    real = asyncio.sleep

    async def sleep(seconds):
        slept.append(seconds)
        await real(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await window.submit(write("d1"))
    assert slept == [0]

    slept.clear()
    await together(window, write("d2"), write("d3"))
    assert slept == [0, 0.002]

    slept.clear()
    await window.submit(write("d4"))
    assert slept == [0, 0.002], "company may be on its way"

    slept.clear()
    await window.submit(write("d5"))
    assert slept == [0]


def test_windows_wait_while_callers_come_in_company():
    pace = Pace()
    pace.learned(3)

    assert pace.waits(1)


def test_windows_stop_waiting_when_waiting_brought_nobody():
    pace = Pace()
    pace.learned(3)
    pace.learned(1)

    assert not pace.waits(1)
    assert pace.waits(2)


def test_one_of_many_lone_windows_waits_to_learn_whether_company_is_back():
    pace = Pace()
    waited = []
    for _ in range(3 * RARELY):
        waited.append(pace.waits(1))
        pace.learned(1)

    assert waited.count(True) == 3
    assert not waited[0]


async def test_a_window_has_a_largest_size(window, database):
    await together(window, *(write(f"d{i}") for i in range(LARGEST + 10)))

    assert [len(commit) for commit in database.commits] == [LARGEST, 10]


async def test_who_comes_during_a_commit_joins_the_next_window(window, database):
    first = asyncio.create_task(window.submit(write("d0")))
    await database.committed.wait()
    await together(window, write("d1"), write("d2"))

    assert await first == Committed()
    assert database.commits == [["d0"], ["d1", "d2"]]


async def test_work_of_its_own_runs_between_two_windows_and_never_instead_of_one(window, database):
    order = []

    async def work():
        order.append(list(database.commits))

    alone = [asyncio.create_task(window.alone(work)) for _ in range(2)]
    await together(window, write("d1"))
    await asyncio.gather(*alone)

    assert order == [[["d1"]], [["d1"], []]]


# waiting


@pytest.mark.parametrize(("left", "taken"), [(ENOUGH - 0.001, False), (ENOUGH + 0.001, True)])
async def test_too_little_time_left_is_refused_before_it_queues(window, database, clock, left, taken):
    (outcome,) = await together(window, write("d1", mark(), deadline=clock.now + left))

    assert (outcome == Committed()) is taken
    assert isinstance(outcome, StoreUnavailable) is not taken
    assert database.begun == (1 if taken else 0)


async def test_each_call_of_a_busy_database_gives_up_at_its_own_deadline_and_the_rest_go_on(window, database, clock):
    database.faults = ["busy"] * 10  # 10 ms each
    short, long = await together(
        window, write("d1", mark("a"), deadline=clock.now + 0.06), write("d2", mark("b"), deadline=clock.now + 1)
    )

    assert isinstance(short, StoreUnavailable)
    assert long == Committed()
    assert ids(database) == ["d2"]
    assert len(database.rows.marks) == 1


async def test_a_call_without_a_deadline_waits_a_bounded_time(window, database, clock):
    begun = clock.now
    database.faults = ["busy"] * 10_000
    (outcome,) = await together(window, write("d1"))

    assert isinstance(outcome, StoreUnavailable)
    assert clock.now - begun < LIMIT + 0.1
    database.faults.clear()


async def test_work_of_its_own_gives_up_while_a_window_waits_for_the_lock(window, database, clock):
    async def work():
        raise AssertionError("its time was over")

    database.faults = ["busy"] * 50
    waiting = asyncio.create_task(window.submit(write("d1", deadline=clock.now + 1)))
    with pytest.raises(StoreUnavailable):
        await window.alone(work, clock.now + 0.1)
    assert not waiting.done()
    assert await waiting == Committed()


async def test_a_database_that_is_down_answers_every_waiting_call(window, database):
    database.faults = ["down"]
    outcomes = await together(window, *(write(f"d{i}", mark(f"jti-{i}")) for i in range(5)))

    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert database.rows == Rows()
    assert await together(window, write("d9", mark("jti-0"))) == [Committed()]


async def test_cancelled_calls_are_written_and_leave_no_complaint(window, database):
    calls = [asyncio.create_task(window.submit(write(f"d{i}"))) for i in range(3)]
    await asyncio.sleep(0)
    for call in calls[:2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, asyncio.CancelledError, Committed]
    assert ids(database) == ["d0", "d1", "d2"]


# faults


async def test_before_commit_one_bad_row_harms_one_call_and_each_other_commits_alone(window, database):
    database.bad = {"d2"}
    outcomes = await together(window, *(write(f"d{i}", mark(f"jti-{i}")) for i in range(5)))

    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [i == 2 for i in range(5)]
    assert database.commits == [["d0"], ["d1"], ["d3"], ["d4"]]
    assert len(database.rows.marks) == 4


async def test_a_winner_whose_row_is_bad_leaves_the_mark_to_the_next(window, database):
    database.bad = {"d0"}
    outcomes = await together(window, write("d0", mark()), write("d1", mark()), write("d2", mark()))

    assert isinstance(outcomes[0], StoreUnavailable)
    assert outcomes[1:] == [Committed(), Lost(outcomes[2].mark, "d1")]


@pytest.mark.hostile("F20")
async def test_a_transaction_that_stood_in_anothers_way_is_tried_again_as_it_is(window, database):
    database.faults = ["collided", "collided"]
    outcomes = await together(window, *(write(f"d{i}", mark(f"jti-{i}")) for i in range(3)))

    assert outcomes == [Committed()] * 3
    assert database.commits == [["d0", "d1", "d2"]], "together, and once"
    assert database.begun == 3


@pytest.mark.hostile("F20")
async def test_calls_that_always_stand_in_anothers_way_give_up_at_their_deadlines(window, database, clock):
    database.faults = ["collided"] * 1000
    short, long = await together(
        window, write("d1", mark("a"), deadline=clock.now + 0.06), write("d2", mark("b"), deadline=clock.now + 0.2)
    )
    assert isinstance(short, StoreUnavailable)
    assert isinstance(long, StoreUnavailable)
    assert len(database.faults) > 970
    database.faults.clear()
    assert database.rows == Rows()


async def test_what_ends_things_is_committed_before_what_is_issued_at_the_same_time(window, database):
    ending = write("r1", tombstones=(Tombstone(bytes.fromhex(CHAIN), 2**40),))

    async def effect():
        """A change of the live state."""

    issuing = asyncio.gather(*(window.submit(write(f"d{i}", issued=(token(f"t{i}"),))) for i in range(2)))
    others = asyncio.gather(window.submit(ending), window.submit(write("a1"), effect))
    assert [type(outcome) for outcome in await issuing] == [Moved] * 2
    assert await others == [Committed()] * 2
    assert database.commits == [["r1", "a1"], []]


async def test_a_call_that_waits_behind_a_busy_database_gives_up_in_its_time_whatever_it_is(window, database, clock):
    database.faults = ["busy"] * 20
    ending = write("r1", tombstones=(Tombstone(bytes.fromhex(CHAIN), 2**40),), deadline=clock.now + 0.06)
    outcomes = await together(
        window, write("d1", deadline=clock.now + 1), ending, write("d2", deadline=clock.now + 0.08)
    )
    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [False, True, True]


async def test_proofs_of_all_calls_are_tried_before_anything_they_are_about(window, database):
    tried = []
    remember = FakeTransaction.remember

    async def noting(self, marks):
        tried.append([mark.space for mark, _ in marks])
        return await remember(self, marks)

    FakeTransaction.remember = noting
    try:
        proof = mark("p", Space.CLIENT_ASSERTION), mark("q", Space.DPOP)
        await together(window, write("d1", mark("a")), write("d2", mark("b"), *proof), write("d3", mark("c"), proof[1]))
    finally:
        FakeTransaction.remember = remember
    assert tried == [[Space.CLIENT_ASSERTION], [Space.DPOP] * 2, [Space.ID_JAG] * 2]


@pytest.mark.parametrize("fault", ["unanswered", "unanswered, and lost"])
async def test_a_commit_without_an_answer_is_told_to_all_and_sent_once(window, database, fault):
    database.faults = [fault]
    outcomes = await together(window, *(write(f"d{i}", mark(f"jti-{i}")) for i in range(3)))

    assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes)
    assert database.begun == 1
    assert database.discarded == 1


@pytest.mark.parametrize("fault", ["unanswered", "unanswered, and lost"])
async def test_tokens_that_were_never_handed_out_are_buried_until_that_is_committed(window, database, fault):
    database.faults = [fault, "down", "busy", "unanswered, and lost"]
    issued = token("t1")
    await together(window, write("d1", mark(), issued=(issued,)))
    await asyncio.wait_for(window._running, 5)

    assert database.rows.buried == {issued.digest}
    assert database.begun == 5


async def test_tokens_of_calls_that_lost_or_moved_are_not_buried(window, database):
    await together(window, write("d0", mark()))
    database.faults = ["unanswered"]
    moved = write("d2", mark("b"), issued=(token("t2"),), epochs=Epochs(bundle=7))
    await together(window, write("d1", mark(), issued=(token("t1"),)), moved, write("d3", issued=(token("t3"),)))
    await together(window, write("d4"))

    assert database.rows.buried == {token("t3").digest}


@pytest.mark.parametrize("fault", ["down", "busy"])
async def test_closing_does_not_wait_for_a_database_that_is_gone(database, clock, fault):
    window = Window(database, "w", clock)
    database.faults = ["unanswered", *[fault] * 1000]
    await together(window, write("d1", issued=(token("t1"),)))

    await asyncio.wait_for(window.close(), 5)
    assert len(database.faults) > 900


# what is read back


async def test_a_writer_claimed_by_somebody_else_reads_the_head_back_and_loses_no_call(window, database):
    await together(window, write("d0"))
    head = database.rows.writers["w"]
    database.rows.writers["w"] = Head("w", head.epoch + 1, head.seq + 5, bytes(31) + b"\x01")

    assert await together(window, write("d1", mark())) == [Committed()]
    row = database.rows.records[-1]
    assert (row.writer_epoch, row.seq, row.prev_hash) == (3, 7, bytes(31) + b"\x01")


async def test_a_window_in_which_nobody_writes_claims_nothing(window, database):
    assert await together(window, write("d1", mark(), epochs=Epochs(bundle=3))) == [Moved(Epochs())]
    assert database.rows == Rows()


@pytest.mark.parametrize(
    "seen", [Epochs(bundle=1, withdrawals=2), Epochs(bundle=2, withdrawals=1), Epochs(bundle=3, withdrawals=2)]
)
async def test_a_decision_of_another_bundle_or_other_withdrawals_is_made_again(window, database, seen):
    database.epochs = Epochs(bundle=2, withdrawals=2, revocations=9)

    assert await together(window, write("d1", epochs=seen)) == [Moved(database.epochs)]
    assert await together(window, write("d2", epochs=Epochs(2, 2, 0))) == [Committed()]
