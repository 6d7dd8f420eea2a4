"""Parts of addresses that somebody else wrote."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult:
    """The parts of an address; all of them empty where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def origin(url: str) -> str:
    """Scheme and host, in lower case; empty where there is no host."""
    parts = split(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""
