"""`grantd chain`: a journey from sign-in to revocation as a tree, from both stores."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

import organisation as org
from grantd_server.audit.explaining.chain_text import chain_text
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.journey import Buried, Journey, Trail, journey, places
from grantd_server.audit.explaining.text import text_of
from grantd_server.store import Committed, Tombstone, Write
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.records.reading.tracing import trail_of
from house import House, act, running
from leg_one import exchanged
from leg_two import WIKI_SERVER, introspected, redeemed, revoked
from sessions import a_session, ended, exchanged_session, refreshed, with_sessions
from store_values import write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
async def home(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> AsyncIterator[House]:
    """A house with sessions, over either store."""
    async with AsyncExitStack() as stack:
        store = None
        if request.param == "postgresql":
            store = PostgresStore(Place(database), writer="house/0")
        yield await stack.enter_async_context(running(tmp_path, with_sessions(), store=store))


async def told(house: House, chain: str) -> Journey:
    await house.parts.world.ledger.flush()
    trail = await trail_of(house.store, chain)
    assert trail is not None
    return journey(trail)


def shape(found: Journey) -> list[tuple[int, str, str]]:
    depths: dict[str, int] = {}
    out = []
    for node in found.nodes:
        depths[node.name] = depths.get(node.parent, -1) + 1
        out.append((depths[node.name], node.kind, node.outcome))
    return out


async def test_a_journey_is_told_from_the_sign_in_to_the_revocation(home: House) -> None:
    granted = await exchanged(home)
    issued = await redeemed(home, granted.answer.token)
    replay = await redeemed(home, granted.answer.token)
    token = issued.answer.access_token
    for _ in range(3):
        await introspected(home, token)
    await introspected(home, token, client=WIKI_SERVER)
    gone = await revoked(home, token)
    await introspected(home, token)

    found = await told(home, granted.record["chain"])

    assert shape(found) == [
        (0, "sign-in", "signed in"),
        (1, "grant", "granted"),
        (2, "token", "granted"),
        *sorted([(3, "introspection", "active"), (3, "introspection", "inactive"), (3, "introspection", "inactive")]),
        (3, "revocation", "revoked"),
        (2, "refusal", "refused"),
    ]
    nodes = {node.name: node for node in found.nodes}
    assert nodes["sign-in"].provider == "corp"
    assert nodes["sign-in"].acr == "mfa"
    assert nodes["sign-in"].time == home.now - 60 or abs(nodes["sign-in"].time - home.now + 60) < 30
    assert nodes[granted.id].expires == granted.record["expires"]
    assert 295 <= nodes[granted.id].expires - int(nodes[granted.id].time) <= 301
    assert nodes[issued.id].expires - int(nodes[issued.id].time) in {899, 900, 901}
    assert nodes[replay.id].decision.used_by == issued.id
    assert nodes[gone.id].parent == issued.id
    sums = {(node.asker, node.outcome): node.count for node in found.nodes if node.kind == "introspection"}
    assert sums == {("tickets-server", "active"): 3, ("wiki-server", "inactive"): 1, ("tickets-server", "inactive"): 1}
    assert found.revoked == 0

    text = chain_text(found).splitlines()
    assert text[0] == f"chain {granted.record['chain']}"
    assert text[1].endswith("sign-in at corp acr mfa amr pwd otp")
    assert any("refusal RedeemGrant refused: ASSERTION_REPLAYED used by" in line for line in text)
    assert any("introspection active for tickets-server, 3 times" in line for line in text)
    assert any(f"grant by desk for {org.SERVER} at {org.TICKETS} (tickets:read) until" in line for line in text)


async def test_a_decision_is_placed_on_its_chain(home: House) -> None:
    granted = await exchanged(home)
    issued = await redeemed(home, granted.answer.token)
    other = await redeemed(home, granted.answer.token)
    position = places(await told(home, granted.record["chain"]))
    assert [place.id for place in position] == [granted.id, issued.id, other.id]
    assert [place.kind for place in position] == ["grant", "token", "refusal"]
    text = text_of(explained(issued.record, position))
    assert "decision 2 of 3 on its chain:" in text
    listed = text.partition("on its chain:\n")[2].splitlines()[:3]
    assert [line[2] for line in listed] == [" ", ">", " "]
    assert [line.rpartition(" ")[2] for line in listed] == [place.id for place in position]


async def test_a_revoked_chain_says_when_and_what_went_with_it(home: House) -> None:
    granted = await exchanged(home)
    issued = await redeemed(home, granted.answer.token)
    chain = granted.record["chain"]
    tombstone = Tombstone(bytes.fromhex(chain), home.now + 4000)
    assert await home.store.write(Write(act(), tombstones=(tombstone,))) == Committed()

    found = await told(home, chain)

    assert abs(found.revoked - home.now) < 30
    revocations = {node.parent for node in found.nodes if node.kind == "revocation"}
    assert revocations == {granted.id, issued.id}
    assert ", revoked 20" in chain_text(found).splitlines()[0]


async def test_a_session_shows_its_renewals_and_the_grants_below_it(home: House) -> None:
    session = await a_session(home)
    renewed = await refreshed(home, session)
    granted = await exchanged_session(home, renewed.answer.token)
    issued = await redeemed(home, granted.answer.token)
    family = renewed.record["chain"]

    below = await told(home, granted.record["chain"])
    assert [kind for _, kind, _ in shape(below)] == ["sign-in", "session", "renewal", "grant", "token"]
    assert [depth for depth, _, _ in shape(below)] == [0, 1, 2, 3, 4]

    await ended(home, renewed.answer.token)
    above = await told(home, family)
    assert shape(above)[:5] == shape(below)
    assert above.revoked
    assert {node.name for node in above.nodes} >= {renewed.id, granted.id, issued.id}
    assert any(node.kind == "revocation" for node in above.nodes)


async def test_a_session_shows_nothing_of_another_session_of_the_same_person(home: House) -> None:
    sessions = [await a_session(home), await a_session(home)]
    grants = [await exchanged_session(home, session) for session in sessions]
    families = [(await refreshed(home, session)).record["chain"] for session in sessions]

    found = await told(home, families[0])

    names = {node.name for node in found.nodes}
    assert grants[0].id in names
    assert grants[1].id not in names


async def test_introspections_are_told_of_tokens_that_are_days_apart(home: House) -> None:
    await home.apply(with_sessions(**{"grant_issuers.grants.refresh_tokens": {"lifetime": "7d", "session": "28d"}}))
    session = await a_session(home)
    for _ in range(3):
        session = (await refreshed(home, session)).answer.token
        granted = await exchanged_session(home, session)
        issued = await redeemed(home, granted.answer.token)
        assert (await introspected(home, issued.answer.access_token)).answer.active
        home.later(3 * 86_400)

    found = await told(home, (await refreshed(home, session)).record["chain"])

    assert [kind for _, kind, _ in shape(found)].count("introspection") == 3


async def test_what_somebody_wrote_into_a_record_stops_no_telling(home: House) -> None:
    granted = await exchanged(home)
    chain = granted.record["chain"]
    body = json.dumps({"id": "dx", "rpc": "RedeemGrant", "family": "no chain", "token_hash": "none"}).encode()
    assert await home.store.write(write("dx", columns={"chain": chain, "body": body})) == Committed()

    assert granted.id in {node.name for node in (await told(home, chain)).nodes}


async def test_the_grant_of_another_issuer_begins_with_its_sign_in(home: House) -> None:
    issued = await redeemed(home, home.partner_grant(jti="foreign", acr="gold", auth_time=home.now - 90))
    found = await told(home, issued.record["chain"])
    assert shape(found) == [(0, "sign-in", "signed in"), (1, "token", "granted")]
    assert (found.nodes[0].provider, found.nodes[0].acr) == ("partner", "gold")


@pytest.mark.parametrize("name", ["", "d" + 32 * "0", "é" * 64, "0" * 64, "0" * 63, "\0"])
async def test_what_is_no_chain_is_none(home: House, name: str) -> None:
    assert await trail_of(home.store, name) is None


def test_records_that_somebody_damaged_are_told_as_far_as_they_go() -> None:
    bodies = [{}, {"id": "d1", "inputs": [{"auth_time": "soon", "amr": 7}]}, {"id": "d2", "rpc": 4, "checks": "x"}]
    found = journey(Trail("ab" * 32, bodies, buried=[Buried("ab" * 32, 9, 8)], cut=True))
    assert found.revoked == 8
    assert chain_text(found).endswith("… and more: only a part of this chain was read")
    assert len({node.name for node in found.nodes}) == len(found.nodes)


async def test_hostile_names_on_a_chain_are_shown_and_not_obeyed() -> None:
    hostile = "a\x1b[2Jb\u202e\nc"
    bodies = [
        {
            "id": "d1",
            "rpc": "RedeemGrant",
            "outcome": "granted",
            "client": hostile,
            "scopes_granted": [hostile],
            "token_hash": "t",
            "inputs": [{"issuer": hostile, "acr": hostile, "amr": [hostile]}],
        },
        {"id": "d2", "rpc": hostile, "outcome": hostile, "reason": hostile, "facts": {"winner": hostile}},
    ]
    sums = [{"minute": 1, "token": "t", "asker": hostile, "outcome": hostile, "count": 1, "decision_id": "d"}]
    text = chain_text(journey(Trail(hostile, bodies, sums)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 5
