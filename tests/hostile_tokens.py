"""Tokens that an attacker makes, for any slot that takes one: the key set a party
publishes, and by hostile case what comes under it. No network, no clock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grantd import jws
from tokens import b64, hmac_signed, part, signature_of, signing_key, unsigned, with_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tokens import SigningKey

ES, ES_TOO = signing_key("ES256", "h-es"), signing_key("ES256", "h-es-too")
RS, ED = signing_key("RS256", "h-rs"), signing_key("EdDSA", "h-ed")
PRIVATE = signing_key("ES256", "h-private")
ATTACKER = signing_key("ES256", "h-attacker")
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it must be refused
OCT = b"a shared secret of thirty-two by"
ALGORITHMS = ["ES256", "ES512", "EdDSA", "RS256"]

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ED_ORDER = 2**252 + 27742317777372353535851937790883648493


def published() -> dict[str, Any]:
    """A key set with good keys, and with keys that must not be used."""
    weak = WEAK.public_key().public_numbers()
    n = b64(weak.n.to_bytes(128, "big"))
    return {
        "keys": [
            *(key.jwk for key in (ES, ES_TOO, RS, ED)),
            {"kty": "oct", "kid": "h-oct", "k": b64(OCT), "alg": "HS256"},
            {**PRIVATE.jwk, "d": b64(b"\1" * 32)},
            {"kty": "RSA", "kid": "h-weak", "alg": "RS256", "use": "sig", "n": n, "e": "AQAB"},
            {**ES_TOO.jwk, "kid": "h-other-curve", "alg": "ES512"},
        ]
    }


@dataclass(frozen=True)
class Slot:
    """An honest token of a slot, to be spoiled."""

    claims: Mapping[str, Any]
    typ: str
    url: str
    """An address that nobody may ask."""

    def head(self, key: SigningKey = ES, **more: Any) -> dict[str, Any]:
        return {"alg": key.alg, "kid": key.kid, "typ": self.typ, **more}

    def honest(self, key: SigningKey = ES) -> str:
        return key.sign(self.claims, self.typ)

    def raw(self, key: SigningKey = ES, **more: Any) -> str:
        """Validly signed by `key` under a changed header."""
        return key.sign_raw(self.head(key, **more), dict(self.claims))


def unsigned_tokens(slot: Slot) -> Iterator[str]:
    for alg in ("none", "None", "NONE", "nOnE", "none "):
        yield unsigned(slot.head(alg=alg), slot.claims)
        yield unsigned(slot.head(alg=alg), slot.claims, b"\0" * 64)


def hmac_of_a_public_key(slot: Slot) -> Iterator[str]:
    for key, alg in product((ES, RS), ("HS256", "HS384", "HS512")):
        public = key.private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for secret in (pem, pem.strip(), der, json.dumps(key.jwk).encode()):
            yield hmac_signed(slot.head(key, alg=alg), slot.claims, secret)


def key_in_the_header(slot: Slot) -> Iterator[str]:
    yield ATTACKER.sign_raw(slot.head(jwk=ATTACKER.jwk), dict(slot.claims))
    yield ATTACKER.sign_raw(slot.head(ATTACKER, jwk=ATTACKER.jwk), dict(slot.claims))


def address_in_the_header(slot: Slot) -> Iterator[str]:
    yield ATTACKER.sign_raw(slot.head(ATTACKER, jku=slot.url), dict(slot.claims))
    yield ATTACKER.sign_raw(slot.head(jku=slot.url), dict(slot.claims))


def certificate_in_the_header(slot: Slot) -> Iterator[str]:
    for offer in ({"x5u": slot.url}, {"x5c": [b64(b"certificate")]}, {"x5t": "AAAA"}, {"x5t#S256": "AAAA"}):
        yield ATTACKER.sign_raw(slot.head(ATTACKER, **offer), dict(slot.claims))


def kid_that_is_a_path(slot: Slot) -> Iterator[str]:
    for kid, secret in product(("../../../../dev/null", "/dev/null", "/invalid", " "), (b"", b"\0")):
        yield hmac_signed(slot.head(alg="HS256", kid=kid), slot.claims, secret)
        yield ATTACKER.sign_raw(slot.head(kid=kid), dict(slot.claims))


def kid_that_is_a_statement(slot: Slot) -> Iterator[str]:
    kid = "x' UNION SELECT '1'-- "
    yield hmac_signed(slot.head(alg="HS256", kid=kid), slot.claims, b"1")
    yield ATTACKER.sign_raw(slot.head(kid=kid), dict(slot.claims))


def kid_that_is_a_command(slot: Slot) -> Iterator[str]:
    for kid in ("|sleep 10", f"$(curl {slot.url})", slot.url):
        yield ATTACKER.sign_raw(slot.head(kid=kid), dict(slot.claims))


def kid_of_another_kind(slot: Slot) -> Iterator[str]:
    for kid in (1, [ES.kid], {"kid": ES.kid}, None, True, "", "k" * 8000, "h-es\0"):
        yield slot.raw(kid=kid)
    yield slot.raw(x="y" * 4096)


def no_kid_among_several(slot: Slot) -> Iterator[str]:
    yield ES.sign_raw({"alg": "ES256", "typ": slot.typ}, dict(slot.claims))


def another_rsa_algorithm(slot: Slot) -> Iterator[str]:
    for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        data = f"{part(slot.head(RS, alg=alg))}.{part(dict(slot.claims))}"
        yield f"{data}.{b64(jws.sign_with(RS.private, alg, data.encode()))}"


def published_secret(slot: Slot) -> Iterator[str]:
    yield hmac_signed(slot.head(alg="HS256", kid="h-oct"), slot.claims, OCT)


def published_private_key(slot: Slot) -> Iterator[str]:
    yield slot.honest(PRIVATE)


def special_ecdsa_values(slot: Slot) -> Iterator[str]:
    token = slot.honest()
    for r, s in product((0, 1, _ORDER - 1, _ORDER), repeat=2):
        yield with_signature(token, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    raw = signature_of(token)
    r = int.from_bytes(raw[:32], "big")
    yield with_signature(token, raw[:32] + _ORDER.to_bytes(32, "big"))
    yield with_signature(token, (r + _ORDER).to_bytes(33, "big") + raw[32:])


def other_ecdsa_encodings(slot: Slot) -> Iterator[str]:
    token = slot.honest()
    raw = signature_of(token)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    for signature in (der, raw[:-1], raw + b"\0", raw + raw, raw + bytes(8)):
        yield with_signature(token, signature)


def malleable_eddsa(slot: Slot) -> Iterator[str]:
    token = slot.honest(ED)
    raw = signature_of(token)
    moved = int.from_bytes(raw[32:], "little") + _ED_ORDER
    yield with_signature(token, raw[:32] + moved.to_bytes(32, "little"))
    yield with_signature(token, b"\xff" * 32 + raw[32:])
    yield with_signature(token, bytes(64))


def other_alphabets(slot: Slot) -> Iterator[str]:
    token = slot.honest()
    for odd in (" ", "\t", "+", "/", "=", "\uff41"):
        yield token[:40] + odd + token[41:]
    yield f" {token}"
    yield f"{token}=="
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield token[:-1] + last[last.index(token[-1]) ^ 1]  # a spare bit set, the same bytes


def json_serialisation(slot: Slot) -> Iterator[str]:
    protected, payload, signature = slot.honest().split(".")
    yield json.dumps({"payload": payload, "protected": protected, "signature": signature})
    yield json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


def compressed(slot: Slot) -> Iterator[str]:
    yield slot.raw(zip="DEF")


def repeated_members(slot: Slot) -> Iterator[str]:
    honest = json.dumps(dict(slot.claims))
    for name, value in slot.claims.items():
        one, two = json.dumps({name: value})[1:-1], json.dumps({name: "another"})[1:-1]
        yield ES.sign_raw(slot.head(), f"{honest[:-1]}, {two}}}".encode())
        yield ES.sign_raw(slot.head(), f"{{{two}, {one}, {honest[1:]}".encode())


def payloads_of_another_kind(slot: Slot) -> Iterator[str]:
    honest = json.dumps(dict(slot.claims)).encode()
    for payload in (b"[]", b'"x"', b"null", b"1", b"", b"{}", honest + b"x", honest + b"// x", b"[" + honest + b"]"):
        yield ES.sign_raw(slot.head(), payload)
    for constant in (b"NaN", b"Infinity", b"-Infinity", b"1e400"):
        yield ES.sign_raw(slot.head(), honest[:-1] + b', "x": ' + constant + b"}")


def weak_keys(slot: Slot) -> Iterator[str]:
    data = f"{part({'alg': 'RS256', 'kid': 'h-weak', 'typ': slot.typ})}.{part(dict(slot.claims))}"
    yield f"{data}.{b64(WEAK.sign(data.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
    for alg in ("ES512", "ES256"):
        yield ES_TOO.sign_raw(slot.head(alg=alg, kid="h-other-curve"), dict(slot.claims))


def nested(slot: Slot) -> Iterator[str]:
    yield slot.raw(cty="JWT")
    yield ES.sign_raw(slot.head(cty="JWT"), slot.honest().encode())


def too_long(slot: Slot) -> Iterator[str]:
    """Longer than the limit of 16 KiB, and short enough for one message."""
    for size in (jws.LIMIT, 60_000):
        yield ES.sign_raw(slot.head(), {**slot.claims, "x": "y" * size})


HOSTILE: dict[str, Callable[[Slot], Iterator[str]]] = {
    "J01": unsigned_tokens,
    "J03": hmac_of_a_public_key,
    "J07": key_in_the_header,
    "J08": address_in_the_header,
    "J09": certificate_in_the_header,
    "J10": kid_that_is_a_path,
    "J11": kid_that_is_a_statement,
    "J12": kid_that_is_a_command,
    "J13": kid_of_another_kind,
    "J14": no_kid_among_several,
    "J15": another_rsa_algorithm,
    "J18": published_secret,
    "J19": published_private_key,
    "J20": special_ecdsa_values,
    "J21": other_ecdsa_encodings,
    "J22": malleable_eddsa,
    "J24": other_alphabets,
    "J26": json_serialisation,
    "J29": compressed,
    "J31": repeated_members,
    "J32": payloads_of_another_kind,
    "J37": weak_keys,
    "J39": nested,
    "J40": too_long,
}
"""By hostile case, everything that must be refused in every slot."""

ODD_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "empty text": "",
    "empty list": [],
    "empty object": {},
    "a huge number": 10**400,
    "a huge text": "x" * 5000,
    "a nested list": [["x"]],
}
"""What stands in a claim where a library expected something else."""

ODD_DATES: list[Any] = ["1795291544", [1], -1, 1e400, "soon", 253402300800, 1795291544000]
