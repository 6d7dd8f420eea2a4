"""Public keys as JWK: which keys of a set may verify, and how ours are published.

A key verifies exactly one algorithm. Keys that are weak, private, symmetric or not
meant for signatures are dropped, each with a reason, and never used.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grantd import strict, weak_keys
from grantd.strict import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

MAX_KEYS: Final = 64
"""Keys read of one set; further ones are dropped unread."""
LONGEST_KID: Final = 256

RSA_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final[Mapping[str, tuple[str, type[ec.EllipticCurve], int]]] = {
    "P-256": ("ES256", ec.SECP256R1, 32),
    "P-384": ("ES384", ec.SECP384R1, 48),
    "P-521": ("ES512", ec.SECP521R1, 66),
}
_CURVE_OF: Final = {alg: curve for alg, curve, _ in _CURVES.values()}
ALGORITHMS: Final = RSA_ALGORITHMS | _CURVE_OF.keys() | {"EdDSA"}
"""Every algorithm that can be verified or signed with. No `none`, no HMAC."""

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REQUIRED: Final = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that verifies one algorithm. ValueError when the two do not fit."""

    kid: str | None
    alg: str
    public: PublicKey

    def __post_init__(self) -> None:
        if not fits(self.public, self.alg):
            raise ValueError(f"this key cannot be used with {self.alg}")


class KeySet:
    """The usable keys of one party. `dropped` tells why others are not among them."""

    __slots__ = ("_by_kid", "dropped", "keys")

    def __init__(self, keys: Iterable[Key], dropped: Iterable[str] = ()) -> None:
        self.keys = tuple(keys)
        self.dropped = tuple(dropped)
        self._by_kid = {key.kid: key for key in self.keys if key.kid is not None}
        if len(self._by_kid) != sum(key.kid is not None for key in self.keys):
            raise ValueError("two keys have the same kid")

    def __contains__(self, kid: object) -> bool:
        return kid in self._by_kid

    def __repr__(self) -> str:
        return f"KeySet(kids={sorted(self._by_kid)!r}, dropped={self.dropped!r})"

    def find(self, kid: str | None, alg: str) -> Key:
        """The key for a token's header; without kid only where a single key fits.

        Raises Fault `kid` when there is none, `alg` when it is bound to another algorithm.
        """
        if kid is None:
            fitting = [key for key in self.keys if key.alg == alg]
            if len(fitting) != 1:
                raise Fault("kid", f"a kid, or one single key for {alg}", f"no kid and {len(fitting)} such keys")
            return fitting[0]
        key = self._by_kid.get(kid)
        if key is None:
            raise Fault("kid", "the kid of a usable key of this issuer", strict.shown(kid))
        if key.alg != alg:
            raise Fault("alg", f"{key.alg}, the algorithm of this key", strict.shown(alg))
        return key

    def without(self, kids: Collection[str]) -> KeySet:
        """The same set less some withdrawn keys."""
        if not any(kid in self._by_kid for kid in kids):
            return self
        kept = (key for key in self.keys if key.kid not in kids)
        return KeySet(kept, (*self.dropped, "a withdrawn key"))


def fits(key: PublicKey | PrivateKey, alg: str) -> bool:
    """True when the key is of the type, curve and size that the algorithm demands."""
    if alg in RSA_ALGORITHMS:
        return isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and key.key_size >= 2048
    if alg in _CURVE_OF:
        return isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(
            key.curve, _CURVE_OF[alg]
        )
    return alg == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey)


def read_jwks(document: str | bytes | Mapping[str, Any], *, default_algs: Collection[str]) -> KeySet:
    """Reads a JWK Set (RFC 7517 section 5). Raises Fault `jwks` when it is none.

    `default_algs` are the algorithms allowed for its owner. A key without `alg` is
    bound by its curve; an RSA key to the single allowed RSA algorithm, or to RS256
    where that is one of several; otherwise it is dropped.
    """
    if isinstance(document, str):
        document = document.encode("utf-8", "replace")
    if isinstance(document, bytes):
        document = strict.read_object(document, "jwks")
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise Fault("jwks", "a list of keys", strict.kind(listed))
    dropped = [f"{len(listed) - MAX_KEYS} keys beyond the first {MAX_KEYS}"] if len(listed) > MAX_KEYS else []
    keys: list[Key] = []
    kids: Counter[str] = Counter()
    for jwk in listed[:MAX_KEYS]:
        try:
            _refuse_other_use(jwk)
            if isinstance(jwk.get("kid"), str):
                kids[jwk["kid"]] += 1
            keys.append(_read_key(jwk, default_algs))
        except _DroppedError as reason:
            dropped.append(str(reason))
    # Of two keys with one kid nobody can say which was meant: both go, also when the
    # other one was dropped (a set that publishes the private half of the same key).
    repeated = {kid for kid, count in kids.items() if count > 1}
    dropped.extend("the kid is repeated" for key in keys if key.kid in repeated)
    return KeySet((key for key in keys if key.kid not in repeated), dropped)


