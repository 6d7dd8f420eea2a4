"""Mixed honest and hostile load: stories of one grant each, told by several callers."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import organisation as org
from chaos import kinds
from chaos.evidence import TOKEN, UNKNOWN
from chaos.kinds import HONEST, HOSTILE, Grant

if TYPE_CHECKING:
    from chaos.client import Client
    from chaos.cluster import Cluster, Replica
    from chaos.evidence import Call

CALLERS: Final = 12
LATER: Final = (1.0, 45.0)
"""Seconds until a grant that was used comes again: some see a restart meanwhile."""
STORIES: Final = {"once": 42, "often": 30, "both legs": 10, "hostile": 18}
"""How often each is told, of a hundred."""


@dataclass
class Told:
    """What the load was made of."""

    grants: Counter[str] = field(default_factory=Counter)
    """By how often a grant was presented: `1`, `2 to 50`."""
    stories: Counter[str] = field(default_factory=Counter)


class Load:
    """Callers that tell stories until they are stopped."""

    def __init__(self, cluster: Cluster, client: Client, rate: float, seed: int = 0) -> None:
        self.told = Told()
        self._cluster = cluster
        self._client = client
        self._rate = rate
        self._drawn = random.Random(seed)  # noqa: S311 - which story comes next is no secret
        self._began = time.monotonic()
        self._again: deque[tuple[float, Grant]] = deque()
        self._tokens: deque[str] = deque(maxlen=200)

    async def run(self, seconds: float) -> None:
        """Tells stories for so long, and ends every one that was begun."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._caller(time.monotonic() + seconds))

    async def _caller(self, until: float) -> None:
        names, weights = list(STORIES), list(STORIES.values())
        while time.monotonic() < until:
            await self._pace()
            (name,) = self._drawn.choices(names, weights)
            self.told.stories[name] += 1
            match name:
                case "once":
                    await self._redeem(kinds.partner_grant(), 1)
                case "often":
                    await self._redeem(kinds.partner_grant(), self._times())
                case "both legs":
                    await self._both_legs()
                case _:
                    await self._hostile()

    async def _pace(self) -> None:
        """No faster than asked: latencies shall be those of a service that is not flooded."""
        ahead = self._client.calls / self._rate - (time.monotonic() - self._began)
        if ahead > 0:
            await asyncio.sleep(ahead)

    def _times(self) -> int:
        """Mostly a few times, now and then fifty."""
        return min(50, 2 + int(self._drawn.expovariate(0.25)))

    def _anyone(self) -> Replica:
        return self._drawn.choice([replica for replica in self._cluster.replicas if replica.up])

    async def _redeem(self, grant: Grant, times: int) -> None:
        """Presents a grant, once or several times at once; a client without an answer
        comes again elsewhere, as clients do, and some come long after."""
        self.told.grants["1" if times == 1 else "2 to 50"] += 1
        kind = HONEST if times == 1 else "presented again"
        at_once = times if self._drawn.random() < 0.5 else max(1, times - 2)
        calls = await asyncio.gather(*(self._present(grant, kind) for _ in range(at_once)))
        if all(call.answer == UNKNOWN for call in calls):
            calls.append(await self._present(grant, "presented again"))
        for _ in range(times - at_once):
            self._again.append((time.monotonic() + self._drawn.uniform(*LATER), grant))
        if any(call.answer == TOKEN for call in calls):
            await self._introspect()
        await self._come_again()

    async def _present(self, grant: Grant, kind: str) -> Call:
        call, answer = await self._client.call(
            self._anyone(), "RedeemGrant", kinds.redemption(grant), kind, grant.chain
        )
        if call.answer == TOKEN:
            self._tokens.append(answer.access_token)
        return call

    async def _come_again(self) -> None:
        for _ in range(len(self._again)):
            due, grant = self._again.popleft()
            if due > time.monotonic():
                self._again.append((due, grant))
            else:
                await self._present(grant, "presented again")
                return

    async def _introspect(self) -> None:
        if self._tokens and self._drawn.random() < 0.3:
            token = self._drawn.choice(self._tokens)
            await self._client.call(self._anyone(), "IntrospectToken", kinds.introspection(token), HONEST)

    async def _both_legs(self) -> None:
        sign_in = org.id_token(int(time.time()))
        call, answer = await self._client.call(self._anyone(), "ExchangeIdentity", kinds.exchange(sign_in), HONEST)
        if call.answer == TOKEN:
            await self._redeem(Grant(answer.token, call.chain), self._drawn.choice((1, 1, 2, 3)))

    async def _hostile(self) -> None:
        kind = self._drawn.choice([*HOSTILE, "forged token", "used up"])
        if kind == "used up":
            grant = kinds.partner_grant()
            call = await self._present(grant, HONEST)
            if call.answer == TOKEN:
                await self._present(grant, kind)
        elif kind == "forged token":
            if self._tokens:
                token = f"{self._tokens[-1].rpartition('.')[0]}.{'A' * 86}"
                await self._client.call(self._anyone(), "IntrospectToken", kinds.introspection(token), kind)
        else:
            await self._client.call(self._anyone(), "RedeemGrant", HOSTILE[kind](), kind)
