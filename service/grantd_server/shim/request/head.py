"""The head of an HTTP request: method, path as sent, peer, headers by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


PEER_CERTIFICATE = "grantd.peer_certificate"
"""Where our HTTP server puts it in the ASGI scope; no client can write there."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the server read before the body. Header names are in lower case."""

    method: str
    path: bytes
    """Before percent-decoding and without the query (F-03), so that it is compared
    byte for byte with what the metadata publishes."""
    peer: str | None
    """The address of the TCP peer; none on a Unix socket."""
    headers: Mapping[bytes, list[bytes]]
    well_formed: bool
    """Exactly one Host header, as RFC 9112 section 3.2 wants: with two, a proxy and
    this server could route differently."""

    certificate: bytes | None = None
    """Of the TLS peer of our own listener, as DER."""

    def all(self, name: bytes) -> list[bytes]:
        """The values of every header of this name, in order."""
        return self.headers.get(name, [])

    def first(self, name: bytes) -> bytes | None:
        """The value of the first header of this name."""
        values = self.headers.get(name)
        return values[0] if values else None

    def announces_body(self) -> bool:
        """True when a body follows the head."""
        length = self.first(b"content-length")
        return (length is not None and length != b"0") or b"transfer-encoding" in self.headers


def read_head(scope: Mapping[str, Any]) -> Head:
    """Reads an ASGI `http` scope."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, []).append(value)
    hosts = len(headers.get(b"host", ()))
    client = scope.get("client")
    return Head(
        method=scope["method"],
        path=scope.get("raw_path") or scope["path"].encode(),
        peer=client[0] if client else None,
        headers=headers,
        certificate=scope.get(PEER_CERTIFICATE),
        well_formed=hosts == 1 or (hosts == 0 and scope.get("http_version") == "1.0"),
    )
