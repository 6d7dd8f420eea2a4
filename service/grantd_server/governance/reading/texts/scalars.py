"""Readers of single values. Each returns the value or raises `Wrong` with a sentence."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from grantd.jwk import ALGORITHMS
from grantd_server.governance.faults import Wrong
from grantd_server.model import uris
from grantd_server.model.bundle.tenants import TENANT, split_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.reading.texts.nodes import Node

LONGEST_TEXT = 512
"""Characters of one value, unless it says otherwise."""
LONGEST_SHOWN = 40
"""Of a wrong one."""

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_NAME_PATTERN = re.compile(r"[a-z0-9._*-]{1,63}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
"""RFC 6749 section 3.3."""
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,256}")
_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")

TENANT_RULE = (
    "1 to 128 letters, digits, dots, hyphens, underscores, colons and at-signs, a letter or digit at both ends"
)
NAME_RULE = "a name has 1 to 63 lower-case letters, digits, dots, hyphens or underscores, and begins and ends with a letter or digit"


def text(node: Node) -> str:
    """A printable text without blanks at its ends."""
    value = node.value
    if not isinstance(value, str):
        raise Wrong(f"a text is expected, not {kind_of(node)}")
    if not value or len(value) > LONGEST_TEXT:
        raise Wrong(f"a text of 1 to {LONGEST_TEXT} characters is expected")
    if not value.isprintable() or value != value.strip():
        raise Wrong("the text has a control character, or a blank at its beginning or end")
    return value


def kind_of(node: Node) -> str:
    """What a value is, for a sentence."""
    value = node.value
    if isinstance(value, bool | int):
        return f'{str(value).lower()} (write "{str(value).lower()}" in quotes if a text is meant)'
    if value is None:
        return "nothing"
    return {dict: "a mapping", list: "a list"}.get(type(value), "a text")


def shown(node: Node) -> str:
    """A value that is no secret, for a sentence about it."""
    value = node.value
    return f'"{value[:LONGEST_SHOWN]}"' if isinstance(value, str) and value.isprintable() else kind_of(node)


def name(node: Node) -> str:
    value = text(node)
    if NAME.fullmatch(value) is None:
        raise Wrong(f'"{value}" is not a name: {NAME_RULE}')
    return value


def name_pattern(node: Node) -> str:
    """A name, in which `*` stands for any characters."""
    value = text(node)
    if _NAME_PATTERN.fullmatch(value) is None or "**" in value:
        raise Wrong(f'"{value}" is neither a name nor a pattern of one, such as "finance-*"')
    return value


def scope(node: Node) -> str:
    """A scope as a resource registers it: never a pattern."""
    value = text(node)
    if _SCOPE.fullmatch(value) is None:
        raise Wrong(f'"{value}" has a character that no scope has (RFC 6749 section 3.3)')
    if "*" in value:
        raise Wrong(f'"{value}" is a pattern; register each scope by its name')
    return value


def scope_pattern(node: Node) -> str:
    value = text(node)
    if _SCOPE.fullmatch(value) is None or "**" in value:
        raise Wrong(f'"{value}" is neither a scope nor a pattern of one, such as "ledger.*"')
    return value


def client_id(node: Node) -> str:
    """A client id at an issuer of ours. One that begins with https:// would read as the
    address of a client metadata document, and one with a bar as the `sub` of a user."""
    value = foreign_client_id(node)
    if "|" in value:
        raise Wrong('a client id that we give must not have "|" in it; that form is reserved for users')
    if value.lower().startswith(("https://", "http://")):
        raise Wrong(
            "a client id that we give must not begin with https://; for a client with a metadata document "
            "write authentication: [{metadata_document: {algorithms: [ES256]}}]"
        )
    return value


def document_url(node: Node) -> str:
    """A client id that is the address of the client's metadata document."""
    value = foreign_client_id(node)
    _uri(uris.check_document_url, value)
    return value


def foreign_client_id(node: Node) -> str:
    value = text(node)
    if _CLIENT_ID.fullmatch(value) is None:
        raise Wrong("a client id has 1 to 256 printable ASCII characters and no blank")
    if "*" in value:
        raise Wrong("a client id is no pattern; register each client by its id")
    return value


def issuer(node: Node) -> str:
    value = text(node)
    _uri(uris.check_issuer, value)
    return value


def web_address(node: Node) -> str:
    value = text(node)
    _uri(uris.check_web_address, value)
    return value


def resource_uri(node: Node) -> str:
    value = text(node)
    if "*" in value:
        raise Wrong("a resource is no pattern; register each one by its identifier")
    _uri(uris.normalise_resource, value)
    return value


def _uri(check: Callable[[str], object], value: str) -> None:
    try:
        check(value)
    except ValueError as fault:
        raise Wrong(f'"{value}" is not usable: {fault}') from None


def algorithm(node: Node) -> str:
    value = text(node)
    if value not in ALGORITHMS:
        known = ", ".join(sorted(ALGORITHMS))
        raise Wrong(f'"{value}" is not an algorithm with public keys that we know ({known})')
    return value


def seconds(node: Node) -> int:
    """A duration with its unit: 300s, 5m, 8h, 30d."""
    value = node.value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        bare = isinstance(value, int) and not isinstance(value, bool) and value > 0
        told = f"{value} (write {value}s if seconds are meant)" if bare else shown(node)
        raise Wrong(f"a duration with its unit is expected, such as 300s, 5m, 8h or 30d, not {told}")
    return int(found[1]) * _SECONDS[found[2]]


def tenant(node: Node) -> str:
    value = text(node)
    if TENANT.fullmatch(value) is None:
        raise Wrong(f'"{value}" is not a tenant: {TENANT_RULE}')
    return value


def tenant_place(node: Node) -> str:
    """`ISSUER`, or `ISSUER/TENANT`."""
    value = text(node)
    issuer_name, tenant_name = split_place(value)
    if NAME.fullmatch(issuer_name) is None or (tenant_name is not None and TENANT.fullmatch(tenant_name) is None):
        raise Wrong(f'"{value}" is neither the name of an issuer nor ISSUER/TENANT')
    return value


def domain(node: Node) -> str:
    value = text(node)
    if _DOMAIN.fullmatch(value) is None:
        raise Wrong(f'"{value}" is not a domain in lower case')
    return value


def instant(node: Node) -> int:
    """A moment with its offset, as seconds since the epoch."""
    value = node.value
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return int(datetime.fromisoformat(value).timestamp())
        except (ValueError, OverflowError):
            pass
    raise Wrong(f"a moment with its offset is expected, such as 2027-01-31T00:00:00Z, not {shown(node)}")


def flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise Wrong(f"true or false is expected, not {shown(node)}")
    return node.value


def count(node: Node) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool) or not 1 <= node.value <= 1000:
        found = node.value if isinstance(node.value, int) and not isinstance(node.value, bool) else shown(node)
        raise Wrong(f"a number from 1 to 1000 is expected, not {found}")
    return node.value
