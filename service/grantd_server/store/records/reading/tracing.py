"""Gathers what the store has of one chain: its records, the session it came from or the
chains below it, sums of introspections, revocations."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.explaining.journey import MINUTE, Buried, Trail
from grantd_server.checks import CHAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.store import Store

MOST: Final = 500
"""Records read of one chain."""
_CHAINS: Final = 20
"""Chains read below one session."""
_PEOPLE: Final = 2000
"""Records of one person that are looked through for the chains of a session."""
_MINUTES: Final = 1440
"""Minutes of introspections that are looked through, of all tokens together."""
_AFTER: Final = 5
"""Minutes in which a token that has ended is still asked for."""
_HOUR: Final = 3600
_TOKENS: Final = 100

Body = dict[str, Any]


async def trail_of(store: Store, chain: str) -> Trail | None:
    """What is on record of a chain; None where there is none of this name."""
    if CHAIN.fullmatch(chain) is None:
        return None
    bodies = await _bodies(store, chain)
    if not bodies:
        return None
    found = {str(body.get("id")): body for body in bodies}
    for relative in await _relatives(store, chain, bodies):
        found |= {str(body.get("id")): body for body in relative}
    ordered = [body for _, body in sorted(found.items())]
    tokens = _tokens(ordered)
    digests = {chain, *tokens, *(str(body["family"]) for body in ordered if body.get("family"))}
    tombs = await store.buried([bytes.fromhex(digest) for digest in sorted(digests) if CHAIN.fullmatch(digest)])
    windows = _windows(tokens.values())
    return Trail(
        chain,
        ordered,
        [row for first, last in windows for row in await store.introspected(list(tokens), first, last)],
        [Buried(tomb.digest.hex(), tomb.expires, tomb.written) for tomb in tombs],
        cut=len(bodies) == MOST,
    )


async def _bodies(store: Store, chain: str) -> list[Body]:
    rows = await store.entries(limit=MOST, chain=chain)
    return [_read(row.entry.body) for row in rows]


def _read(raw: bytes) -> Body:
    """A body; one that was damaged is told as far as there is something to tell."""
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _relatives(store: Store, chain: str, bodies: list[Body]) -> list[list[Body]]:
    """The records of the session that a grant came from, or of the grants of a session."""
    families = sorted({str(body["family"]) for body in bodies if body.get("family")})
    if chain not in families:
        return [await _bodies(store, family) for family in families[:_CHAINS]]
    subject = next((str(body["subject"]) for body in bodies if body.get("subject")), "")
    since = min((str(body.get("id")) for body in bodies), default="")
    below = [digest.hex() for digest, _ in await store.issued_below(chain, _CHAINS)]
    if subject:
        rows = await store.entries(limit=_PEOPLE, after=since, subject=subject)
        theirs = (_read(row.entry.body) for row in rows)
        below += [str(body.get("chain")) for body in theirs if body.get("family") == chain]
    return [await _bodies(store, one) for one in list(dict.fromkeys(below))[:_CHAINS]]


def _tokens(bodies: Iterable[Body]) -> dict[str, Body]:
    """The access tokens of a chain, each with the record of its redemption."""
    redeemed = (body for body in bodies if body.get("rpc") == "RedeemGrant" and body.get("token_hash"))
    return {str(body["token_hash"]): body for body in itertools.islice(redeemed, _TOKENS)}


def _windows(bodies: Iterable[Body]) -> list[tuple[int, int]]:
    """The minutes in which some token lived, first and last, as far as they are looked
    through: the tokens of a session may be days apart."""
    found: list[tuple[int, int]] = []
    left = _MINUTES
    for first, last in sorted(map(_life, bodies)):
        begin = max(first, found[-1][1] + 1) if found else first
        end = min(last, begin + left - 1)
        if end >= begin:
            found.append((begin, end))
            left -= end - begin + 1
    return found


def _life(body: Body) -> tuple[int, int]:
    """Records of a release before do not say when a token ends: within the hour."""
    began = int(body.get("time") or 0)
    return began // MINUTE, int(body.get("expires") or began + _HOUR) // MINUTE + _AFTER
