"""The hash chain: untouched rows hold, and whatever was done to a row is found."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.audit.chain import GENESIS, link, verify
from grantd_server.store import Entry, StoredEntry
from store_values import entry


def chained(count, writer="w", epoch=1):
    rows, head = [], GENESIS
    for seq in range(1, count + 1):
        row = entry(f"{writer}-{seq}")
        rows.append(StoredEntry(row, writer, epoch, seq, head, link(head, writer, epoch, seq, row)))
        head = rows[-1].hash
    return rows


def relinked(row, **changes):
    """What somebody does who can write the table and knows how rows are hashed."""
    changed = replace(row, **changes)
    return replace(
        changed, hash=link(changed.prev_hash, changed.writer, changed.writer_epoch, changed.seq, changed.entry)
    )


def test_an_untouched_chain_holds():
    assert verify([]) is None
    assert verify(chained(10)) is None


def test_chains_of_several_writers_hold_in_any_mixture():
    one, two = chained(3), chained(3, "v")
    assert verify([one[0], two[0], two[1], one[1], one[2], two[2]]) is None


@pytest.mark.parametrize(
    ("name", "changed"),
    [(field.name, {"time_us": 1, "body": b"{}"}.get(field.name, "other")) for field in fields(Entry)],
)
def test_an_edited_column_is_found(name, changed):
    rows = chained(5)
    rows[2] = replace(rows[2], entry=replace(rows[2].entry, **{name: changed}))
    assert verify(rows) is rows[2]


def test_an_edited_row_with_its_hash_made_anew_is_found_at_the_next_row():
    rows = chained(5)
    rows[2] = relinked(rows[2], entry=replace(rows[2].entry, outcome="refused"))
    assert verify(rows) is rows[3]


@pytest.mark.parametrize("gone", [0, 2, 3])
def test_a_dropped_row_is_found(gone):
    rows = chained(5)
    after = rows[gone + 1]
    del rows[gone]
    assert verify(rows) is after


def test_swapped_and_doubled_rows_are_found():
    rows = chained(5)
    assert verify([rows[0], rows[2], rows[1], *rows[3:]]) is rows[2]
    assert verify([*rows[:3], rows[2], *rows[3:]]) is rows[2]


@pytest.mark.parametrize(
    "changes",
    [{"seq": 9}, {"seq": 3}, {"prev_hash": GENESIS}, {"writer_epoch": 0}],
    ids=["a gap", "a number twice", "a new beginning", "an epoch gone by"],
)
def test_a_row_put_into_another_place_is_found_even_with_its_hash_made_anew(changes):
    rows = chained(4)
    rows[3] = relinked(rows[3], **changes)
    assert verify(rows) is rows[3]


def test_a_later_epoch_goes_on_from_the_head():
    rows = chained(3)
    rows.append(relinked(rows[2], writer_epoch=2, seq=4, prev_hash=rows[2].hash))
    assert verify(rows) is None


def test_a_row_of_another_writer_does_not_fit():
    rows = chained(2)
    assert verify([rows[0], replace(rows[1], writer="v")]) is not None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(texts, texts, texts, texts)
def test_no_byte_can_move_from_one_column_to_the_next(a, b, c, d):
    """The parts of a hash are delimited: equal hashes mean equal columns."""
    one = link(GENESIS, "w", 1, 1, entry("d", client=a, subject=b, chain=c, issuer=d))
    two = link(GENESIS, "w", 1, 1, entry("d", client=a + b, subject="", chain=c, issuer=d))
    assert (one == two) is (b == "")


def test_a_writer_and_its_place_are_part_of_the_hash():
    row = entry("d")
    base = link(GENESIS, "w", 1, 2, row)
    others = [
        link(bytes(31) + b"\x01", "w", 1, 2, row),
        link(GENESIS, "v", 1, 2, row),
        link(GENESIS, "w", 2, 2, row),
        link(GENESIS, "w", 1, 3, row),
        link(GENESIS, "w", 12, 2, row),
    ]
    assert base not in others
