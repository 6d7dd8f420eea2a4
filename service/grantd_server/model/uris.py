"""Identifiers that are URIs: issuers (byte for byte) and resources (G-27)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

LONGEST_URI = 2048
"""Characters; the same bound as for one form parameter that carries a URI."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
"""RFC 3986 section 2: reserved, unreserved, and well-formed percent-encoding."""
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-F]{2})+")
_PORT = re.compile(r"[0-9]{0,5}")


# The few registered spellings come again with every call. Bounded, and a refusal is
# never kept.
@lru_cache(maxsize=1024)
def normalise_resource(uri: str) -> str:
    """Normalises a resource identifier by RFC 3986 section 6.2.2 and nothing more: case
    of scheme, host and percent-encoding, unreserved characters decoded, dot segments
    removed. Slashes at the end and default ports stay (requirement G-27).

    Raises:
        ValueError: relative, a fragment, user information, a character that no URI
            has, broken percent-encoding, no host, or more than `LONGEST_URI`
            characters. The text says which.
    """
    parts = _split(uri)
    path = _decode_unreserved(parts.path)
    if parts.netloc:
        path = _without_dot_segments(path)
    query = f"?{_decode_unreserved(parts.query)}" if "?" in uri else ""
    authority = f"//{_authority(parts.netloc)}" if parts.netloc else ""
    return f"{parts.scheme.lower()}:{authority}{path}{query}"


def is_bare_origin(normalised: str) -> bool:
    """Whether a normalised resource is an origin without path, with or without slash:
    the one case where both spellings mean the same (clients send `URL.href`)."""
    parts = urlsplit(normalised)
    return bool(parts.netloc) and parts.path in {"", "/"} and "?" not in normalised


def check_issuer(issuer: str) -> None:
    """Checks an issuer identifier (RFC 8414 section 2): https, no query, no fragment.

    Raises:
        ValueError: it is not one. Plain http is for loopback hosts only.
    """
    parts = _split(issuer)
    if "?" in issuer:
        raise ValueError("an issuer has no query")
    _check_web(parts)


def check_web_address(uri: str) -> None:
    """Checks an address to fetch from: https, or http on a loopback host.

    Raises:
        ValueError: it is not one.
    """
    _check_web(_split(uri))


def check_document_url(url: str) -> None:
    """Checks a client id that is the address of a metadata document
    (draft-ietf-oauth-client-id-metadata-document-01 section 3).

    Raises:
        ValueError: it is not one.
    """
    parts = _split(url)
    if not url.startswith("https://"):
        raise ValueError("it must begin with https://")
    if not parts.path:
        raise ValueError("it has no path")
    # It is compared as it stands, so that a second spelling, such as one with dot
    # segments, plain or encoded, could only deceive the reader.
    if normalise_resource(url) != url:
        raise ValueError(f"it is not in its normal form, {normalise_resource(url)}")


def _check_web(parts: SplitResult) -> None:
    if parts.scheme not in {"https", "http"} or not parts.netloc:
        raise ValueError("it must begin with https://")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("http is for loopback hosts only; use https")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(uri: str) -> SplitResult:
    if len(uri) > LONGEST_URI:
        raise ValueError(f"it is longer than {LONGEST_URI} characters")
    if _CHARACTERS.fullmatch(uri) is None:
        raise ValueError("it has a character that no URI has, or broken percent-encoding")
    if _SCHEME.match(uri) is None:
        raise ValueError("it is not absolute; it must begin with a scheme such as https:")
    if "#" in uri:
        raise ValueError("it has a fragment")
    parts = urlsplit(uri)
    if parts.scheme in {"https", "http"} and not parts.netloc:
        raise ValueError("it has no host")
    if not parts.netloc and not parts.path:
        raise ValueError("it names nothing")
    if any(bracket in part for bracket in "[]" for part in (parts.path, parts.query)):
        raise ValueError("it has a bracket outside of the host")
    if parts.netloc:
        _authority(parts.netloc)
    return parts


def _authority(netloc: str) -> str:
    if "@" in netloc:
        raise ValueError("it has user information")
    host, bracket, rest = netloc.partition("]")
    if bracket:
        return f"{_literal(host.removeprefix('['))}{_port(rest)}"
    host, colon, port = netloc.partition(":")
    host = _decode_unreserved(host).lower()
    host = _ENCODED.sub(lambda found: found[0].upper(), host)
    if _HOST.fullmatch(host) is None:
        raise ValueError("it has no valid host")
    return f"{host}{_port(colon + port)}"


def _literal(address: str) -> str:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise ValueError("it has no valid host") from None
    return f"[{address.lower()}]"


def _port(raw: str) -> str:
    if raw and (raw[0] != ":" or _PORT.fullmatch(raw[1:]) is None):
        raise ValueError("it has no valid port")
    return raw


def _decode_unreserved(text: str) -> str:
    return _ENCODED.sub(_decode_one, text)


def _decode_one(found: re.Match[str]) -> str:
    character = chr(int(found[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()


def _without_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that is empty or begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            kept = kept[:-1]
        if segment not in {".", ".."}:
            kept.append(segment)
        elif last:
            kept.append("")
    return "".join(f"/{segment}" for segment in kept)
