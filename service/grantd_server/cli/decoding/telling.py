"""A pasted text, told: kind, what it is not, contents, and checks. Never its signature."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final

from grantd import jws, strict
from grantd_server.audit.explaining.shown import shown
from grantd_server.audit.explaining.text import sides
from grantd_server.cli.decoding.checking import checks
from grantd_server.cli.decoding.kinds import KINDS, kind_of, media_type, why_not
from grantd_server.cli.decoding.saml import saml_lines, xml_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grantd_server.audit.explaining.explanation import Made
    from grantd_server.cli.decoding.target import Target

LONGEST: Final = 131_072
"""Characters read; more is no token."""

_TIMES: Final = ("iat", "nbf", "exp", "auth_time")
_OPAQUE: Final = (
    (re.compile(r"grt_[A-Za-z0-9_-]{43}"), "a refresh token of grantd: random, known to its grant issuer only"),
    (re.compile(r"d[0-9a-f]{32}"), "a decision id: ask `grantd explain`"),
    (re.compile(r"[0-9a-f]{64}"), "a SHA-256, perhaps the id of a chain: ask `grantd chain`"),
)


class NoToken(Exception):
    """It is nothing that can be told; the text says why, and nothing of it."""


def lines(raw: str, target: Target) -> Iterator[str]:
    """Tells a pasted text.

    Raises:
        NoToken: it is nothing of a known kind.
    """
    if len(raw) > LONGEST:
        raise NoToken(f"This is longer than {LONGEST} characters.")
    for form, about in _OPAQUE:
        if form.fullmatch(raw):
            yield f"kind: {about}"
            yield "It has no contents; only the service knows what it stands for."
            return
    data = xml_in(raw) if "." not in raw or raw.startswith("<") else None
    if data is not None:
        yield from saml_lines(data, target)
        yield "NOT VERIFIED: anybody could have written this."
        return
    yield from _jwt_lines(raw, target)


def check_lines(made: Sequence[Made]) -> Iterator[str]:
    """Checks, in order, as an explanation has them."""
    if made:
        yield "checks, in order:"
    for check in made:
        yield f"  {'ok    ' if check.ok else 'FAILED'} {shown(check.name)}"
        yield from sides(check.expected, check.got, differ=not check.ok)


def _jwt_lines(raw: str, target: Target) -> Iterator[str]:
    parts = raw.split(".")
    if len(parts) == 5:
        raise NoToken("This is an encrypted token (JWE); only its recipient can read it.")
    if len(parts) != 3:
        raise NoToken(f"This is no JSON Web Token: it has {len(parts)} parts, not 3.")
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None:
        raise NoToken("This is no JSON Web Token: header and claims are not JSON objects.")
    kind = kind_of(header, claims)
    sure = kind is not None and media_type(header) == kind.types[0] != ""
    about = "a JSON Web Token of no known kind" if kind is None else kind.about
    yield f"kind: {about if sure or kind is None else f'perhaps {about}'}"
    yield from _not(header, claims, "" if kind is None else kind.name)
    try:
        jws.read(raw)
    except strict.Fault as fault:
        yield f"malformed, and refused everywhere in grantd: {shown(str(fault))}"
    for title, members in (("header", header), ("claims", claims)):
        yield f"{title}:"
        for name, value in members.items():
            yield f"  {shown(name)}: {shown(_json(value))}{_when(name, value, target.now)}"
    made = [] if kind is None else list(checks(raw, kind, claims, target))
    yield from check_lines(made if target.asks else [check for check in made if not check.ok])
    verified = any(check.name == "signature" and check.ok for check in made)
    yield (
        "VERIFIED with a key of --jwks. The signature is left out."
        if verified
        else "NOT VERIFIED: anybody could have written this. The signature is left out."
    )


def _not(header: Mapping[str, Any], claims: Mapping[str, Any], name: str) -> Iterator[str]:
    for kind in KINDS:
        why = why_not(kind, header, claims)
        if kind.name == name:
            yield from [f"a faulty one: {shown(why)}"] if why else []
        else:
            yield f"not {_article(kind.name)}: {shown(why or 'its claims fit another kind better')}"


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aIi' else 'a'} {name}"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "a number that is too long"


def _object(segment: str) -> dict[str, Any] | None:
    """Reads leniently, so that what is wrong with a token can be seen."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _when(name: str, value: object, now: float) -> str:
    if name not in _TIMES or isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**53:
        return ""
    seconds = value - now
    return f"  (in {seconds:.0f} s)" if seconds >= 0 else f"  ({-seconds:.0f} s ago)"
