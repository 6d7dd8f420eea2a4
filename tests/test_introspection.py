"""Introspection: batches, freshness, who asks, what is on record."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from case_files import changed
from case_tokens import own_grant
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd_server.checks import digest
from grantd_server.store import Committed, StoreUnavailable, Tombstone, Withdrawal, Write
from house import House, act, running
from leg_one import robot_claims, signed
from leg_two import INACTIVE, TICKETS_SERVER, WIKI_SERVER, a_token, active, batch, fresh, introspected, redeemed
from tokens import signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd.v1.client_pb2 import ClientAuthentication
    from grantd_server.store import LiveState

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER_KEY = signing_key("ES256", "keyed-server")
KEYED_SERVER = {
    "resource_servers.keyed-server": {
        "at": "tools",
        "client_id": "rs-keyed",
        "authentication": [{"private_key_jwt": {"jwks": org.jwks_of(SERVER_KEY), "algorithms": ["ES256"]}}],
        "resources": ["tickets"],
    }
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("hall"), changed(org.bundle(), KEYED_SERVER)) as house:
        yield house


def keyed(house: House, **changed_claims: Any) -> ClientAuthentication:
    """A fresh client assertion of the resource server."""
    claims = robot_claims(house, org.SERVER, **{"iss": "rs-keyed", "sub": "rs-keyed", **changed_claims})
    return signed(SERVER_KEY.sign(claims, "client-authentication+jwt"), "rs-keyed")


# Batches


@pytest.mark.req("C-19", "C-22", "C-23")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_a_batch_answers_each_token_in_its_place(hall: House, transport: str) -> None:
    one, two = await a_token(hall), await a_token(hall, sub="p-78")
    found = await batch(hall, [one, "garbage", two, "", one, two[:-2]], transport)
    told = [answer.active for answer in found.answer.results]
    assert told == [True, False, True, False, True, False]
    assert [answer.sub for answer in found.answer.results if answer.active] == ["partner|p-77", "partner|p-78", "partner|p-77"]  # fmt: skip
    assert all(answer == INACTIVE for answer in found.answer.results if not answer.active)
    assert found.record["outcome"] == "inactive"
    assert [outcome for _, outcome in found.record["introspected"]] == ["active" if each else "inactive" for each in told]  # fmt: skip


@pytest.mark.req("C-19", "G-17")
@pytest.mark.parametrize(("count", "status"), [(0, "INVALID_ARGUMENT"), (1, "OK"), (64, "OK"), (65, "INVALID_ARGUMENT")])  # fmt: skip
async def test_a_batch_has_one_token_to_sixty_four(hall: House, count: int, status: str) -> None:
    token = await a_token(hall)
    found = await batch(hall, [token] * count)
    assert found.status == status
    if status == "OK":
        assert [answer.active for answer in found.answer.results] == [True] * count
        assert found.record["outcome"] == "active"
    else:
        assert found.reason == ("PARAMETER_MISSING" if count == 0 else "PARAMETER_INVALID")


async def test_a_long_batch_lets_others_have_their_turn(hall: House) -> None:
    """The loop is not held for sixty-four signatures."""
    tokens = [(await redeemed(hall, hall.partner_grant(jti=fresh()), "inprocess")).answer.access_token for _ in range(64)]  # fmt: skip
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    found = await batch(hall, tokens, "inprocess")
    task.cancel()
    assert all(answer.active for answer in found.answer.results)
    assert turns >= 64 // 8 - 1


@pytest.mark.req("C-24", "C-26", "G-26")
async def test_each_asker_sees_its_own_of_a_token_for_two(hall: House) -> None:
    both = {"resource": [org.TICKETS, org.WIKI], "scope": "shared:read"}
    shared = (await redeemed(hall, await own_grant(hall, **both))).answer.access_token
    tickets = (await redeemed(hall, await own_grant(hall))).answer.access_token
    mine = await batch(hall, [shared, tickets])
    theirs = await batch(hall, [shared, tickets], client=WIKI_SERVER)
    assert [list(answer.aud) for answer in mine.answer.results] == [[org.TICKETS], [org.TICKETS]]
    assert [list(answer.aud) for answer in theirs.answer.results] == [[org.WIKI], []]
    assert theirs.answer.results[1] == INACTIVE


# Freshness


async def _revoke_elsewhere(house: House, token: str) -> None:
    """Another replica revokes a token; this one has not heard of it."""
    jti = str(jws.read(token).unverified_claims["jti"])
    tombstone = Tombstone(digest(jti), house.now + 4000)
    assert isinstance(await house.store.write(Write(act(), tombstones=(tombstone,))), Committed)


@pytest.mark.req("C-23", "C-38")
async def test_full_consistency_reads_the_database_first(hall: House) -> None:
    token = await a_token(hall)
    await _revoke_elsewhere(hall, token)
    assert await active(hall, token), "this process has not heard of it"
    assert not await active(hall, token, consistency=pb.CONSISTENCY_FULL)
    assert not await active(hall, token), "and now it has"


@pytest.mark.req("C-23", "C-39")
async def test_full_consistency_knows_of_a_block_that_was_made_elsewhere(hall: House) -> None:
    token = await a_token(hall, sub="p-full")
    await hall.store.withdraw(Withdrawal("user", "partner|p-full", "left", None), act())
    found = await batch(hall, [token], consistency=pb.CONSISTENCY_FULL)
    assert list(found.answer.results) == [INACTIVE]
    await hall.unblock("user", "partner|p-full")


@pytest.mark.req("C-23", "F-27", "F-45")
@pytest.mark.hostile("I11")
async def test_a_view_that_is_too_old_answers_nothing(hall: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token, view = await a_token(hall), hall.parts.world.view
    clock = view._monotonic
    monkeypatch.setattr(view, "_monotonic", lambda: clock() + hall.parts.world.stale_view - 5)
    assert await active(hall, token)
    monkeypatch.setattr(view, "_monotonic", lambda: clock() + hall.parts.world.stale_view + 1)
    for asked in (token, "garbage"):
        found = await introspected(hall, asked)
        assert (found.status, found.public, found.reason) == ("UNAVAILABLE", "UNAVAILABLE", "VIEW_STALE")
        found = await batch(hall, [asked])
        assert (found.status, found.reason) == ("UNAVAILABLE", "VIEW_STALE")
    answer = await _post(hall, token)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert "active" not in answer.text
    assert await active(hall, token, consistency=pb.CONSISTENCY_FULL), "the database is there"


class Gone:
    """A database that cannot be reached."""

    async def live_state(self, since: int, seen: int | None) -> LiveState:
        raise StoreUnavailable("the database is gone")


@pytest.mark.req("C-23", "F-45")
@pytest.mark.hostile("I11")
async def test_without_its_database_full_consistency_answers_nothing(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await a_token(hall)
    monkeypatch.setattr(hall.parts.world.view, "_store", Gone())
    found = await introspected(hall, token, consistency=pb.CONSISTENCY_FULL)
    assert (found.status, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert await active(hall, token), "the view itself is young enough"


# Who asks


@pytest.mark.req("C-17", "D-07", "D-10")
async def test_a_resource_server_may_sign_its_assertions_and_each_counts_once(hall: House) -> None:
    token, proof = await a_token(hall), keyed(hall)
    first = await introspected(hall, token, client=proof)
    assert first.answer.active
    kept = await hall.durable(first.id)
    assert kept is not None, "a use of an assertion is on record before the answer"
    assert (kept["outcome"], kept["client"]) == ("active", "keyed-server")
    again = await introspected(hall, token, client=proof)
    assert (again.status, again.reason) == ("UNAUTHENTICATED", "CLIENT_ASSERTION_REPLAYED")
    assert again.record["facts"]["winner"] == first.id
    assert await hall.durable(again.id) is not None


@pytest.mark.req("C-17", "D-10", "G-18")
async def test_of_concurrent_calls_with_one_assertion_one_is_answered(hall: House) -> None:
    token, proof = await a_token(hall), keyed(hall)
    found = await asyncio.gather(*(introspected(hall, token, client=proof) for _ in range(8)))
    assert Counter(each.reason or each.status for each in found) == {"OK": 1, "CLIENT_ASSERTION_REPLAYED": 7}


@pytest.mark.req("C-17", "D-11", "G-18")
async def test_an_assertion_for_another_server_or_of_another_party_asks_nothing(hall: House) -> None:
    token = await a_token(hall)
    elsewhere = await introspected(hall, token, client=keyed(hall, aud=org.OTHER_SERVER))
    stranger = org.ROBOT_TOOLS_KEY.sign(robot_claims(hall, org.SERVER, iss="rs-keyed", sub="rs-keyed"))
    forged = await introspected(hall, token, client=signed(stranger, "rs-keyed"))
    robot = org.ROBOT_TOOLS_KEY.sign(robot_claims(hall, org.SERVER))
    client = await introspected(hall, token, client=signed(robot, "cli_robot"))
    assert [each.reason for each in (elsewhere, forged, client)] == [
        "CLIENT_ASSERTION_INVALID",
        "CLIENT_ASSERTION_INVALID",
        "CLIENT_UNKNOWN",
    ]


@pytest.mark.req("C-24", "C-39")
async def test_a_blocked_resource_is_inactive_also_for_an_asker_of_several(hall: House) -> None:
    both = {"resource": [org.TICKETS, org.WIKI], "scope": "shared:read"}
    shared = (await redeemed(hall, await own_grant(hall, **both))).answer.access_token
    await hall.block("resource", "tickets")
    assert not await active(hall, shared)
    assert await active(hall, shared, client=WIKI_SERVER)
    await hall.unblock("resource", "tickets")
    assert await active(hall, shared)


# The wire


async def _post(house: House, token: str, **headers: str) -> Any:
    form = {"token": token, "client_id": "rs-tickets", "client_secret": org.RS_SECRET}
    return await house.http.post(f"{org.SERVER}/introspect", data=form, headers=headers)


@pytest.mark.req("C-19", "C-22", "C-29", "F-28")
async def test_over_http_an_answer_is_json_that_nobody_keeps(hall: House) -> None:
    token = await a_token(hall, acr="mfa")
    yes, no = await _post(hall, token), await _post(hall, "garbage")
    for answer in (yes, no):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["cache-control"] == "no-store"
    claims = dict(jws.read(token).unverified_claims)
    assert yes.json() == {**claims, "active": True, "token_type": "Bearer"}
    assert no.content == b'{"active":false}'


@pytest.mark.req("C-22")
@pytest.mark.hostile("I03")
async def test_asking_for_a_signed_answer_changes_nothing(hall: House) -> None:
    token = await a_token(hall)
    await hall.block("user", "partner|p-77")
    answer = await _post(hall, token, accept="application/token-introspection+jwt")
    await hall.unblock("user", "partner|p-77")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.content == b'{"active":false}'


@pytest.mark.req("C-16")
@pytest.mark.hostile("H01")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_introspection_is_post_only(hall: House, method: str) -> None:
    answer = await hall.http.request(method, f"{org.SERVER}/introspect", params={"token": await a_token(hall)})
    assert answer.status_code == 405
    assert b"active" not in answer.content


# Records


async def test_introspections_are_counted_by_token_asker_and_outcome(hall: House) -> None:
    """Design section 6, class 2: written behind, one row for many calls."""
    token = await a_token(hall)
    tokens = [token, token, token, "garbage"]
    for each in tokens:
        await introspected(hall, each)
    await batch(hall, [token, token])
    await introspected(hall, token, client=WIKI_SERVER)
    await hall.parts.world.ledger.flush()
    rows = await hall.store.aggregates("introspections", 1000)
    hashed = digest(str(jws.read(token).unverified_claims["jti"])).hex()
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["token"] == hashed:
            counts[row["asker"], row["outcome"]] += row["count"]
    assert counts == {("tickets-server", "active"): 5, ("wiki-server", "inactive"): 1}
    assert any(row["token"] == "" and row["outcome"] == "inactive" for row in rows), "what is no token is counted too"


async def test_an_introspection_leaves_no_durable_row_of_its_own_and_is_explained(hall: House) -> None:
    found = await introspected(hall, await a_token(hall), client=TICKETS_SERVER)
    assert await hall.durable(found.id) is None
    assert found.record["client"] == "tickets-server"
    assert {"token.genuine", "token.audience"} <= {name for _, name, held, _, _ in found.record["checks"] if held}


@pytest.mark.req("C-28")
@pytest.mark.hostile("I13")
async def test_an_asker_that_tries_random_tokens_is_slowed_down_and_an_honest_token_is_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with running(tmp_path_factory.mktemp("probed"), org.bundle()) as house:
        token = await a_token(house)
        found = [await batch(house, [f"probe-{n}"] * 64) for n in range(80)]
        refused = [each for each in found if each.status != "OK"]
        assert len(refused) > 10
        assert {(each.status, each.reason) for each in refused} == {("RESOURCE_EXHAUSTED", "RATE_LIMITED")}
        assert await active(house, token)
        assert (await introspected(house, "probe", client=WIKI_SERVER)).status == "OK", "the limit is each asker's own"
