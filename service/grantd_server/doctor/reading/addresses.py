"""Parts of addresses that somebody else wrote."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


def split(url: str) -> SplitResult:
    """The parts of an address; all of them empty where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def origin(url: str) -> str:
    """Scheme, host and port, in lower case and without a default port; empty where there is no host."""
    parts = split(url)
    host = parts.netloc.lower().removesuffix(DEFAULT_PORTS.get(parts.scheme.lower(), "/"))
    return f"{parts.scheme.lower()}://{host}" if host else ""
