"""Pairwise subjects: every authorization server knows a person by another identifier, so
that two of them cannot put together what they know (OpenID Connect Core section 8.1).

The sector is the authorization server: its users are told apart by the `sub` that an ID
token for that server would carry (A-55), whichever client brings the grant.
"""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.keys.own.purpose import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from grantd_server.keys.own.ring import KeyRing

_BYTES = 24
"""Of the digest: 192 bits, 32 characters; nobody finds two people with one."""
_MOST_KEPT = 256


class Sector(NamedTuple):
    """Where a person is known by one identifier."""

    server: str
    """The authorization server's issuer identifier."""
    provider: str
    """The identity provider's name: two providers' people are never one."""
    tenant: str | None


class Pairwise:
    """Makes pairwise subjects, and finds the people that are blocked among them."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._blocked: dict[Sector, tuple[tuple[int, int], Mapping[str, str]]] = {}

    def subject(self, sector: Sector, upstream_sub: str) -> str:
        """The subject of one person in one sector. The same for ever: its key does not
        rotate, as another would make everybody a stranger (A-56). Raises SignerUnavailable."""
        return _derived(self._key(), sector, upstream_sub)

    def blocked(self, sector: Sector, subject: str, names: Callable[[], Iterable[str]], epoch: int) -> str | None:
        """The name, `provider:sub`, by which the person behind a subject is blocked.

        The way back from a subject is known only for the people in `names`, the blocks of
        users; `epoch` moves whenever those do.
        """
        now = (epoch, self._ring.generation)
        kept = self._blocked.get(sector)
        if kept is None or kept[0] != now:
            kept = (now, self._derive_all(sector, names()))
            if len(self._blocked) >= _MOST_KEPT:
                self._blocked.clear()
            self._blocked[sector] = kept
        return kept[1].get(subject)

    def _derive_all(self, sector: Sector, names: Iterable[str]) -> Mapping[str, str]:
        prefix = f"{sector.provider}:"
        named = [name for name in names if name.startswith(prefix)]
        key = self._key() if named else b""
        return {_derived(key, sector, name.removeprefix(prefix)): name for name in named}

    def _key(self) -> bytes:
        return self._ring.secret(Purpose.PAIRWISE).secret.reveal().encode()


def _derived(key: bytes, sector: Sector, upstream_sub: str) -> str:
    # A list in JSON has one reading: no two inputs are the same text.
    text = json.dumps([*sector, upstream_sub], separators=(",", ":"))
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")[:_BYTES]).decode()
