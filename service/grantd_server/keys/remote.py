"""Other parties' public keys: fixed, fetched, or found by discovery; cached and bounded.

A refresh never makes things worse: a failed one leaves the last good copy for a
bounded time, a good one replaces it, so that a key which its owner removed is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from grantd import jwk, strict
from grantd.strict import Fault
from grantd_server.keys.fetch import Fetched, FetchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd.jwk import KeySet
    from grantd_server.model.governed import KeySource

SHORTEST_TTL: Final = 60.0
LONGEST_TTL: Final = 3600.0
"""A copy is fresh as long as its server says, within these bounds; seconds."""
DEFAULT_TTL: Final = 600.0
REFRESH_AT: Final = 0.8
"""Share of its life after which a copy is renewed behind the calls."""
STALE_LIMIT: Final = 24 * 3600.0
"""How long the last good copy serves while fetching fails; seconds."""
RETRY_PAUSE: Final = 10.0
UNKNOWN_KID_PAUSE: Final = 30.0
"""At most one refresh in this time because of unknown kids, whoever sends them."""
BUSY: Final = (2, 60.0)
"""No refresh for an unknown kid after so many fetches within so many seconds."""
SECONDS: Final = 3.0
"""One refresh, discovery included."""


class KeysUnavailable(Exception):
    """No usable copy of a party's keys: our fault or theirs, never the token's."""

    def __init__(self, issuer: str, cause: str) -> None:
        super().__init__(f"no keys of {issuer}: {cause}")
        self.issuer = issuer
        self.cause = cause


class Fetching(Protocol):
    """What is needed of a fetcher. Raises FetchFailed."""

    async def get(self, url: str) -> Fetched: ...


@dataclass(slots=True)
class _Copy:
    """The last good copy of one source's keys and what was tried since."""

    issuer: str
    source: KeySource
    document: Mapping[str, Any] = field(default_factory=dict)
    keys: KeySet | None = None
    fetched: float = 0.0
    ttl: float = 0.0
    retry_at: float = 0.0
    forced_at: float = float("-inf")
    attempts: deque[float] = field(default_factory=lambda: deque(maxlen=BUSY[0]))
    failure: str = ""
    flight: asyncio.Task[None] | None = None
    views: dict[frozenset[str], KeySet] = field(default_factory=dict)
    """By allowed algorithms, which decide for keys that name none."""


