"""The issuer's public keys, fetched over HTTP and kept for a while.

A token chooses no address. An unknown `kid` causes one refresh per cool-down at most,
so that a flood of made-up kids reaches nobody (C-15).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from grantd import http
from grantd.errors import Unavailable
from grantd.extras import needs
from grantd.strict import Fault

with needs("verify"):
    from grantd import jwk

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from grantd.jwk import KeySet

FRESH = 600.0
"""Seconds before the keys are fetched again although every kid is known."""
COOL_DOWN = 30.0
"""Seconds between two refreshes that unknown kids cause."""
PAUSE = 5.0
"""Seconds without another attempt after one that failed."""
KEPT = 3600.0
"""Seconds that the last good copy is used while the issuer does not answer."""


class RemoteKeys:
    """The key set of one issuer, for one event loop."""

    def __init__(
        self,
        issuer: str,
        *,
        algorithms: frozenset[str],
        jwks_uri: str | None = None,
        client: httpx2.AsyncClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = http.check_url(issuer)
        self._jwks_uri = http.check_url(jwks_uri) if jwks_uri is not None else None
        self._algorithms = algorithms
        self._http = client or http.client()
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")
        self._flight = asyncio.Lock()

    async def keyset(self, kid: str | None) -> KeySet:
        """The keys, with `kid` among them if a refresh within the bounds could bring it.

        Raises:
            Unavailable: there are no keys that may be used.
        """
        if not self._is_due(kid):
            return self._usable()
        async with self._flight:
            # Whoever waited here finds the work done.
            if self._is_due(kid):
                await self._refresh()
        return self._usable()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    def _is_due(self, kid: str | None) -> bool:
        now = self._monotonic()
        if self._keys is None or now - self._fetched > FRESH:
            return now - self._tried > PAUSE
        return kid is not None and kid not in self._keys and now - self._tried > COOL_DOWN

    def _usable(self) -> KeySet:
        if self._keys is None or self._monotonic() - self._fetched > KEPT:
            raise Unavailable("UNAVAILABLE", description=f"the keys of {self._issuer} cannot be fetched")
        return self._keys

    async def _refresh(self) -> None:
        try:
            uri = self._jwks_uri or await self._discover()
            status, _, body = await http.send(self._http, self._http.build_request("GET", uri))
            if status != 200 or body is None:
                return
            self._keys = jwk.read_jwks(body, default_algs=self._algorithms)
            self._fetched = self._monotonic()
        except (Unavailable, Fault):
            # The last good copy stays; `_usable` says when it is too old.
            return
        finally:
            # At the end, so that whoever comes meanwhile waits for this attempt.
            self._tried = self._monotonic()

    async def _discover(self) -> str:
        """Reads `jwks_uri` from the issuer's own metadata (RFC 8414 sections 3 and 3.3)."""
        status, _, body = await http.send(self._http, self._http.build_request("GET", metadata_url(self._issuer)))
        members = body if status == 200 and body is not None else {}
        found = members.get("jwks_uri")
        if members.get("issuer") != self._issuer or not isinstance(found, str):
            raise Unavailable("UNAVAILABLE", description=f"{self._issuer} publishes no metadata of that issuer")
        try:
            return http.check_url(found)
        except ValueError as fault:
            raise Unavailable("UNAVAILABLE", description=f"the jwks_uri of {self._issuer} is unusable") from fault


def metadata_url(issuer: str) -> str:
    """Where the metadata of an issuer is: the well-known path goes between host and path."""
    parts = urlsplit(issuer)
    path = "/.well-known/oauth-authorization-server" + parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
