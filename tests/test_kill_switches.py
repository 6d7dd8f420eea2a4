"""Kill switches over two replicas on PostgreSQL: every kind of block, at every call that it concerns, within
two seconds; it ends by its time, by hand, and by nothing else."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from leg_one import ID_JAG, ID_TOKEN, desk
from leg_two import DESK, TICKETS_SERVER
from patience_ import stopwatch
from redeeming import reason_of
from replicas import Replica, command, replicas
from sessions import REFRESH, with_sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postgres_ import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = 2.0
"""Seconds in which every replica follows."""
STOCK = 40
"""Grants kept for a person whose exchanges are refused."""

EXCHANGE, SESSION, RENEWAL, REDEEM, INTROSPECT = "exchange", "session", "renewal", "redeem", "introspect"
FAULTS = {"INTERNAL", "UNAVAILABLE", "OVERLOADED", "OUT_OF_TIME"}
EVERYTHING = {EXCHANGE, SESSION, RENEWAL, REDEEM, INTROSPECT}


@dataclass
class Desk:
    """Somebody at one replica, with everything that a sign-in leads to."""

    stub: Any
    sub: str
    renewal: str = ""
    token: str = ""
    signed_in: str = ""
    """The decision that gave the refresh token."""
    grants: list[str] = field(default_factory=list)

    def _exchange(self, token: str, kind: str, **more: Any) -> Any:
        asked = {"issuer": org.GRANTS, "client": desk(), "subject_token": token, "subject_token_type": kind}
        target = {"audience": [org.SERVER], "resource": [org.TICKETS], "scope": "tickets:read"}
        return self.stub.ExchangeIdentity(
            pb.ExchangeIdentityRequest(**asked, **({"requested_token_type": ID_JAG, **target} | more))
        )

    def _id_token(self) -> str:
        return org.id_token(int(time.time()), sub=self.sub)

    async def sign_in(self) -> None:
        """A refresh token, a token, and grants that nobody redeemed yet."""
        asked = {"issuer": org.GRANTS, "client": desk(), "subject_token": self._id_token()}
        kept = pb.ExchangeIdentityRequest(**asked, subject_token_type=ID_TOKEN, requested_token_type=REFRESH)
        remembering = self.stub.ExchangeIdentity(kept)
        self.renewal = (await remembering).token
        self.signed_in = await decision_of(remembering)
        self.grants = [await self.exchange() for _ in range(STOCK)]
        self.token = await self.redeem()

    async def exchange(self) -> str:
        return str((await self._exchange(self._id_token(), ID_TOKEN)).token)

    async def session(self) -> str:
        return str((await self._exchange(self.renewal, REFRESH)).token)

    async def renew(self) -> str:
        request = pb.RefreshTokenRequest(issuer=org.GRANTS, client=desk(), refresh_token=self.renewal)
        self.renewal = (await self.stub.RefreshToken(request)).token
        return self.renewal

    async def redeem(self) -> str:
        request = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=self.grants[-1])
        answer = await self.stub.RedeemGrant(request)
        self.grants.pop()
        return str(answer.access_token)

    async def introspect(self) -> str:
        request = pb.IntrospectTokenRequest(issuer=org.SERVER, client=TICKETS_SERVER, token=self.token)
        return "active" if (await self.stub.IntrospectToken(request)).active else ""

    async def refused(self) -> set[str]:
        """The calls that are refused now."""
        calls = {
            EXCHANGE: self.exchange,
            SESSION: self.session,
            RENEWAL: self.renew,
            REDEEM: self.redeem,
            INTROSPECT: self.introspect,
        }
        found = set()
        for name, call in calls.items():
            try:
                if not await call():
                    found.add(name)
            except grpc.aio.AioRpcError as fault:
                found.add(name if reason_of(fault) not in FAULTS else f"{name}: {fault.details()}")
        return found


@dataclass
class Pair:
    """The replica that is asked, and the settings of the one that is told."""

    asked: Replica
    config: Path
    folder: Path

    async def signed_in(self, sub: str) -> Desk:
        found = Desk(self.asked.stub(), sub)
        await found.sign_in()
        assert await found.refused() == set()
        return found

    async def grantd(self, *words: str) -> str:
        return await command(self.config, *words)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pair(migrated: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("switches")
    database = migrated.url(migrated.new_database("grantd_template"))
    many = {"limits": {"drain_notice": 0.2, "drain_grace": 5}}
    async with replicas(folder, database, ("a", "b"), **many) as (a, b):
        org.write(folder / "governance", with_sessions())
        await command(a.config, "apply", str(folder / "governance"))
        ready = Pair(b, a.config, folder)
        await until(Desk(b.stub(), "first"), None)
        yield ready


async def until(who: Desk, refused: set[str] | None) -> float:
    """Waits until exactly these calls are refused; how long that took. None: until a sign-in works."""
    async with stopwatch() as watch:
        while True:
            try:
                if refused is None:
                    await who.sign_in()
                    return watch.seconds
                if await who.refused() == refused:
                    return watch.seconds
            except grpc.aio.AioRpcError:
                assert refused is None
            assert watch.seconds < 4 * SOON, (who.sub, refused)
            await asyncio.sleep(0.1)


SWITCHES = {
    "a user by what the directory calls them": ("user", "corp:{sub}", EVERYTHING),
    "a user by their account at the server": ("user", "grants|{sub}", {REDEEM, INTROSPECT}),
    "a client": ("client", "desk", EVERYTHING),
    "a resource": ("resource", "tickets", {EXCHANGE, SESSION, REDEEM, INTROSPECT}),
    "a resource server": ("resource_server", "tickets-server", {INTROSPECT}),
    "an identity provider": ("issuer", org.LOGIN, {EXCHANGE, SESSION, RENEWAL}),
    "a grant issuer": ("issuer", org.GRANTS, EVERYTHING),
    "an authorization server": ("issuer", org.SERVER, {EXCHANGE, SESSION, REDEEM, INTROSPECT}),
}

BY_HAND = {"a user by their account at the server", "a resource server", "an identity provider", "a grant issuer"}
"""Those that somebody lifts; the others end by their time."""


@pytest.mark.req("G-43")
@pytest.mark.parametrize("what", SWITCHES)
async def test_a_block_holds_at_the_other_replica_at_every_call_until_it_ends(pair: Pair, what: str) -> None:
    kind, name, refused = SWITCHES[what]
    expires = [] if what in BY_HAND else ["--expires", "3s"]
    who = await pair.signed_in(f"u-{what.replace(' ', '-')}")
    name = name.format(sub=who.sub)
    told = await pair.grantd("block", kind, name, "--reason", "stolen laptop", *expires)
    took = await until(who, refused)
    print(f"{what}: refused at {len(refused)} of 5 calls after {took:.2f} s")
    assert took < SOON
    listed = await pair.grantd("blocks")
    assert f"{kind}  {name}  until {told.split()[-1] if expires else 'it is lifted'}  " in listed
    if not expires:
        await pair.grantd("unblock", kind, name, "--reason", "found")
    assert await until(who, set()) < (3 + SOON if expires else SOON)
    assert await pair.grantd("blocks") == "nothing is blocked\n"


async def test_a_block_outlives_bundles_and_ends_when_it_is_lifted(pair: Pair) -> None:
    who, other = await pair.signed_in("u-kept"), await pair.signed_in("u-other")
    await pair.grantd("block", "user", f"corp:{who.sub}", "--reason", "left the company")
    assert await until(who, EVERYTHING) < SOON
    bundle = with_sessions()
    bundle["resources"]["tickets"]["scopes"].append("tickets:close")
    before = (await pair.grantd("versions")).split()[1]
    for act in ("apply", "rollback"):
        org.write(pair.folder / "governance", bundle)
        words = {"apply": str(pair.folder / "governance"), "rollback": before}
        assert "is in force" in await pair.grantd(act, words[act], "-m", "meanwhile")
        await asyncio.sleep(SOON)  # every process has the other bundle by now
        assert await who.refused() == EVERYTHING
    assert await other.refused() == set()
    await pair.grantd("unblock", "user", f"corp:{who.sub}", "--reason", "came back")
    assert await until(who, set()) < SOON


@pytest.mark.parametrize("node", ["session", "grant", "token"])
async def test_revoking_a_node_of_a_chain_revokes_what_hangs_below(pair: Pair, node: str) -> None:
    """`node`: what it is whose decision is named."""
    who, other = await pair.signed_in(f"u-chain-{node}"), await pair.signed_in(f"u-other-{node}")
    decision = who.signed_in
    if node == "session":
        who.grants.append(await who.session())
        who.token = await who.redeem()
        who.grants.append(await who.session())
    else:
        exchanging = who._exchange(who._id_token(), ID_TOKEN)
        who.grants.append((await exchanging).token)
        decision = await decision_of(exchanging)
    if node == "token":
        asked = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=who.grants.pop())
        redeeming = who.stub.RedeemGrant(asked)
        who.token = (await redeeming).access_token
        decision = await decision_of(redeeming)
    assert "is revoked" in await pair.grantd("revoke", decision, "--reason", "stolen laptop")
    below = {"session": {SESSION, RENEWAL, REDEEM, INTROSPECT}, "grant": {REDEEM}, "token": {INTROSPECT}}
    assert await until(who, below[node]) < SOON
    assert await other.refused() == set()


async def decision_of(call: Any) -> str:
    return str(dict(await call.trailing_metadata())["x-grantd-decision-id"])
