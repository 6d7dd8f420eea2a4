"""Compact JWS, strictly: parse once, verify with a key that knows its algorithm, sign.

The only user of PyJWT, of which it takes the algorithms and nothing of its parser.
Nothing in a token chooses a key, an address or an algorithm: the caller's key set
and allow-list do. Every malformed input ends as a `Fault` (RFC 8725).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NewType

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from grantd import jwk, strict
from grantd.strict import Fault

if TYPE_CHECKING:
    from grantd.jwk import KeySet, PrivateKey

__all__ = [
    "ACCESS_TOKEN", "CLIENT_ASSERTION", "DPOP_PROOF", "ID_JAG", "ID_TOKEN", "Claims", "Fault", "Header", "Parsed", "Typ",
    "compact", "read", "sign_with", "signing_input", "verify", "verify_compact",
]  # fmt: skip

Claims = NewType("Claims", Mapping[str, object])
"""The payload of a token whose signature was verified; only `verify` makes one."""

LIMIT: Final = 16384
"""Characters of a compact token, checked before anything is parsed."""
HEADER_LIMIT: Final = 4096
"""Bytes of a decoded header."""

_IGNORED: Final = ("jku", "x5u", "jwk", "x5c", "x5t", "x5t#S256")

_ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "ES256": ECAlgorithm(ECAlgorithm.SHA256, ec.SECP256R1),
    "ES384": ECAlgorithm(ECAlgorithm.SHA384, ec.SECP384R1),
    "ES512": ECAlgorithm(ECAlgorithm.SHA512, ec.SECP521R1),
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "PS384": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384),
    "PS512": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512),
    "EdDSA": OKPAlgorithm(),
}


@dataclass(frozen=True, slots=True)
class Typ:
    """What the `typ` header of one kind of token may be. The kinds exclude each other,
    or are told apart by key and claims where OpenID providers leave `typ` out."""

    kind: str
    media_types: frozenset[str]
    """In lower case and without `application/` (RFC 7515 section 4.1.9)."""
    may_be_absent: bool = False


ID_JAG: Final = Typ("ID-JAG", frozenset({"oauth-id-jag+jwt"}))
ACCESS_TOKEN: Final = Typ("access token", frozenset({"at+jwt"}))
CLIENT_ASSERTION: Final = Typ("client assertion", frozenset({"client-authentication+jwt", "jwt"}), may_be_absent=True)
ID_TOKEN: Final = Typ("ID token", frozenset({"jwt"}), may_be_absent=True)
DPOP_PROOF: Final = Typ("DPoP proof", frozenset({"dpop+jwt"}))


@dataclass(frozen=True, slots=True)
class Header:
    """The members of a JOSE header that count."""

    alg: str
    kid: str | None
    typ: str | None
    ignored: tuple[str, ...] = ()
    """Names of members that offer a key or an address; they are never used."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A well-formed token of which nothing is proven yet."""

    header: Header
    unverified_claims: Mapping[str, object] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Header members that offered a key or an address, for the record."""
        return self.header.ignored


def read(token: str, *, limit: int = LIMIT) -> Parsed:
    """Parses a compact JWT without believing it. Raises Fault."""
    parts = _split(token, limit)
    return Parsed(parts.header, strict.read_object(parts.payload, "payload"), parts.signing_input, parts.signature)


def verify(parsed: Parsed, keys: KeySet, allowed: frozenset[str], typ: Typ) -> Claims:
    """Proves who signed: kind, algorithm, key, signature, in this order. Raises Fault."""
    _check(parsed, keys, allowed, typ)
    return Claims(parsed.unverified_claims)


def verify_compact(jws: str, keys: KeySet, allowed: frozenset[str], typ: Typ, *, limit: int = LIMIT) -> bytes:
    """Verifies a compact JWS of any payload and returns its bytes. Raises Fault."""
    parts = _split(jws, limit)
    _check(parts, keys, allowed, typ)
    return parts.payload


def signing_input(claims: Mapping[str, Any], *, alg: str, kid: str, typ: str | None) -> bytes:
    """The bytes to sign. ValueError when the claims are not plain JSON."""
    payload = json.dumps(claims, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _header_segment(alg, kid, typ) + b"." + strict.encode(payload.encode())


def sign_with(private_key: PrivateKey, alg: str, data: bytes) -> bytes:
    """The raw JOSE signature (RFC 7518). ValueError when key and algorithm do not fit."""
    if not jwk.fits(private_key, alg):
        raise ValueError(f"this key cannot be used with {alg}")
    return _ALGORITHMS[alg].sign(data, private_key)


def compact(signing_input: bytes, signature: bytes) -> str:
    """Joins what was signed and its signature to a compact JWS."""
    return (signing_input + b"." + strict.encode(signature)).decode("ascii")


class _Parts(NamedTuple):
    """A well-formed compact JWS of any payload."""

    header: Header
    payload: bytes
    signing_input: bytes
    signature: bytes


def _split(token: str, limit: int) -> _Parts:
    if not isinstance(token, str):
        raise Fault("form", "text", strict.kind(token))
    if len(token) > limit:
        raise Fault("length", f"at most {limit} characters", str(len(token)))
    if not token.isascii():
        raise Fault("form", "ASCII characters", "others")
    raw = token.encode("ascii")
    segments = raw.split(b".")
    if len(segments) != 3:
        raise Fault("form", "three parts", f"{len(segments)} parts")
    header, payload, signature = segments
    if not strict.in_alphabet(header + payload + signature):
        raise Fault("form", "base64url without padding", "other characters")
    try:
        return _Parts(
            header=_read_header(header),
            payload=strict.decode(payload),
            signing_input=raw[: len(header) + 1 + len(payload)],
            signature=strict.decode(signature),
        )
    except ValueError:
        raise Fault("form", "canonical base64url", "another spelling") from None


# Issuers send few different headers, so that one is parsed once. The cache is
# bounded, and a fault is never kept.
@lru_cache(maxsize=512)
def _read_header(segment: bytes) -> Header:
    raw = strict.decode(segment)
    if len(raw) > HEADER_LIMIT:
        raise Fault("header", f"at most {HEADER_LIMIT} bytes", str(len(raw)))
    members = strict.read_object(raw, "header")
    # Each of these changes what the signature covers or what the payload means.
    for name in ("crit", "b64", "zip"):
        if name in members:
            raise Fault("crit" if name == "crit" else "header", f"no {name}", f"a {name} member")
    content = _media_type(members, "cty")
    if content == "jwt":
        raise Fault("header", "no nested token", "cty JWT")
    return Header(
        alg=_algorithm(members),
        kid=_kid(members),
        typ=_media_type(members, "typ"),
        ignored=tuple(name for name in _IGNORED if name in members),
    )


def _algorithm(members: Mapping[str, object]) -> str:
    alg = members.get("alg")
    if not isinstance(alg, str) or alg not in _ALGORITHMS:
        raise Fault("alg", "an asymmetric signature algorithm", strict.shown(alg))
    return alg


def _kid(members: Mapping[str, object]) -> str | None:
    if "kid" not in members:
        return None
    kid = members["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= jwk.LONGEST_KID or strict.UNPRINTABLE.search(kid):
        raise Fault("kid", f"a printable text of 1 to {jwk.LONGEST_KID} characters", strict.shown(kid))
    return kid


def _media_type(members: Mapping[str, object], name: str) -> str | None:
    """The value in lower case without `application/`; only ASCII, where case is certain."""
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str) or not value.isascii():
        raise Fault("typ" if name == "typ" else "header", f"a media type as {name}", strict.shown(value))
    return value.lower().removeprefix("application/")


def _check(token: Parsed | _Parts, keys: KeySet, allowed: frozenset[str], typ: Typ) -> None:
    header = token.header
    if not (typ.may_be_absent if header.typ is None else header.typ in typ.media_types):
        expected = f"the typ of an {typ.kind}: {' or '.join(sorted(typ.media_types))}"
        raise Fault("typ", expected, "none" if header.typ is None else strict.shown(header.typ))
    if header.alg not in allowed:
        raise Fault("alg", " or ".join(sorted(allowed)) or "no algorithm", header.alg)
    key = keys.find(header.kid, header.alg)
    if not _ALGORITHMS[key.alg].verify(token.signing_input, key.public, token.signature):
        raise Fault("signature", "a signature by the key with this kid", "another signature")


@lru_cache(maxsize=128)
def _header_segment(alg: str, kid: str, typ: str | None) -> bytes:
    members = {"alg": alg, "kid": kid} if typ is None else {"alg": alg, "kid": kid, "typ": typ}
    return strict.encode(json.dumps(members, separators=(",", ":")).encode())
