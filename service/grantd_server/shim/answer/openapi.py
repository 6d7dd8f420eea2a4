"""The OpenAPI document of the shim, as it is installed: the same for every service."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from grantd_server.shim.answer.response import Response

if TYPE_CHECKING:
    from grantd_server.shim.answer.response import Header
    from grantd_server.shim.request.head import Head

YAML: Header = (b"content-type", b"application/yaml")
"""RFC 9512."""
_MAX_AGE: Header = (b"cache-control", b"max-age=300")
_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")


def openapi_document(head: Head, *, cors: bool) -> Response:
    """The document, or 304 for a reader that has it (RFC 9110 section 13.1.2)."""
    document, tag = _document()
    headers: tuple[Header, ...] = (_MAX_AGE, (b"etag", tag), *((_ANY_ORIGIN,) if cors else ()))
    # A cache may have weakened the tag on its way.
    known = {raw.strip().removeprefix(b"W/") for raw in b",".join(head.all(b"if-none-match")).split(b",")}
    if tag in known or b"*" in known:
        return Response(304, b"", headers)
    return Response(200, document, (YAML, *headers))


@cache
def _document() -> tuple[bytes, bytes]:
    document = files("grantd_server.shim").joinpath("openapi.yaml").read_bytes()
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'.encode()
