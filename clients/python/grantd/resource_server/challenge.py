"""One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[\x20-\x7e]*")


def challenge(scheme: str, **attributes: str | None) -> str:
    """A challenge of `scheme`; attributes that are None are left out.

    Raises:
        ValueError: a value has a character that a quoted-string cannot carry here, such
            as a line break, which would begin a header of its own.
    """
    parts = []
    for name, value in attributes.items():
        if value is None:
            continue
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"{name} cannot stand in a challenge")
        # RFC 9110 section 5.6.4: only the backslash and the quote are escaped.
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'{name}="{escaped}"')
    return f"{scheme} {', '.join(parts)}".rstrip()