class RemoteKeys:
    """Key sets by issuer and source. Belongs to one event loop.

    `clock` is monotonic seconds: a step of the wall clock must not age a copy.
    """

    def __init__(self, fetcher: Fetching, clock: Callable[[], float], *, stale_limit: float = STALE_LIMIT) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._stale_limit = stale_limit
        self._copies: dict[tuple[str, KeySource], _Copy] = {}
        self._generations: dict[str, int] = {}
        self._tainted: dict[str, set[str]] = {}

    async def keyset(self, issuer: str, source: KeySource, algorithms: frozenset[str], kid: str | None) -> KeySet:
        """The usable keys of `issuer`, looked up for a token with this `kid`.

        `issuer` and `source` are configured values, never a token's. Raises KeysUnavailable.
        """
        copy = self._copies.get((issuer, source))
        if copy is None:
            copy = self._copies[issuer, source] = _Copy(issuer, source)
        if source.jwks is not None:
            return self._fixed(copy, source.jwks, algorithms)
        waited = await self._freshen(copy)
        unknown = kid is not None and kid not in self._view(copy, algorithms)
        if unknown and not waited and kid not in self._tainted.get(issuer, ()):
            await self._look_again(copy)
        return self._view(copy, algorithms)

    def generation(self, issuer: str) -> int:
        """Rises whenever the keys of `issuer` change: what was verified before may not hold."""
        return self._generations.get(issuer, 0)

    def taint(self, issuer: str, kid: str) -> None:
        """Stops trusting one key at once, whatever its owner publishes."""
        kids = self._tainted.setdefault(issuer, set())
        if kid in kids:
            return
        kids.add(kid)
        self._changed(issuer)

    async def aclose(self) -> None:
        """Ends refreshes under way."""
        flights = [copy.flight for copy in self._copies.values() if copy.flight is not None]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _changed(self, issuer: str) -> None:
        self._generations[issuer] = self.generation(issuer) + 1
        for copy in self._copies.values():
            if copy.issuer == issuer:
                copy.views.clear()

    def _fixed(self, copy: _Copy, document: str, algorithms: frozenset[str]) -> KeySet:
        if copy.keys is None:
            try:
                self._accept(copy, *_load(document.encode()))
            except (Fault, UnicodeError, FetchFailed) as fault:
                raise KeysUnavailable(copy.issuer, str(fault)) from None
        return self._view(copy, algorithms)

    def _view(self, copy: _Copy, algorithms: frozenset[str]) -> KeySet:
        view = copy.views.get(algorithms)
        if view is None:
            keys = jwk.read_jwks(copy.document, default_algs=algorithms)
            view = copy.views[algorithms] = keys.without(self._tainted.get(copy.issuer, ()))
        return view

    async def _freshen(self, copy: _Copy) -> bool:
        """Makes sure of a usable copy; True when this call waited for a fetch."""
        now = self._clock()
        age = now - copy.fetched
        waited = False
        if copy.keys is None or age >= copy.ttl:
            if now >= copy.retry_at:
                waited = True
                await self._refresh(copy)
            if copy.keys is None or self._clock() - copy.fetched > self._stale_limit:
                raise KeysUnavailable(copy.issuer, copy.failure)
        elif age >= copy.ttl * REFRESH_AT and copy.flight is None and now >= copy.retry_at:
            self._start(copy)
        return waited

    async def _look_again(self, copy: _Copy) -> None:
        # A stream of invented kids must neither hammer the issuer nor evict good keys.
        if copy.flight is None:
            now = self._clock()
            most, within = BUSY
            busy = len(copy.attempts) == most and now - copy.attempts[0] < within
            if busy or now - copy.forced_at < UNKNOWN_KID_PAUSE:
                return
            copy.forced_at = now
        await self._refresh(copy)

    async def _refresh(self, copy: _Copy) -> None:
        """Joins the refresh under way or starts one; a caller that leaves ends nothing."""
        await asyncio.shield(copy.flight or self._start(copy))

    def _start(self, copy: _Copy) -> asyncio.Task[None]:
        copy.flight = asyncio.create_task(self._fly(copy), name="remote keys")
        return copy.flight

    async def _fly(self, copy: _Copy) -> None:
        started = self._clock()
        copy.attempts.append(started)
        try:
            async with asyncio.timeout(SECONDS):
                fetched = await self._fetch(copy)
            # Off the loop: half a megabyte of hostile JSON takes a tenth of a second.
            document, keys = await asyncio.to_thread(_load, fetched.body)
        except (FetchFailed, Fault, TimeoutError) as fault:
            copy.failure = str(fault) or f"no complete answer within {SECONDS:g} s"
            copy.retry_at = self._clock() + RETRY_PAUSE
        else:
            self._accept(copy, document, keys)
            copy.fetched = started
            copy.ttl = min(max(DEFAULT_TTL if fetched.max_age is None else fetched.max_age, SHORTEST_TTL), LONGEST_TTL)
            copy.retry_at = 0.0
            copy.failure = ""
        finally:
            copy.flight = None

    def _accept(self, copy: _Copy, document: Mapping[str, Any], keys: KeySet) -> None:
        changed = copy.keys is None or copy.keys.keys != keys.keys
        copy.keys, copy.document = keys, document
        copy.views.clear()
        if changed:
            self._changed(copy.issuer)

    async def _fetch(self, copy: _Copy) -> Fetched:
        if copy.source.jwks_uri is not None:
            return await self._fetcher.get(copy.source.jwks_uri)
        return await self._fetcher.get(await self._discover(copy.issuer))

    async def _discover(self, issuer: str) -> str:
        """The `jwks_uri` of metadata that names exactly this issuer (RFC 8414 section 3.3)."""
        openid, oauth = metadata_urls(issuer)
        try:
            fetched = await self._fetcher.get(openid)
        except FetchFailed:
            fetched = await self._fetcher.get(oauth)
        metadata = strict.read_object(fetched.body, "metadata")
        if metadata.get("issuer") != issuer:
            raise Fault("metadata", f"issuer {strict.shown(issuer)}", strict.shown(metadata.get("issuer")))
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise Fault("metadata", "a jwks_uri", strict.kind(jwks_uri))
        return jwks_uri


def _load(raw: bytes) -> tuple[Mapping[str, Any], KeySet]:
    """The document, cut to the keys that are read, and its usable keys: at least one."""
    document = strict.read_object(raw, "jwks")
    keys = jwk.read_jwks(document, default_algs=jwk.ALGORITHMS)
    if not keys.keys:
        raise FetchFailed("no usable key: " + ("; ".join(keys.dropped[:5]) or "the set is empty"))
    return {"keys": document["keys"][: jwk.MAX_KEYS]}, keys


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata may be: OpenID discovery, then RFC 8414 path-inserted."""
    bare = issuer.rstrip("/")
    parts = urlsplit(bare)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    return f"{bare}/.well-known/openid-configuration", inserted
