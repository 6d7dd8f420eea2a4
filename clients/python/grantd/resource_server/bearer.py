"""Reads the token of a request: from the Authorization header and nowhere else.

A token in the query string or the body is ignored: there it ends up in logs and
referrers (RFC 6750 section 2.3, H-12).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")


class MalformedAuthorization(Exception):
    """Credentials that cannot be read, or more than one (H-11)."""


def read_bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The bearer token, or None when there is none or another scheme is used.

    Raises:
        MalformedAuthorization: two Authorization headers, or no token after `Bearer`.
    """
    found = [value for name, value in headers if name.lower() == b"authorization"]
    if len(found) > 1:
        raise MalformedAuthorization
    scheme, _, rest = found[0].strip().partition(b" ") if found else (b"", b"", b"")
    if scheme.lower() != b"bearer":
        return None
    token = rest.strip(b" ")
    if not _TOKEN.fullmatch(token):
        raise MalformedAuthorization
    return token.decode("ascii")
