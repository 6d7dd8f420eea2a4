"""What is pasted for a token and has nothing to tell, or must not be told: keys, opaque
texts, credentials, and tokens that were cut."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from grantd_server.audit.explaining.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPAQUE: Final = (
    (re.compile(r"grt_[A-Za-z0-9_-]{43}"), "a refresh token of grantd: random, known to its grant issuer only"),
    (re.compile(r"d[0-9a-f]{32}"), "a decision id: ask `grantd explain`"),
    (re.compile(r"[0-9a-f]{64}"), "a SHA-256, perhaps the id of a chain: ask `grantd chain`"),
)
_FOREIGN: Final = (
    (re.compile(r"ya29\.[A-Za-z0-9_.-]+"), "an access token of Google: opaque, ask its token info endpoint"),
    (re.compile(r"1//[A-Za-z0-9_-]+"), "a refresh token of Google: opaque"),
    (re.compile(r"(?:gh[opsur]_|github_pat_)[A-Za-z0-9_]+"), "a token of GitHub: opaque"),
    (re.compile(r"[01]\.A[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]*)*"), "a refresh token or code of Entra ID: opaque"),
)
_CUT: Final = re.compile(r"grt_[A-Za-z0-9_-]*")
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_SECRET: Final = "It is a secret, and whoever saw this text has it: replace it."


def untold(raw: str, place: str) -> Iterator[str]:
    """Tells what has no contents; nothing of a text that may be more than that."""
    if place == "basic":
        yield from _basic(raw)
        return
    for form, about in (*_OPAQUE, *_FOREIGN):
        if form.fullmatch(raw):
            yield f"kind: {about}"
            yield "It has no contents; only the service knows what it stands for."
            return
    if _CUT.fullmatch(raw):
        yield f"kind: perhaps a refresh token of grantd, of {len(raw)} characters and not 47: it was cut, or changed"
    elif raw.startswith("-----BEGIN"):
        yield from _pem(raw)
    elif raw.startswith("{"):
        yield from _json(raw)


def _basic(raw: str) -> Iterator[str]:
    """RFC 6749 section 2.3.1; the secret is never told."""
    try:
        name, colon, _ = base64.b64decode(raw, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name, colon = "", ""
    if not colon:
        yield "kind: a Basic authorization header that cannot be read: base64 of a client id, a colon and a secret belongs there"
        return
    yield "kind: HTTP Basic authentication of a client: no token"
    yield f"says: client id {shown(unquote(name))}"
    yield _SECRET


def _pem(raw: str) -> Iterator[str]:
    labels = list(dict.fromkeys(_PEM.findall(raw)))
    yield f"kind: PEM, no token: {shown(', '.join(labels).lower() or 'without a label')}"
    if any("PRIVATE" in label for label in labels):
        yield _SECRET
    elif labels == ["CERTIFICATE"]:
        yield "It verifies the signature of an assertion: --certificate FILE."


def _json(raw: str) -> Iterator[str]:
    try:
        members = json.loads(raw)
    except (ValueError, RecursionError):
        yield "kind: JSON that cannot be read, and no token"
        return
    keys = members.get("keys", [members] if "kty" in members else None)
    if isinstance(keys, list):
        yield f"kind: {len(keys)} JSON Web Keys, and no token: --jwks FILE verifies signatures with them"
        if any(isinstance(key, dict) and not _PRIVATE.isdisjoint(key) for key in keys):
            yield _SECRET
    elif "payload" in members and ("signature" in members or "signatures" in members):
        yield "kind: a signature in JSON form (RFC 7515 section 7.2): tokens here are in compact form, three parts with dots"
    elif isinstance(members.get("active"), bool):
        yield f"kind: an answer of an introspection endpoint (RFC 7662): active is {_plain(members['active'])}"
    elif "error" in members:
        yield f"kind: an OAuth error answer: {shown(members['error'])}"
    else:
        yield "kind: JSON, and no token; perhaps the contents of one that somebody decoded before"


def _plain(value: Any) -> str:
    return json.dumps(value)
