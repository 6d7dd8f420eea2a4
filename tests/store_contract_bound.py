"""What every store keeps of marks that bind to their first user; imported as the contract is."""

from __future__ import annotations

import asyncio

import pytest

from grantd_server.store import Committed, Lost, Space
from store_values import mark, winners, write


def bound(owner: str = "desk", **more):
    return mark("assertion", Space.SAML, owner=owner, **more)


@pytest.mark.req("A-31")
async def test_a_bound_mark_may_be_used_again_by_its_owner_and_by_nobody_else(open_store):
    store = open_store()
    assert await store.write(write("d1", bound())) == Committed()
    assert await store.write(write("d2", bound())) == Committed()
    assert await store.write(write("d3", bound("robot"))) == Lost(bound("robot"), "d1")
    assert await store.write(write("d4", bound())) == Committed()


async def test_a_bound_mark_stays_bound_after_a_restart(open_store):
    first = open_store()
    assert await first.write(write("d1", bound())) == Committed()
    await first.close()

    again = open_store()
    assert await again.write(write("d2", bound("robot"))) == Lost(bound("robot"), "d1")
    assert await again.write(write("d3", bound())) == Committed()


async def test_a_mark_that_is_spent_at_once_is_spent_for_its_owner_too(open_store):
    store = open_store()
    assert await store.write(write("d1", bound(spends=True))) == Committed()
    assert await store.write(write("d2", bound())) == Lost(bound(), "d1")
    assert await store.write(write("d3", bound(spends=True))) == Lost(bound(spends=True), "d1")


async def test_the_owner_spends_a_bound_mark_once_and_is_named(open_store):
    store = open_store()
    assert await store.write(write("d1", bound())) == Committed()
    assert await store.write(write("d2", bound(spends=True))) == Committed()
    assert await store.write(write("d3", bound(spends=True))) == Lost(bound(spends=True), "d2")
    assert await store.write(write("d4", bound("robot"))) == Lost(bound("robot"), "d2")


async def test_nobody_else_spends_a_bound_mark(open_store):
    store = open_store()
    assert await store.write(write("d1", bound())) == Committed()
    stranger = bound("robot", spends=True)
    assert await store.write(write("d2", stranger)) == Lost(stranger, "d1")
    assert await store.write(write("d3", bound())) == Committed()


async def test_a_mark_without_owner_is_not_taken_over(open_store):
    store = open_store()
    assert await store.write(write("d1", mark("assertion", Space.SAML))) == Committed()
    assert await store.write(write("d2", bound())) == Lost(bound(), "d1")
    assert await store.write(write("d3", bound(spends=True))) == Lost(bound(spends=True), "d1")


async def test_bound_marks_of_other_tokens_are_apart(open_store):
    store = open_store()
    assert await store.write(write("d1", bound())) == Committed()
    assert await store.write(write("d2", mark("another", Space.SAML, owner="robot"))) == Committed()
    assert await store.write(write("d3", bound("robot", issuer="https://other.example"))) == Committed()


@pytest.mark.req("A-31")
async def test_of_two_owners_that_race_for_one_mark_all_calls_of_one_win(open_store):
    stores = [open_store() for _ in range(2)]

    outcomes = await asyncio.gather(
        *(stores[i % 2].write(write(f"d{i}", bound("desk" if i % 4 < 2 else "robot"))) for i in range(50))
    )

    of_desk = [outcome for i, outcome in enumerate(outcomes) if i % 4 < 2]
    of_robot = [outcome for i, outcome in enumerate(outcomes) if i % 4 >= 2]
    assert {winners(of_desk), winners(of_robot)} in ({26, 0}, {24, 0})


async def test_of_many_that_race_to_spend_one_mark_exactly_one_wins(open_store):
    store = open_store()
    outcomes = await asyncio.gather(*(store.write(write(f"d{i}", bound(spends=True))) for i in range(50)))
    assert winners(outcomes) == 1
