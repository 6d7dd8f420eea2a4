"""Client metadata documents and the keys in them: fetched, cached and bounded.

Only addresses that an administrator approved are fetched, never one out of a request.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from grantd.strict import Fault
from grantd_server.keys.foreign.client_metadata import read_client_metadata
from grantd_server.keys.foreign.kept import STALE_LIMIT, Kept, NotKept, Withdrawn, end_flights
from grantd_server.keys.foreign.remote import KeysUnavailable, RemoteKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.jwk import KeySet
    from grantd_server.keys.foreign.client_metadata import ClientMetadata
    from grantd_server.keys.foreign.fetch import Fetched

LARGEST: Final = 5 * 1024
"""Bytes of one document (section 6.6)."""
MOST: Final = 1000
"""Documents held. The oldest goes first, and is fetched again when it is needed."""


class DocumentUnavailable(Exception):
    """The document, or the keys that it names, cannot be had now: never the call's fault."""


class DocumentInvalid(Exception):
    """What the client publishes cannot be used; the text says why and repeats no content."""


class Fetching(Protocol):
    """What is needed of a fetcher. Raises FetchFailed."""

    async def get(self, url: str, limit: int | None = None) -> Fetched: ...


class ClientDocuments:
    """Metadata and keys by client id. Belongs to one event loop.

    The fetcher must know no private network: where a document says that its keys are is
    the client's choice, not the administrator's.
    """

    def __init__(
        self,
        fetcher: Fetching,
        clock: Callable[[], float],
        *,
        stale_limit: float = STALE_LIMIT,
        most: int = MOST,
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._stale_limit = stale_limit
        self._most = most
        self._keys = RemoteKeys(fetcher, clock, stale_limit=stale_limit)
        self._copies: dict[str, Kept[ClientMetadata]] = {}

    async def read(
        self, url: str, algorithms: frozenset[str], kid: str | None
    ) -> tuple[ClientMetadata, KeySet, frozenset[str]]:
        """What the client at `url` publishes, its usable keys, and the algorithms that it
        may sign with: those allowed, narrowed by its own word.

        Raises:
            DocumentInvalid: what it publishes cannot be used.
            DocumentUnavailable: it cannot be had, nor can a copy be used any more.
        """
        copy = self._copies.get(url) or self._add(url)
        try:
            waited = await copy.freshen()
            metadata = copy.current()
            keys = await self._keyset(url, metadata, algorithms, kid)
            # Where the keys are in the document itself, a new kid may be in a newer one.
            if metadata.keys.jwks is not None and kid is not None and kid not in keys and not waited:
                await copy.look_again()
                metadata = copy.current()
                keys = await self._keyset(url, metadata, algorithms, kid)
        except NotKept as cause:
            raise (DocumentInvalid if copy.withdrawn else DocumentUnavailable)(str(cause)) from None
        except KeysUnavailable as unavailable:
            raise DocumentUnavailable(unavailable.cause) from None
        return metadata, keys, _allowed(metadata, algorithms)

    async def aclose(self) -> None:
        """Ends refreshes under way."""
        await end_flights(list(self._copies.values()))
        await self._keys.aclose()

    def _add(self, url: str) -> Kept[ClientMetadata]:
        if len(self._copies) >= self._most:
            oldest = next(iter(self._copies))
            del self._copies[oldest]
            self._keys.keep_only(oldest, None)
        copy = self._copies[url] = Kept(partial(self._load, url), self._clock, self._stale_limit)
        return copy

    async def _keyset(self, url: str, metadata: ClientMetadata, algorithms: frozenset[str], kid: str | None) -> KeySet:
        return await self._keys.keyset(url, metadata.keys, _allowed(metadata, algorithms), kid)

    async def _load(self, url: str) -> tuple[ClientMetadata, float | None]:
        fetched = await self._fetcher.get(url, LARGEST)
        try:
            # Off the loop: its keys are parsed, and a hostile one takes its time.
            metadata = await asyncio.to_thread(read_client_metadata, fetched, url)
        except Fault as fault:
            raise Withdrawn(str(fault)) from None
        self._keys.keep_only(url, metadata.keys)
        return metadata, fetched.max_age


def _allowed(metadata: ClientMetadata, algorithms: frozenset[str]) -> frozenset[str]:
    return algorithms if metadata.algorithm is None else algorithms & {metadata.algorithm}
