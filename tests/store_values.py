"""What the tests of the store write: rows, marks, tokens, and a race for one mark."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

from grantd_server.store import Committed, Entry, Issued, Mark, Outcome, Space, Store, Tombstone, Write
from grantd_server.store.refresh_tokens import RefreshToken

ISSUER = "https://idp.example"
CHAIN = sha256(b"chain").hexdigest()


BEGAN = int(time.time())
"""Once, so that a mark made twice is the same across the turn of a second."""


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def entry(decision_id: str, **columns: Any) -> Entry:
    row = {
        "time_us": 1_700_000_000_000_000,
        "rpc": "RedeemGrant",
        "outcome": "granted",
        "reason": "",
        "issuer": "https://as.example",
        "client": "agent",
        "subject": "5f1c",
        "chain": CHAIN,
        "body": b'{"v":1}',
    }
    return Entry(decision_id, **{**row, **columns})


def mark(jti: str = "jti-1", space: Space = Space.ID_JAG, issuer: str = ISSUER, **more: Any) -> Mark:
    return Mark(space, issuer, digest(jti), more.pop("until", BEGAN + 330), **more)


def write(decision_id: str, *marks: Mark, **more: Any) -> Write:
    def lost(_mark: Mark, winner: str) -> Entry:
        return entry(decision_id, outcome="refused", reason="ASSERTION_REPLAYED", body=f'"{winner}"'.encode())

    row = entry(decision_id, **more.pop("columns", {}))
    return Write(row, marks, lost=lost, **more)


def token(jti: str = "token-1", chain: str = CHAIN, life: int = 900) -> Issued:
    return Issued(digest(jti), chain, int(time.time()) + life)


def tombstone(jti: str, life: int = 900) -> Tombstone:
    return Tombstone(digest(jti), int(time.time()) + life)


async def race(store: Store, contenders: int, jti: str = "jti-1") -> list[Outcome]:
    """Lets many calls write one mark at once, and proves that they met: every call has
    started before any is answered."""
    started = asyncio.Barrier(contenders)

    async def contend(number: int) -> Outcome:
        await started.wait()
        return await store.write(write(f"d{number}", mark(jti)))

    return await asyncio.gather(*(contend(number) for number in range(contenders)))


def winners(outcomes: list[Outcome]) -> int:
    return sum(isinstance(outcome, Committed) for outcome in outcomes)


async def buried(store: Store) -> set[bytes]:
    return {found.digest for found in (await store.live_state(0)).tombstones}


NOW = BEGAN
FAMILY = sha256(b"family").hexdigest()


def kept(text: str = "one", **more: Any) -> RefreshToken:
    row = RefreshToken(
        digest(text), FAMILY, None, ISSUER, "agent", NOW, NOW + 3600, NOW + 28800, b"sealed-" + text.encode()
    )
    return replace(row, **more)
