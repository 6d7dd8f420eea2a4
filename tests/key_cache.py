"""Test support: the cache of other parties' keys, over a server that publishes a key."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from clocks import Clock
from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import RemoteKeys
from grantd_server.model.bundle.governed import KeySource
from key_server import KeyServer, answer, key_server
from tokens import jwks, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALGS = frozenset({"ES256", "RS256"})
OLD, NEW = signing_key(kid="old"), signing_key(kid="new")
ISSUER = "https://idp.example"


@asynccontextmanager
async def caching() -> AsyncIterator[tuple[KeyServer, RemoteKeys, Clock, KeySource]]:
    """A server that publishes OLD, the cache over it, its clock, and the source."""
    clock = Clock()
    fetcher = Fetcher(allow_loopback=True)
    async with key_server() as server:
        server.scripts["/keys"] = answer(jwks(OLD), "Cache-Control: max-age=600")
        keys = RemoteKeys(fetcher, clock)
        yield server, keys, clock, KeySource(jwks_uri=server.url())
        await keys.aclose()
        await fetcher.aclose()
