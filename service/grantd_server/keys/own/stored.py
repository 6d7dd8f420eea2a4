"""One key as it lies in its file: strict JSON in, strict JSON out.

The file says what the key is for. Faults name the member, never its value.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grantd import jwk, strict
from grantd_server.keys.own.purpose import Purpose
from grantd_server.model.requests import Secret

if TYPE_CHECKING:
    from grantd.jwk import PrivateKey, PublicKey

FORMAT: Final = 1
SIGNING_ALGORITHMS: Final = ("ES256", "RS256", "EdDSA")
SECRET_ALGORITHM: Final = "HS256"
"""What the 256-bit secrets of symmetric purposes are made for."""
SECRET_BYTES: Final = 32
RSA_BITS: Final = 3072
LARGEST_FILE: Final = 16384
"""Bytes; an RSA key of 4096 bits takes 3,500."""

_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A kid is a part of the name of its file."""
_TIMES: Final = ("created", "activated", "retired")
_TEXTS: Final = ("kid", "alg", "issuer", "purpose", "state")
_KEYS: Final = ("private_key", "public_key", "secret")


class KeyFileFault(Exception):
    """A key file or its directory cannot be used; the text is one sentence."""


class State(Enum):
    """The life of a key: four steps, and the emergency exit."""

    PUBLISHED = "published"  # others may learn it; it does not sign yet
    ACTIVE = "active"
    RETIRED = "retired"  # signs no more; what it signed is still accepted
    TAINTED = "tainted"  # withdrawn at once: nothing it signed is accepted


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key and its life. `number` orders the keys of one issuer and purpose."""

    kid: str
    number: int
    alg: str
    issuer: str
    purpose: Purpose
    state: State
    created: int
    activated: int | None = None
    retired: int | None = None
    public: PublicKey | None = field(default=None, repr=False)
    private: PrivateKey | None = field(default=None, repr=False)
    secret: Secret | None = None

    @property
    def accepted(self) -> bool:
        """True while what this key signed is believed."""
        return self.state is not State.TAINTED

    @property
    def identity(self) -> bytes:
        """A digest of the key itself, to find it twice; empty for a forgotten secret."""
        if self.secret is not None:
            return hashlib.sha256(self.secret.reveal().encode()).digest()
        if self.public is None:
            return b""
        return hashlib.sha256(
            self.public.public_bytes(pem.Encoding.DER, pem.PublicFormat.SubjectPublicKeyInfo)
        ).digest()

    def activate(self, now: int) -> StoredKey:
        """The key as it begins to sign."""
        return replace(self, state=State.ACTIVE, activated=now)

    def retire(self, now: int) -> StoredKey:
        """The key as it stops signing."""
        return replace(self, state=State.RETIRED, retired=now)

    def taint(self, now: int) -> StoredKey:
        """The key as it is withdrawn; its private half is forgotten."""
        return replace(self, state=State.TAINTED, retired=now, private=None, secret=None)


def create(issuer: str, purpose: Purpose, alg: str, number: int, now: int) -> StoredKey:
    """Makes a new key, published and not yet signing."""
    state = State.PUBLISHED
    if purpose.symmetric:
        raw = secrets.token_urlsafe(SECRET_BYTES)
        kid = f"{purpose.value}-{secrets.token_hex(8)}"
        return StoredKey(kid, number, SECRET_ALGORITHM, issuer, purpose, state, now, secret=Secret(raw))
    private = _generate(alg)
    public = private.public_key()
    # The thumbprint (RFC 7638) is unique without asking anybody.
    kid = jwk.thumbprint(jwk.public_jwk(public, "", alg))
    return StoredKey(kid, number, alg, issuer, purpose, state, now, public=public, private=private)


def _generate(alg: str) -> PrivateKey:
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "RS256":
        return rsa.generate_private_key(65537, RSA_BITS)
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    raise KeyFileFault(f"keys are made for {', '.join(SIGNING_ALGORITHMS)} only.")


def dump(key: StoredKey) -> bytes:
    """The content of the key's file."""
    members: dict[str, Any] = {"format": FORMAT, "number": key.number}
    members |= {"kid": key.kid, "alg": key.alg, "issuer": key.issuer}
    members |= {"purpose": key.purpose.value, "state": key.state.value}
    members |= {name: value for name in _TIMES if (value := getattr(key, name)) is not None}
    if key.secret is not None:
        members["secret"] = key.secret.reveal()
    elif key.private is not None:
        members["private_key"] = key.private.private_bytes(
            pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()
        ).decode()
    elif key.public is not None:
        members["public_key"] = key.public.public_bytes(
            pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo
        ).decode()
    return json.dumps(members, indent=1).encode() + b"\n"


