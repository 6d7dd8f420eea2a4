"""Reads the token of a request: from the Authorization header and nowhere else.

A token in the query string or the body is ignored: there it ends up in logs and
referrers (RFC 6750 section 2.3, H-12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Scheme = Literal["Bearer", "DPoP"]

_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_SCHEMES: dict[bytes, Scheme] = {b"bearer": "Bearer", b"dpop": "DPoP"}


class MalformedAuthorization(Exception):
    """Credentials that cannot be read, or more than one (H-11)."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token of which nothing is known yet, and the scheme it was sent under."""

    scheme: Scheme
    raw_token: str = field(repr=False)


def read_authorization(headers: Iterable[tuple[bytes, bytes]]) -> Presented | None:
    """The token, or None when there is none or a scheme without tokens is used.

    Raises:
        MalformedAuthorization: two Authorization headers, or no token after the scheme.
    """
    found = [value for name, value in headers if name.lower() == b"authorization"]
    if len(found) > 1:
        raise MalformedAuthorization
    name, _, rest = found[0].strip().partition(b" ") if found else (b"", b"", b"")
    scheme = _SCHEMES.get(name.lower())
    if scheme is None:
        return None
    token = rest.strip(b" ")
    if not _TOKEN.fullmatch(token):
        raise MalformedAuthorization
    return Presented(scheme, token.decode("ascii"))


def read_proofs(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The `DPoP` headers. What is no text stays wrong: it is nobody's proof."""
    return [value.decode("latin-1") for name, value in headers if name.lower() == b"dpop"]
