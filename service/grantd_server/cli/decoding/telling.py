"""A pasted text, told: kind, what it is not, contents, and checks. Never its signature."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from grantd import jws, strict
from grantd_server.audit.explaining.shown import shown
from grantd_server.audit.explaining.text import sides
from grantd_server.cli.decoding.checking import checks
from grantd_server.cli.decoding.kinds import KINDS, kind_of, media_type, why_not
from grantd_server.cli.decoding.pasting.places import misplaced
from grantd_server.cli.decoding.pasting.tokens import Found, tokens_in
from grantd_server.cli.decoding.pasting.untold import untold
from grantd_server.cli.decoding.saml import saml_lines, xml_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grantd_server.audit.explaining.explanation import Made
    from grantd_server.cli.decoding.kinds import Kind
    from grantd_server.cli.decoding.target import Target

LONGEST: Final = 131_072
"""Characters read; more is no token."""

_TIMES: Final = ("iat", "nbf", "exp", "auth_time")
_DEEPEST: Final = 2
"""Tokens in tokens that are looked into."""


class NoToken(Exception):
    """It is nothing that can be told; the text says why, and nothing of it."""


def lines(raw: str, target: Target) -> Iterator[str]:
    """Tells a pasted text, each token that is found in it.

    Raises:
        NoToken: it is nothing of a known kind.
    """
    if len(raw) > LONGEST:
        raise NoToken(f"This is longer than {LONGEST} characters.")
    found = tokens_in(raw)
    if len(found) == 1:
        yield from _told(found[0], target)
        return
    for number, token in enumerate(found):
        yield from [""] if number else []
        yield f"{token.place}:"
        try:
            yield from (f"  {line}" if line else "" for line in _told(token, target))
        except NoToken as nothing:
            yield f"  {nothing}"


def _told(found: Found, target: Target) -> Iterator[str]:
    raw = found.text
    nothing = list(untold(raw, found.place))
    if nothing:
        yield from nothing
        return
    data = xml_in(raw) if "." not in raw or raw.startswith("<") else None
    if data is None:
        yield from _jwt_lines(found, target)
    else:
        yield from saml_lines(data, target)
        yield from misplaced(found, "SAML")


def check_lines(made: Sequence[Made]) -> Iterator[str]:
    """Checks, in order, as an explanation has them."""
    if made:
        yield "checks, in order:"
    for check in made:
        yield f"  {'ok    ' if check.ok else 'FAILED'} {shown(check.name)}"
        yield from sides(check.expected, check.got, differ=not check.ok)


def _jwt_lines(found: Found, target: Target, depth: int = 0) -> Iterator[str]:
    jwt, tilde, disclosures = found.text.partition("~")
    parts = jwt.split(".")
    header = _object(parts[0])
    if len(parts) == 5 and header is not None:
        yield "kind: an encrypted token (JWE); only its recipient can read it"
        yield from _members("header", header, target.now)
        return
    claims = _object(parts[1]) if len(parts) == 3 else None
    if header is None or len(parts) != 3:
        raise NoToken(_no_token(found.text, parts))
    if claims is None:
        yield from _without_claims(parts[1], header, target, depth)
        return
    kind = kind_of(header, claims)
    yield f"kind: {_about(kind, header)}"
    if tilde:
        yield f"It is a selective disclosure JWT: {disclosures.count('~')} disclosures or a key binding are left out."
    yield from _not(header, claims, "" if kind is None else kind.name)
    yield from misplaced(found, "" if kind is None else kind.name)
    try:
        jws.read(jwt)
    except strict.Fault as fault:
        yield f"malformed, and refused everywhere in grantd: {shown(str(fault))}"
    yield from _members("header", header, target.now)
    yield from _members("claims", claims, target.now)
    made = [] if kind is None else list(checks(jwt, kind, claims, target))
    yield from check_lines(made if target.asks else [check for check in made if not check.ok])
    yield _verdict(made, target)


def _about(kind: Kind | None, header: Mapping[str, Any]) -> str:
    if kind is None:
        return "a JSON Web Token of no known kind"
    return kind.about if media_type(header) == kind.types[0] != "" and not kind.one_of else f"perhaps {kind.about}"


def _verdict(made: Sequence[Made], target: Target) -> str:
    if any(check.name == "signature" and check.ok for check in made):
        return "VERIFIED with a key of --jwks. The signature is left out."
    found = "does not hold" if target.keys is not None else "was not checked: no key was named with --jwks"
    return f"NOT VERIFIED: anybody could have written this. The signature {found}. It is left out."


def _members(title: str, members: Mapping[str, Any], now: float) -> Iterator[str]:
    yield f"{title}:"
    for name, value in members.items():
        yield f"  {shown(name)}: {shown(_json(value))}{_when(name, value, now)}"


def _no_token(raw: str, parts: Sequence[str]) -> str:
    if not raw:
        return "This is nothing: no text came."
    if len(parts) != 3:
        cut = (
            " It begins as one: it was cut."
            if raw.startswith("eyJ")
            else " Opaque text tells nothing to anybody but its issuer."
        )
        return f"This is no JSON Web Token: it has {len(parts)} parts, not 3.{cut}"
    return "This is no JSON Web Token: its header is not a JSON object in base64url; it may have been cut or changed."


def _without_claims(part: str, header: Mapping[str, Any], target: Target, depth: int) -> Iterator[str]:
    """RFC 7519 section 5.2 calls a token in a token nested."""
    inside = (_bytes(part) or b"").decode("ascii", "replace")
    if inside.count(".") in {2, 4} and inside.startswith("eyJ") and depth < _DEEPEST:
        yield "kind: a nested JSON Web Token: what is signed is a token itself; nothing in grantd takes it"
        yield from _members("header", header, target.now)
        yield "inside:"
        yield from (f"  {line}" for line in _jwt_lines(Found(inside), target, depth + 1))
        return
    yield "kind: a signed text with a header of a JSON Web Token; its claims are not a JSON object in base64url, or were cut or changed"
    yield from _members("header", header, target.now)
    yield "NOT VERIFIED: anybody could have written this."


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
        value = json.loads(_bytes(segment) or b"")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _bytes(segment: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        return None


def _when(name: str, value: object, now: float) -> str:
    if name not in _TIMES or isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**53:
        return ""
    seconds = value - now
    return f"  (in {seconds:.0f} s)" if seconds >= 0 else f"  ({-seconds:.0f} s ago)"
