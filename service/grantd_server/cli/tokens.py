"""`grantd decode`: which kind of token this is and what it says. Nothing is verified."""

from __future__ import annotations

import base64
import binascii
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantd_server.cli.ending import REFUSED, end, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST: Final = 65_536
"""Characters read; more is no token."""

_TIMES: Final = ("iat", "nbf", "exp", "auth_time")
_KINDS: Final = {
    "oauth-id-jag+jwt": "an ID-JAG: a grant, to be redeemed for an access token",
    "at+jwt": "an access token (RFC 9068)",
    "client-authentication+jwt": "a client assertion (RFC 7523)",
    "dpop+jwt": "a DPoP proof (RFC 9449)",
    "logout+jwt": "a logout token (OpenID Connect Back-Channel Logout)",
    "token-introspection+jwt": "a signed introspection answer (RFC 9701)",
}


def decode(token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")]) -> None:
    """Shows a token's kind, header and claims. It verifies nothing.

    Prefer `-`: arguments of a program are seen by everybody on the machine.
    """
    with told():
        raw = sys.stdin.read(LONGEST + 1) if token == "-" else token
        for line in _lines(raw.strip(), time.time()):
            print(line)


def _lines(raw: str, now: float) -> Iterator[str]:
    from grantd import jws, strict  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same

    if len(raw) > LONGEST:
        end(REFUSED, [f"This is longer than {LONGEST} characters."])
    if _is_xml(raw):
        end(REFUSED, ["This is XML, perhaps a SAML assertion; only JSON Web Tokens are decoded."])
    parts = raw.split(".")
    if len(parts) == 5:
        end(REFUSED, ["This is an encrypted token (JWE); only its recipient can read it."])
    if len(parts) != 3:
        end(REFUSED, [f"This is no JSON Web Token: it has {len(parts)} parts, not 3."])
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None:
        end(REFUSED, ["This is no JSON Web Token: header and claims are not JSON objects."])
    yield f"kind: {_kind(header, claims)}"
    try:
        jws.read(raw)
    except strict.Fault as fault:
        yield f"malformed, and refused everywhere in grantd: {shown(str(fault))}"
    for title, members in (("header", header), ("claims", claims)):
        yield f"{title}:"
        for name, value in members.items():
            yield f"  {shown(name)}: {shown(json.dumps(value, ensure_ascii=False))}{_when(name, value, now)}"
    yield "NOT VERIFIED: anybody could have written this. The signature is left out."


def _is_xml(raw: str) -> bool:
    try:
        return raw.startswith("<") or base64.b64decode(raw[:400] + "=" * (-len(raw[:400]) % 4)).lstrip().startswith(
            b"<"
        )
    except (binascii.Error, ValueError):
        return False


def _object(segment: str) -> dict[str, Any] | None:
    """Reads leniently, so that what is wrong with a token can be seen."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _kind(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    typ = str(header.get("typ", "")).lower().removeprefix("application/")
    if typ in _KINDS:
        return _KINDS[typ]
    if "iss" in claims and claims.get("iss") == claims.get("sub"):
        return "perhaps a client assertion: issuer and subject are one"
    if not {"nonce", "at_hash", "c_hash", "auth_time", "amr", "acr"}.isdisjoint(claims):
        return "perhaps an ID token: it tells of a sign-in"
    if not {"scope", "scp", "client_id"}.isdisjoint(claims):
        return "perhaps an access token of another kind than RFC 9068"
    return "a JSON Web Token of no known kind"


def _when(name: str, value: object, now: float) -> str:
    if name not in _TIMES or isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    seconds = value - now
    return f"  (in {seconds:.0f} s)" if seconds >= 0 else f"  ({-seconds:.0f} s ago)"