def public_jwk(public: PublicKey, kid: str, alg: str) -> dict[str, str]:
    """The JWK under which one of our keys is published: public members only."""
    if not fits(public, alg):
        raise ValueError(f"this key cannot be used with {alg}")
    members = {"kid": kid, "alg": alg, "use": "sig"}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return members | {"kty": "RSA", "n": _uint(numbers.n), "e": _uint(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        crv, size = next((crv, size) for crv, (name, _, size) in _CURVES.items() if name == alg)
        point = public.public_numbers()
        return members | {"kty": "EC", "crv": crv, "x": _uint(point.x, size), "y": _uint(point.y, size)}
    return members | {"kty": "OKP", "crv": "Ed25519", "x": strict.encode(public.public_bytes_raw()).decode()}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint of RFC 7638, base64url."""
    required = {name: jwk[name] for name in _REQUIRED[jwk["kty"]]}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    return strict.encode(hashlib.sha256(canonical.encode()).digest()).decode()


class _DroppedError(Exception):
    """Why one key is not used."""


def _refuse_other_use(jwk: object) -> None:
    if not isinstance(jwk, dict):
        raise _DroppedError("not an object")
    if "use" in jwk and jwk["use"] != "sig":
        raise _DroppedError("use is not sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _DroppedError("key_ops has no verify")


def _read_key(jwk: Mapping[str, Any], default_algs: Collection[str]) -> Key:
    kid = jwk.get("kid")
    if "kid" in jwk and not (
        isinstance(kid, str) and 0 < len(kid) <= LONGEST_KID and not strict.UNPRINTABLE.search(kid)
    ):
        raise _DroppedError("kid is not a short text")
    if jwk.get("kty") == "oct":
        raise _DroppedError("a symmetric key")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise _DroppedError("a published private key")
    try:
        public, natural = _read_public(jwk, default_algs)
    except (ValueError, UnsupportedAlgorithm):
        raise _DroppedError("the key cannot be read") from None
    alg = jwk.get("alg", natural)
    if not isinstance(alg, str) or not fits(public, alg):
        raise _DroppedError("alg does not fit the key")
    return Key(kid, alg, public)


def _read_public(jwk: Mapping[str, Any], default_algs: Collection[str]) -> tuple[PublicKey, str | None]:
    """The key, and the algorithm it is bound to where the JWK names none."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "RSA":
        allowed = RSA_ALGORITHMS.intersection(default_algs)
        natural = next(iter(allowed)) if len(allowed) == 1 else "RS256" if "RS256" in allowed else None
        return _read_rsa(jwk), natural
    if kty == "EC" and isinstance(crv, str) and crv in _CURVES:
        natural, curve, size = _CURVES[crv]
        x, y = strict.decode_text(jwk.get("x")), strict.decode_text(jwk.get("y"))
        if len(x) != size or len(y) != size:
            raise _DroppedError("a coordinate has the wrong length")
        # cryptography refuses a point that is not on the curve (RFC 8725 section 3.4).
        return ec.EllipticCurvePublicKey.from_encoded_point(curve(), b"\x04" + x + y), natural
    if kty == "OKP" and crv == "Ed25519":
        return _read_ed25519(jwk), "EdDSA"
    raise _DroppedError("an unsupported kind of key")


def _read_rsa(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    n = int.from_bytes(strict.decode_text(jwk.get("n")), "big")
    e = int.from_bytes(strict.decode_text(jwk.get("e")), "big")
    if weakness := weak_keys.weak_rsa(n, e):
        raise _DroppedError(weakness)
    return rsa.RSAPublicNumbers(e, n).public_key()


def _read_ed25519(jwk: Mapping[str, Any]) -> ed25519.Ed25519PublicKey:
    raw = strict.decode_text(jwk.get("x"))
    if weakness := weak_keys.weak_ed25519(raw):
        raise _DroppedError(weakness)
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _uint(number: int, size: int | None = None) -> str:
    return strict.encode(number.to_bytes(size or (number.bit_length() + 7) // 8, "big")).decode()
