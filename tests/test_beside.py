"""Work in a thread beside the loop: in short turns, without collections, and neither stays."""

from __future__ import annotations

import gc
import sys

import pytest

from grantd_server.governance.compiling.beside import TURN, beside


def state() -> tuple[float, bool]:
    return round(sys.getswitchinterval(), 6), gc.isenabled()


async def test_it_runs_in_short_turns_without_collections_and_leaves_all_as_it_was() -> None:
    before = state()
    assert before[1]
    assert await beside(lambda first, *, second: (state(), first, second), 1, second=2) == ((TURN, False), 1, 2)
    assert state() == before


async def test_what_it_raises_leaves_all_as_it_was() -> None:
    before = state()
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 / 0)
    assert state() == before


async def test_who_collects_nothing_and_takes_shorter_turns_goes_on_so() -> None:
    before = sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(TURN / 2)
    try:
        assert await beside(state) == (round(TURN / 2, 6), False)
        assert not gc.isenabled()
    finally:
        gc.enable()
        sys.setswitchinterval(before)