def load(raw: bytes) -> StoredKey:
    """Reads the content of a key file. Raises KeyFileFault, without a file name."""
    members = _members(raw)
    purpose, state = _named(Purpose, members["purpose"]), _named(State, members["state"])
    key = StoredKey(
        kid=members["kid"],
        number=members["number"],
        alg=members["alg"],
        issuer=members["issuer"],
        purpose=purpose,
        state=state,
        **{name: members[name] for name in _TIMES if name in members},
    )
    if purpose.of_the_service != (not key.issuer):
        raise KeyFileFault(f"a key for {purpose.value} has {'no' if purpose.of_the_service else 'an'} issuer.")
    return _with_material(key, members)


def _with_material(key: StoredKey, members: dict[str, Any]) -> StoredKey:
    given = [name for name in _KEYS if name in members]
    if key.purpose.symmetric:
        wanted = [] if key.state is State.TAINTED else ["secret"]
    else:
        wanted = ["public_key"] if key.state is State.TAINTED else ["private_key"]
    if given != wanted:
        raise KeyFileFault(f"a {key.state.value} {key.purpose.value} key has exactly: {wanted or 'no key'}.")
    if key.purpose.symmetric:
        return _with_secret(key, members.get("secret"))
    try:
        if key.state is State.TAINTED:
            public: Any = pem.load_pem_public_key(members["public_key"].encode())
            private: Any = None
        else:
            private = pem.load_pem_private_key(members["private_key"].encode(), password=None)
            public = private.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's text may quote the PEM; it goes no further.
        raise KeyFileFault("the key is not readable as unencrypted PKCS #8 PEM.") from None
    if key.alg not in SIGNING_ALGORITHMS or not jwk.fits(public, key.alg):
        raise KeyFileFault("the key is not of the kind that its alg demands.")
    return replace(key, public=public, private=private)


def _with_secret(key: StoredKey, secret: str | None) -> StoredKey:
    if key.alg != SECRET_ALGORITHM:
        raise KeyFileFault(f"the alg of a {key.purpose.value} key is {SECRET_ALGORITHM}.")
    if secret is None:
        return key
    try:
        long_enough = len(strict.decode_text(secret)) >= SECRET_BYTES
    except ValueError:
        long_enough = False
    if not long_enough:
        raise KeyFileFault(f"secret is base64url of {SECRET_BYTES} bytes or more.")
    return replace(key, secret=Secret(secret))


def _members(raw: bytes) -> dict[str, Any]:
    try:
        members = strict.read_object(raw, "key file")
    except strict.Fault:
        raise KeyFileFault("it is not one JSON object.") from None
    known = {"format", "number", *_TEXTS, *_TIMES, *_KEYS}
    if unknown := sorted(members.keys() - known):
        raise KeyFileFault(f"{', '.join(unknown)[:80]} is not a member of a key file.")
    required = {"format", "number", "created", *_TEXTS}
    if lacking := sorted(required - members.keys()):
        raise KeyFileFault(f"{', '.join(lacking)} is missing.")
    for name in members.keys() & {*_TEXTS, *_KEYS}:
        if not isinstance(members[name], str):
            raise KeyFileFault(f"{name} is a text.")
    for name in members.keys() & {"format", "number", *_TIMES}:
        if not isinstance(members[name], int) or isinstance(members[name], bool) or members[name] < 0:
            raise KeyFileFault(f"{name} is a whole number.")
    if members["format"] != FORMAT:
        raise KeyFileFault(f"its format is not {FORMAT}; a newer grantd wrote it.")
    if _KID.fullmatch(members["kid"]) is None:
        raise KeyFileFault("kid is 1 to 128 letters, digits, underscores and hyphens.")
    return dict(members)


_E = TypeVar("_E", bound=Enum)


def _named(kinds: type[_E], value: str) -> _E:
    try:
        return kinds(value)
    except ValueError:
        raise KeyFileFault(f"{kinds.__name__.lower()} is one of {', '.join(each.value for each in kinds)}.") from None
