"""Which issuer and endpoint a path belongs to. Learnt from what the service
publishes, never from Host or a forwarded header (H08)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.metadata_pb2 import ISSUER_KIND_AUTHORIZATION_SERVER, ISSUER_KIND_GRANT_ISSUER
from grantd_server.shim.issuers.documents import metadata_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd.v1.metadata_pb2 import IssuerMetadata
    from grantd_server.shim.answer.response import Response

_OAUTH = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"


class Place(Enum):
    """What stands at a path; the value is its name in a recorded refusal."""

    TOKEN = pb.ENDPOINT_TOKEN
    INTROSPECTION = pb.ENDPOINT_INTROSPECTION
    REVOCATION = pb.ENDPOINT_REVOCATION
    AUTHORIZATION = pb.ENDPOINT_AUTHORIZATION
    METADATA = -1
    JWKS = -2


@dataclass(frozen=True, slots=True)
class Route:
    """One path of one issuer."""

    issuer: str
    is_grant_issuer: bool
    authority: str
    """Host and port of the issuer, as a Host header spells them."""
    place: Place
    document: Response | None = None
    """What is served at `Place.METADATA`."""


class Routes:
    """All paths of all issuers."""

    __slots__ = ("_by_path",)

    def __init__(self, issuers: Iterable[IssuerMetadata], *, cors: bool) -> None:
        self._by_path: dict[bytes, list[Route]] = {}
        for metadata in issuers:
            for path, route in _routes_of(metadata, cors=cors):
                self._by_path.setdefault(path.encode(), []).append(route)

    def find(self, path: bytes, raw_host: bytes | None) -> Route | None:
        """The route at a path. Host only chooses between issuers that share it."""
        candidates = self._by_path.get(path)
        if candidates is None:
            return None
        if len(candidates) == 1:
            return candidates[0]
        host = (raw_host or b"").decode("latin-1").lower()
        named = [route for route in candidates if route.authority == _without_port(host, route.issuer)]
        return named[0] if len(named) == 1 else None


def _routes_of(metadata: IssuerMetadata, *, cors: bool) -> Iterator[tuple[str, Route]]:
    parts = urlsplit(metadata.issuer)
    base = parts.path.rstrip("/")
    is_grant_issuer = metadata.kind == ISSUER_KIND_GRANT_ISSUER
    authority = _without_port(parts.netloc.lower(), metadata.issuer)

    def route(place: Place, document: Response | None = None) -> Route:
        return Route(metadata.issuer, is_grant_issuer, authority, place, document)

    yield base + "/token", route(Place.TOKEN)
    yield base + "/authorize", route(Place.AUTHORIZATION)
    yield base + "/jwks.json", route(Place.JWKS)
    if metadata.kind == ISSUER_KIND_AUTHORIZATION_SERVER:
        yield base + "/introspect", route(Place.INTROSPECTION)
    if metadata.revocation_endpoint:
        yield base + "/revoke", route(Place.REVOCATION)
    # RFC 8414 section 3.1 puts the well-known part between host and path.
    yield _OAUTH + base, route(Place.METADATA, metadata_document(metadata, openid=False, cors=cors))
    if is_grant_issuer:
        document = metadata_document(metadata, openid=True, cors=cors)
        # OpenID Connect Discovery appends it; clients try both (E-22).
        for path in dict.fromkeys((_OPENID + base, base + _OPENID)):
            yield path, route(Place.METADATA, document)


def _without_port(host: str, issuer: str) -> str:
    """Drops the default port of the issuer's scheme: `h` and `h:443` are one host."""
    return host.removesuffix(":443" if issuer.startswith("https:") else ":80")
