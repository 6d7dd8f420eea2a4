"""Other parties' public keys: fixed, fetched, or found by discovery; cached and bounded.

A refresh never makes things worse: a failed one leaves the last good copy for a
bounded time, a good one replaces it, so that a key which its owner removed is gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from grantd import jwk, strict
from grantd.strict import Fault
from grantd_server.keys.foreign.failures import FetchFailed
from grantd_server.keys.foreign.kept import STALE_LIMIT, Kept, NotKept, end_flights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd.jwk import KeySet
    from grantd_server.keys.foreign.fetch import Fetched
    from grantd_server.model.bundle.governed import KeySource


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
class Published:
    """A key set as it was published, and as each list of algorithms lets it be used."""

    document: Mapping[str, Any]
    keys: KeySet
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
        self._copies: dict[tuple[str, KeySource], Kept[Published]] = {}
        self._generations: dict[str, int] = {}
        self._tainted: dict[str, set[str]] = {}

    async def keyset(self, issuer: str, source: KeySource, algorithms: frozenset[str], kid: str | None) -> KeySet:
        """The usable keys of `issuer`, looked up for a token with this `kid`.

        `issuer` and `source` are configured values, never a token's. Raises KeysUnavailable.
        """
        copy = self._copies.get((issuer, source))
        if copy is None:
            load = partial(self._load, issuer, source)
            copy = self._copies[issuer, source] = Kept(load, self._clock, self._stale_limit)
        if source.jwks is not None:
            return self._view(issuer, copy.value or self._fixed(issuer, copy, source.jwks), algorithms)
        try:
            waited = await copy.freshen()
            unknown = kid is not None and kid not in self._view(issuer, copy.current(), algorithms)
            if unknown and not waited and kid not in self._tainted.get(issuer, ()):
                await copy.look_again()
            return self._view(issuer, copy.current(), algorithms)
        except NotKept as cause:
            raise KeysUnavailable(issuer, str(cause)) from None

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

    def keep_only(self, issuer: str, source: KeySource | None) -> None:
        """Forgets what `issuer` named as its source before: who may change it often must
        not fill the memory."""
        for key in [key for key in self._copies if key[0] == issuer and key[1] != source]:
            del self._copies[key]

    async def aclose(self) -> None:
        """Ends refreshes under way."""
        await end_flights(list(self._copies.values()))

    def _changed(self, issuer: str) -> None:
        self._generations[issuer] = self.generation(issuer) + 1
        for (owner, _), copy in self._copies.items():
            if owner == issuer and copy.value is not None:
                copy.value.views.clear()

    def _fixed(self, issuer: str, copy: Kept[Published], document: str) -> Published:
        try:
            copy.value = _read(document.encode())
        except (Fault, UnicodeError, FetchFailed) as fault:
            raise KeysUnavailable(issuer, str(fault)) from None
        self._changed(issuer)
        return copy.value

    def _view(self, issuer: str, published: Published, algorithms: frozenset[str]) -> KeySet:
        view = published.views.get(algorithms)
        if view is None:
            keys = jwk.read_jwks(published.document, default_algs=algorithms)
            view = published.views[algorithms] = keys.without(self._tainted.get(issuer, ()))
        return view

    async def _load(self, issuer: str, source: KeySource) -> tuple[Published, float | None]:
        fetched = await self._fetcher.get(source.jwks_uri or await self._discover(issuer))
        # Off the loop: half a megabyte of hostile JSON takes a tenth of a second.
        published = await asyncio.to_thread(_read, fetched.body)
        copy = self._copies.get((issuer, source))
        before = None if copy is None else copy.value
        if before is None or before.keys.keys != published.keys.keys:
            self._changed(issuer)
        return published, fetched.max_age

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


def _read(raw: bytes) -> Published:
    """The document, cut to the keys that are read, and its usable keys: at least one."""
    document = strict.read_object(raw, "jwks")
    keys = jwk.read_jwks(document, default_algs=jwk.ALGORITHMS)
    if not keys.keys:
        raise FetchFailed("no usable key: " + ("; ".join(keys.dropped[:5]) or "the set is empty"))
    return Published({"keys": document["keys"][: jwk.MAX_KEYS]}, keys)


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata may be: OpenID discovery, then RFC 8414 path-inserted."""
    bare = issuer.rstrip("/")
    parts = urlsplit(bare)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    return f"{bare}/.well-known/openid-configuration", inserted
