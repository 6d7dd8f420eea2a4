"""Checkpoints: what they say, that each names the one before, and where they go on."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd import jws, strict
from grantd.strict import Fault
from grantd_server.audit.chain import Head
from grantd_server.audit.checkpoint import Checkpoint, Kind, digest, following, opened, sealed, unverified
from grantd_server.audit.checkpointer import NotTaken
from grantd_server.audit.file_place import FilePlace
from grantd_server.audit.places import Overtaken, PlaceUnavailable
from grantd_server.keys.own.purpose import Purpose
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.wiring.checkpoints import checkpointer
from second_place import BEGAN, KEY, audited, ring_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd_server.keys.own.ring import KeyRing
    from second_place import Audited

HEADS = (Head("grantd", 2, 7, bytes(range(32))), Head("other", 1, 1, bytes(32)))
WHOLE = Checkpoint("c0ffee", 3, digest("x"), BEGAN * 1_000_000, HEADS)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return ring_in(tmp_path_factory.mktemp("ring") / "keys")[1]


def keys_of(ring: KeyRing) -> Any:
    return ring.keyset("", Purpose.CHECKPOINT)


def read(service: Audited) -> list[Checkpoint]:
    return [opened(line.raw, keys_of(service.ring)) for line in service.place.lines()]


# the document


@pytest.mark.parametrize(
    "checkpoint",
    [
        WHOLE,
        replace(WHOLE, number=1, previous="", heads=()),
        replace(WHOLE, kind=Kind.BOUNDARY, pruned=HEADS[:1], why="older than a year"),
        replace(WHOLE, kind=Kind.RESTORED, why="the disk was lost"),
    ],
    ids=["heads", "the first", "a boundary", "a restoration"],
)
async def test_a_checkpoint_is_read_as_it_was_sealed(ring: KeyRing, checkpoint: Checkpoint) -> None:
    raw = await sealed(checkpoint, ring.signer("", Purpose.CHECKPOINT))

    assert opened(raw, keys_of(ring)) == checkpoint
    assert jws.read(raw).header.typ == "grantd-checkpoint+jwt"


async def test_a_checkpoint_of_another_key_is_not_believed(ring: KeyRing, tmp_path: Path) -> None:
    _, other = ring_in(tmp_path / "other")
    raw = await sealed(WHOLE, other.signer("", Purpose.CHECKPOINT))

    assert unverified(raw) == WHOLE
    with pytest.raises(Fault, match="kid"):
        opened(raw, keys_of(ring))


async def test_a_signature_made_for_something_else_is_no_checkpoint(ring: KeyRing) -> None:
    signer = ring.signer("", Purpose.CHECKPOINT)
    claims = jws.read(await sealed(WHOLE, signer)).unverified_claims
    data = jws.signing_input(claims, alg=signer.alg, kid=signer.kid, typ="at+jwt")

    with pytest.raises(Fault, match="typ"):
        opened(jws.compact(data, await signer.sign(data)), keys_of(ring))


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"v": 2}, "claim:v"),
        ({"kind": "other"}, "claim:kind"),
        ({"kind": 1}, "claim:kind"),
        ({"chain": ""}, "claim:chain"),
        ({"number": 0}, "claim:number"),
        ({"number": True}, "claim:number"),
        ({"number": 1 << 63}, "claim:number"),
        ({"number": "3"}, "claim:number"),
        ({"number": 1}, "claim:previous"),
        ({"previous": ""}, "claim:previous"),
        ({"previous": None}, "claim:previous"),
        ({"time_us": 1.5}, "claim:time_us"),
        ({"heads": {}}, "claim:heads"),
        ({"heads": [["grantd", 1, 1]]}, "claim:heads"),
        ({"heads": [["grantd", -1, 1, "00" * 32]]}, "claim:heads"),
        ({"heads": [["grantd", 1, -1, "00" * 32]]}, "claim:heads"),
        ({"heads": [["grantd", 1 << 63, 1, "00" * 32]]}, "claim:heads"),
        ({"heads": [["grantd", 1, 1 << 63, "00" * 32]]}, "claim:heads"),
        ({"heads": [["grantd", 1, 1, "00"]]}, "claim:heads"),
        ({"heads": [["grantd", 1, 1, "zz" * 32]]}, "claim:heads"),
        ({"heads": [["grantd", 1, 1, "00" * 32]] * 2}, "claim:heads"),
        ({"kind": "boundary", "why": "x"}, "claim:pruned"),
        ({"kind": "restored"}, "claim:why"),
        ({"keys": {}}, "jwks"),
    ],
)
async def test_a_document_that_is_no_checkpoint_is_a_fault(
    ring: KeyRing, changed: dict[str, object], check: str
) -> None:
    signer = ring.signer("", Purpose.CHECKPOINT)
    claims = {**jws.read(await sealed(WHOLE, signer)).unverified_claims, **changed}
    data = jws.signing_input(claims, alg=signer.alg, kid=signer.kid, typ="grantd-checkpoint+jwt")

    with pytest.raises(Fault) as fault:
        opened(jws.compact(data, await signer.sign(data)), keys_of(ring))

    assert fault.value.check == check


@given(st.text() | st.binary().map(lambda raw: f"e30.{strict.encode(raw).decode()}.e30"))
def test_whatever_a_line_holds_is_read_or_a_fault(raw: str) -> None:
    with pytest.raises(Fault):
        unverified(raw)


# taking them


async def test_each_checkpoint_lists_all_heads_and_names_the_one_before(service: Audited) -> None:
    other = SqliteStore.open(service.folder / "grantd.db", writer="other")
    await service.records(3)
    await service.checkpoint()
    await service.records(2, other)
    await service.checkpoint()
    await other.close()

    first, second = read(service)
    lines = [line.raw for line in service.place.lines()]
    assert (first.number, first.previous) == (1, "")
    assert (second.number, second.previous, second.chain) == (2, digest(lines[0]), first.chain)
    assert [(head.writer, head.seq) for head in first.heads] == [("grantd", 3)]
    assert [(head.writer, head.seq) for head in second.heads] == [("grantd", 3), ("other", 2)]
    rows = [row async for row in service.store.history()]
    assert {head.hash for head in second.heads} <= {row.hash for row in rows}
    assert second.time_us - first.time_us == 10_000_000


async def test_a_new_process_goes_on_from_what_the_second_place_holds(service: Audited) -> None:
    await service.checkpoint()
    again = checkpointer(service.folder / "second", service.store, service.ring, lambda: service.now[0] + 1)

    taken = await again.take()

    assert taken is not None
    assert (taken.checkpoint.number, taken.behind, taken.foreign) == (2, (), "")
    assert [each.number for each in read(service)] == [1, 2]


async def test_processes_that_share_a_second_place_make_one_chain(service: Audited) -> None:
    others = [checkpointer(service.folder / "second", service.store, service.ring, lambda: BEGAN) for _ in range(3)]

    await asyncio.gather(*(each.take() for each in others))

    assert [each.number for each in read(service)] == [1, 2, 3]
    assert len({each.chain for each in read(service)}) == 1


async def test_one_checkpoint_of_another_process_is_enough(service: Audited) -> None:
    await service.checkpoint()
    other = checkpointer(service.folder / "second", service.store, service.ring, lambda: service.now[0])

    assert await other.take(unless_since=service.now[0] - 5) is None
    assert await other.take(unless_since=service.now[0]) is not None
    service.now[0] -= 60  # a clock that was set back must not stop them
    assert await other.take(unless_since=service.now[0] - 5) is not None


async def test_whoever_is_overtaken_looks_again_and_gives_up_after_a_while(
    service: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.checkpoint()
    asked: list[str] = []

    def always_late(_self: FilePlace, raw: str, _after: str | None) -> None:
        asked.append(raw)
        raise Overtaken

    monkeypatch.setattr(FilePlace, "append", always_late)
    with pytest.raises(NotTaken, match="faster"):
        await service.taking.take()
    assert len(asked) == 5


async def test_a_store_that_went_back_is_told_of_by_writer(service: Audited) -> None:
    await service.records(3)
    await service.checkpoint()
    connection = service.store._database.writer
    connection.execute("UPDATE writers SET seq = 2")

    taken = await service.taking.take()
    again = await service.taking.take()

    assert taken is not None
    assert taken.behind == ("grantd",)
    assert again is not None
    assert again.behind == (), "it was told once"


@pytest.mark.parametrize("change", ["UPDATE writers SET hash = randomblob(32)", "DELETE FROM writers"])
async def test_another_head_or_none_is_told_of_too(service: Audited, change: str) -> None:
    await service.records(1)
    await service.checkpoint()
    service.store._database.writer.execute(change)

    taken = await service.taking.take()

    assert taken is not None
    assert taken.behind == ("grantd",)


async def test_a_last_checkpoint_by_a_foreign_key_is_told_of_and_kept_as_evidence(
    service: Audited, tmp_path: Path
) -> None:
    _, other = ring_in(tmp_path / "foreign")
    forged = await sealed(following(None, None, 1, ()), other.signer("", Purpose.CHECKPOINT))
    service.place.append(forged, None)

    taken = await service.taking.take()

    assert taken is not None
    assert taken.checkpoint.previous == digest(forged)
    assert "kid" in taken.foreign


async def test_what_is_no_checkpoint_at_the_end_of_the_second_place_stops_them(service: Audited) -> None:
    service.place.append("nonsense", None)

    with pytest.raises(NotTaken, match="no checkpoint"):
        await service.taking.take()


async def test_without_a_key_or_a_store_there_is_none_and_it_says_why(service: Audited) -> None:
    await service.records(1)
    kid = service.ring.signer("", Purpose.CHECKPOINT).kid
    for file in (service.folder / "keys").glob(f"*{kid}*"):
        file.unlink()
    service.ring.reload()
    with pytest.raises(NotTaken, match="no active checkpoint key"):
        await service.taking.take()
    (service.folder / "grantd.db").unlink()
    service.store._database.close()
    with pytest.raises(NotTaken, match="heads cannot be read"):
        await service.taking.take()


async def test_a_second_place_that_hangs_holds_nobody_up_and_is_used_again_when_it_answers(
    service: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, last = threading.Event(), FilePlace.last

    def hanging(self: FilePlace) -> str | None:
        stuck.wait()
        return last(self)

    monkeypatch.setattr(FilePlace, "last", hanging)
    service.taking._patience = 0.05
    for _ in range(2):
        with pytest.raises(NotTaken, match="did not answer"):
            await service.taking.take()
    assert sum(thread.name == "second place" for thread in threading.enumerate()) == 1, "it is asked once only"
    stuck.set()
    service.taking._patience = 5.0
    taken = await service.taking.take()

    assert taken is not None
    assert taken.checkpoint.number == 1


async def test_after_a_rotation_old_and_new_checkpoints_are_believed(service: Audited) -> None:
    await service.checkpoint()
    service.rotation.publish("", Purpose.CHECKPOINT, BEGAN)
    service.rotation.activate("", Purpose.CHECKPOINT, BEGAN, at_once=True)
    service.ring.reload()
    await service.checkpoint()

    kids = [jws.read(line.raw).header.kid for line in service.place.lines()]
    assert len(set(kids)) == 2
    assert [each.number for each in read(service)] == [1, 2]
    assert service.rotation.by_age(BEGAN + 4000 * 86_400) != []
    service.ring.reload()
    assert all(kid in service.ring.keyset(*KEY[:2]) for kid in kids), "a retired key is never removed by age"


# the directory


def lines_of(place: FilePlace) -> list[tuple[str, str, bool]]:
    return [tuple(line) for line in place.lines()]


def test_lines_are_appended_to_private_files_and_read_in_order(tmp_path: Path) -> None:
    place = FilePlace(tmp_path)
    assert place.last() is None
    before = os.umask(0)
    try:
        place.append("one", None)
        place.append("two", "one")
    finally:
        os.umask(before)

    assert lines_of(place) == [("checkpoints.000001.jws:1", "one", True), ("checkpoints.000001.jws:2", "two", True)]
    assert place.last() == "two"
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("after", [None, "one", "two\n"])
def test_a_line_is_added_after_the_newest_only(tmp_path: Path, after: str | None) -> None:
    place = FilePlace(tmp_path)
    place.append("one", None)
    place.append("two", "one")

    with pytest.raises(Overtaken):
        place.append("three", after)

    assert place.last() == "two"


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    place = FilePlace(tmp_path, largest=10)
    for number in range(5):
        place.append(f"line{number}", f"line{number - 1}" if number else None)

    assert [where for where, *_ in lines_of(place)] == [
        f"checkpoints.{file:06}.jws:{line}" for file, line in ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1))
    ]
    assert FilePlace(tmp_path, largest=12).last() == "line4"
    FilePlace(tmp_path, largest=12).append("line5", "line4")
    assert lines_of(place)[-1] == ("checkpoints.000005.jws:2", "line5", True)


def test_a_line_that_was_never_finished_stays_and_is_passed_over(tmp_path: Path) -> None:
    place = FilePlace(tmp_path)
    place.append("one", None)
    with (tmp_path / "checkpoints.000001.jws").open("ab") as file:
        file.write(b"tw")

    assert place.last() == "one"
    place.append("three", "one")

    assert [line[1:] for line in lines_of(place)] == [("one", True), ("tw", False), ("three", True)]
    assert place.last() == "three"


def test_only_a_beginning_of_a_first_line_is_no_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.000001.jws").write_bytes(b"on")
    place = FilePlace(tmp_path)

    assert place.last() is None
    place.append("one", None)
    assert place.last() == "one"


def test_an_empty_file_is_used(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.000001.jws").touch()
    FilePlace(tmp_path).append("one", None)
    assert len(list(tmp_path.glob("*.jws"))) == 1


def test_what_a_full_disk_cut_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, write = FilePlace(tmp_path), os.write
    place.append("one", None)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:2]))
        with pytest.raises(PlaceUnavailable, match="no room"):
            place.append("two", "one")

    assert lines_of(place) == [("checkpoints.000001.jws:1", "one", True)]


def test_a_line_counts_when_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    place = FilePlace(tmp_path)
    place.append("one", None)
    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", broken)
        with pytest.raises(PlaceUnavailable, match="Input/output error"):
            place.append("two", "one")

    assert place.last() == "one"


def test_a_place_that_is_not_there_or_locked_for_long_says_so(tmp_path: Path) -> None:
    gone = FilePlace(tmp_path / "gone")
    for ask in (gone.last, lambda: gone.append("x", None), lambda: list(gone.lines())):
        with pytest.raises(PlaceUnavailable):
            ask()
    (tmp_path / "checkpoints.000001.jws").mkdir()
    with pytest.raises(PlaceUnavailable):
        FilePlace(tmp_path).last()
    (tmp_path / "checkpoints.000001.jws").rmdir()
    time = iter(range(100))
    waiting = FilePlace(tmp_path, monotonic=lambda: next(time), sleep=lambda _: None)
    with waiting._locked(), pytest.raises(PlaceUnavailable, match="locked"):
        FilePlace(tmp_path, monotonic=lambda: next(time), sleep=lambda _: None).append("x", None)
    waiting.append("x", None)
    assert waiting.last() == "x"


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.000001.jws").write_bytes(b"x" * (3 << 20))
    assert max(len(raw) for _, raw, _ in lines_of(FilePlace(tmp_path))) <= (1 << 20) + 1
    assert FilePlace(tmp_path).last() is None
