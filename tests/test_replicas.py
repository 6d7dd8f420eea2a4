"""Two replicas over one PostgreSQL and one key directory, real processes: what one of them is
told holds at the other."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub
from grantd_server.refusals import Public
from leg_two import DESK, TICKETS_SERVER
from patience_ import stopwatch
from redeeming import kept, new_grants, reason_of, redeem_all
from replicas import Replica, command, replicas, settings_of, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
    from postgres_ import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSALS = frozenset(public.name for public in Public)
SOON = 2.0
"""Seconds in which every replica follows."""


@dataclass
class Pair:
    """Two replicas, a stub of each, and where they keep things."""

    folder: Path
    database: str
    a: Replica
    b: Replica

    def __post_init__(self) -> None:
        self.ask_a, self.ask_b = self.a.stub(), self.b.stub()
        self.spread = [replica.stub() for _ in range(4) for replica in (self.a, self.b)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pair(migrated: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    database = migrated.url(migrated.new_database("grantd_template"))
    async with replicas(folder, database, ("a", "b"), keys={"directory": str(folder / "keys"), "poll": 0.2}) as (a, b):
        yield Pair(folder, database, a, b)


async def soon(holds: Callable[[], Awaitable[Any]]) -> float:
    """Waits until it holds; how long that took, of the time that we had."""
    async with stopwatch() as watch:
        while not await holds():
            await asyncio.sleep(0.02)
            assert watch.seconds < 3 * SOON
    return watch.seconds


async def redeemed(stub: AuthorizationServiceStub, **claims: Any) -> str:
    """A token, or the public reason of the refusal."""
    grant = org.partner_grant(int(time.time()), **{"jti": f"jti-{time.time_ns()}", **claims})
    try:
        answer = await stub.RedeemGrant(pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant))
    except grpc.aio.AioRpcError as fault:
        return reason_of(fault)
    return str(answer.access_token)


async def active(stub: AuthorizationServiceStub, token: str, consistency: Any = None) -> bool:
    request = pb.IntrospectTokenRequest(issuer=org.SERVER, client=TICKETS_SERVER, token=token, consistency=consistency)
    return bool((await stub.IntrospectToken(request)).active)


@pytest.mark.req("G-18", "G-20")
@pytest.mark.hostile("R02")
@pytest.mark.parametrize("calls", [2, 8, 50])
async def test_a_grant_that_is_presented_to_both_at_once_gives_one_token(pair: Pair, calls: int) -> None:
    grants = new_grants(20)
    before = await kept(pair.database)
    answers = await redeem_all(pair.spread, grants, calls)
    assert not answers.failed
    assert {jti: len(tokens) for jti, tokens in answers.tokens.items()} == dict.fromkeys(grants, 1)
    assert sum(answers.refused.values()) == len(grants) * (calls - 1)
    after = await kept(pair.database)
    assert after.granted - before.granted == len(grants)
    assert after.refused - before.refused == len(grants) * (calls - 1)
    given = {sha256(tokens[0].encode()).hexdigest() for tokens in answers.tokens.values()}
    assert given <= after.tokens
    assert after.writers == {"a/0", "b/0"}, "each has a chain of its own"


async def test_a_token_of_one_is_good_at_the_other_and_a_revocation_is_known_there_soon(pair: Pair) -> None:
    token = await redeemed(pair.ask_a)
    assert await active(pair.ask_a, token)
    assert await active(pair.ask_b, token), "all read one key directory"
    await pair.ask_a.RevokeToken(pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=token))
    assert not await active(pair.ask_a, token), "the one that was told knows at once"

    async def gone() -> bool:
        return not await active(pair.ask_b, token)

    assert await soon(gone) < SOON


async def test_who_asks_with_full_consistency_hears_of_a_revocation_at_once(pair: Pair) -> None:
    for _ in range(5):
        token = await redeemed(pair.ask_a)
        assert await active(pair.ask_b, token)
        await pair.ask_a.RevokeToken(pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=token))
        assert not await active(pair.ask_b, token, pb.CONSISTENCY_FULL)


@pytest.mark.hostile("P01")
async def test_a_bundle_that_is_applied_is_followed_by_both_soon(pair: Pair) -> None:
    async def by_both(granted: bool) -> bool:
        tokens = [await redeemed(stub) for stub in (pair.ask_a, pair.ask_b)]
        return all((token in REFUSALS) is not granted for token in tokens)

    bundle = org.bundle()
    bundle["redemptions"]["tools"].pop()
    for document, granted in ((bundle, False), (org.bundle(), True)):
        org.write(pair.folder / "governance", document)
        await command(pair.a.config, "apply", str(pair.folder / "governance"))
        assert await soon(lambda granted=granted: by_both(granted)) < SOON


async def test_a_key_that_is_published_is_in_the_documents_of_both_soon(pair: Pair) -> None:
    async def keys(replica: Replica) -> str:
        request = metadata_pb2.GetJwksRequest(issuer=org.SERVER)
        return str(await MetadataServiceStub(replica.channel()).GetJwks(request))

    before = await keys(pair.a)
    assert await keys(pair.b) == before
    publish = ("keys", "publish", "--issuer", org.SERVER, "--purpose", "access_token")
    await command(pair.a.config, *publish)

    async def both() -> bool:
        after = [await keys(pair.a), await keys(pair.b)]
        return after[0] == after[1] != before

    assert await soon(both) < SOON


@asynccontextmanager
async def deaf(pair: Pair) -> AsyncIterator[AuthorizationServiceStub]:
    """A replica that never looks by itself for what changed."""
    program = (sys.executable, str(Path(__file__).with_name("deaf_replica.py")))
    replica = await started(pair.folder, "deaf", settings_of(pair.folder, pair.database), program)
    try:
        yield replica.stub()
    finally:
        await replica.gone()


async def test_a_block_that_is_committed_holds_where_nobody_has_heard_of_it_yet(pair: Pair) -> None:
    async with deaf(pair) as ask:
        token = await redeemed(ask)
        assert await active(ask, token)
        await pair.ask_a.RevokeToken(pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=token))
        assert await active(ask, token), "it has not heard of it"
        await command(pair.a.config, "block", "issuer", org.PARTNER, "--reason", "stolen key")
        try:
            assert await redeemed(ask, jti="held-back") in REFUSALS
            assert not await active(ask, token), "and so it caught up"

            async def refused() -> bool:
                return await redeemed(pair.ask_b) in REFUSALS

            assert await soon(refused) < SOON
        finally:
            await command(pair.a.config, "unblock", "issuer", org.PARTNER, "--reason", "new key")

        async def granted() -> bool:
            return await redeemed(pair.ask_b, jti="held-back") not in REFUSALS

        assert await soon(granted) < SOON, "what was refused for a block is not used up"


@pytest.mark.parametrize(("kind", "name"), [("client", "desk"), ("user", "partner|p-77"), ("issuer", org.PARTNER)])
async def test_a_block_with_an_end_holds_at_the_other_soon_and_ends_by_itself(pair: Pair, kind: str, name: str) -> None:
    token = await redeemed(pair.ask_b)
    assert await active(pair.ask_b, token)
    await command(pair.a.config, "block", kind, name, "--reason", "stolen laptop", "--expires", "3s")

    async def refused() -> bool:
        return await redeemed(pair.ask_b) in REFUSALS and not await active(pair.ask_b, token)

    assert await soon(refused) < SOON
    assert "stolen laptop" in await command(pair.a.config, "blocks")

    async def over() -> bool:
        return await redeemed(pair.ask_b) not in REFUSALS and await active(pair.ask_b, token)

    assert await soon(over) < 3 + SOON, "nobody lifted it"
    assert await command(pair.a.config, "blocks") == "nothing is blocked\n"


async def test_revoking_a_chain_ends_its_tokens_at_the_other_soon(pair: Pair) -> None:
    token, other = await redeemed(pair.ask_b), await redeemed(pair.ask_b)
    chain = claims_of(token)["jti"].partition(".")[0]
    told = await command(pair.a.config, "revoke", chain, "--reason", "stolen laptop")
    assert told == f"chain {chain} is revoked, with 1 tokens and grants below it\n"

    async def ended() -> bool:
        return not await active(pair.ask_b, token)

    assert await soon(ended) < SOON
    assert await active(pair.ask_b, other), "of another chain"


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
