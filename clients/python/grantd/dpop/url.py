"""URLs as `htu` compares them: without query and fragment, after the normalisation of
RFC 3986 sections 6.2.2 and 6.2.3 (RFC 9449 section 4.3)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
"""RFC 3986 section 2: reserved, unreserved, and well-formed percent-encoding."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


def normalise(url: str) -> str:
    """The one spelling of an http or https URL. Raises ValueError, without its text."""
    if _CHARACTERS.fullmatch(url) is None:
        raise ValueError("characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("a host or port that cannot be read") from None
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError("another scheme")
    if "@" in parts.netloc or not parts.hostname:
        raise ValueError("no host, or one with user info")
    return f"{parts.scheme}://{_host(parts, port)}{_path(parts.path)}"


def _host(parts: SplitResult, port: int | None) -> str:
    host = _unescaped(parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, _DEFAULT_PORT[parts.scheme]} else f"{host}:{port}"


def _path(path: str) -> str:
    """RFC 3986 section 5.2.4 on a path that begins with a slash or is empty."""
    kept: list[str] = []
    segments = _unescaped(path).split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(text: str) -> str:
    """What may be written plainly is; what may not, in upper-case hex."""

    def one(escape: re.Match[str]) -> str:
        char = chr(int(escape[0][1:], 16))
        return char if char in _UNRESERVED else escape[0].upper()

    return _PERCENT.sub(one, text)
