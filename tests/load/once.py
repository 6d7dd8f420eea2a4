"""Grants that are presented many times at once over several replicas: one token each."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from grantd_server.audit.chain import verify
from grantd_server.store.opening import Opening, open_store
from redeeming import Answers, Kept, kept, new_grants, redeem_all, spread
from replicas import replicas

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

BATCH = 100
"""Grants made together: they live for five minutes."""
CONNECTIONS = 8
"""To each replica."""
FEW = 1000
"""One call of so many may be UNAVAILABLE."""


async def once(folder: Path, address: str, grants: int, calls: int, count: int) -> int:
    """Prints what the answers, the records and the chains say; 0 when all agree."""
    names = [f"r{number}" for number in range(count)]
    async with replicas(folder, address, names) as running:
        stubs = [replica.stub() for _ in range(CONNECTIONS) for replica in running]
        answers, began = Answers(), time.monotonic()
        for first in range(0, grants, BATCH):
            answers += await redeem_all(stubs, new_grants(min(BATCH, grants - first)), calls)
        took = time.monotonic() - began
    found = await kept(address)
    store = open_store(Opening(address, "reader"))
    try:
        broken = verify([row async for row in store.history()])
    finally:
        await store.close()
    print(f"{grants} grants, each presented {calls} times at once over {count} replicas: {took:.0f} s")
    print(f"  answers:   {answers.granted} tokens, {_told(answers.refused)} refused, {_told(answers.failed)} failed")
    print(f"  a call:    {spread(answers.seconds)}, {len(answers.seconds) / took:.0f} calls a second")
    print(f"  records:   {found.granted} granted, {found.refused} refused, by {', '.join(sorted(found.writers))}")
    print(f"  chains:    {'hold' if broken is None else f'broken at {broken.entry.id}'}")
    wrong = problems(answers, found, grants, calls) + ([] if broken is None else ["a chain does not hold"])
    print(f"  promises:  {'; '.join(wrong) or 'kept'}")
    return int(bool(wrong))


def _told(counted: Counter[str]) -> str:
    return " ".join([str(counted.total()), *(f"({name})" for name in sorted(counted))])


def problems(answers: Answers, found: Kept, grants: int, calls: int) -> list[str]:
    """What is not as promised, one clause each. On a machine that is too busy a call may be
    UNAVAILABLE, which uses nothing up and is not on record; more than a few are a fault."""
    given = {sha256(jti.encode()).hexdigest() for tokens in answers.tokens.values() for jti in tokens}
    said = {
        f"{len(answers.doubles)} grants gave several tokens": bool(answers.doubles),
        f"{answers.granted} tokens for {grants} grants": answers.granted != grants,
        f"{answers.failed.total()} calls failed": answers.failed.total() * FEW > grants * calls,
        f"{found.granted} records of a token": found.granted != grants,
        f"{found.refused} records of a refusal": found.refused != answers.refused.total(),
        "other tokens on record than were given": given != found.tokens,
    }
    return [sentence for sentence, true in said.items() if true]
