"""Published keys: each of them usable, told apart by its kid, and nobody else's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from grantd import jwk
from grantd.strict import Fault
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

EMPTY = Row(
    "keys.empty", Severity.ERROR, "The key set has no usable key.",
    "Publish the public half of every key that signs, each with kid, use and alg.",
)  # fmt: skip
DUPLICATE_KID = Row(
    "keys.duplicate-kid", Severity.ERROR, "Two keys have the same kid.",
    "Give every key a kid of its own, and never use one again: verifiers keep keys by it.",
)  # fmt: skip
NO_KID = Row(
    "keys.no-kid", Severity.ERROR, "One of several keys has no kid.",
    "Give every key a kid: a verifier cannot tell which of them a token means.",
)  # fmt: skip
ONE_WITHOUT_KID = Row(
    "keys.one-without-kid", Severity.WARNING, "The only key has no kid.",
    "Give it one before the first rotation: with two keys, tokens would be refused.",
)  # fmt: skip
PRIVATE = Row(
    "keys.private", Severity.ERROR, "A private key is published.",
    "Withdraw the key at once and sign with another: whoever read it can sign for this party.",
)  # fmt: skip
SYMMETRIC = Row(
    "keys.symmetric", Severity.ERROR, "A symmetric key is published.",
    "Withdraw the key at once: whoever verifies with it can sign with it, too.",
)  # fmt: skip
WEAK = Row(
    "keys.weak", Severity.ERROR, "A key is weak.",
    "Replace it: RSA keys have 2048 bits at least and the exponent 65537.",
)  # fmt: skip
ALGORITHM = Row(
    "keys.algorithm", Severity.ERROR, "A key names an algorithm that it cannot be used with.",
    "Let `alg` fit the type and the curve of the key.",
)  # fmt: skip
USE = Row(
    "keys.use", Severity.ERROR, "A signing key is marked for another use.",
    "Publish signing keys with use `sig` and without key_ops, or with `verify` in them.",
)  # fmt: skip
UNREADABLE = Row(
    "keys.unreadable", Severity.WARNING, "A key cannot be read.",
    "Publish RSA, P-256, P-384, P-521 or Ed25519 keys with the members of RFC 7518; verifiers leave out all others.",
)  # fmt: skip
MANY = Row(
    "keys.many", Severity.WARNING, "The key set has more keys than verifiers read.",
    "Remove retired keys: what comes late in the list is not read.",
)  # fmt: skip
SHARED = Row(
    "keys.shared", Severity.ERROR, "Two parties publish the same key.",
    "Give each party keys of its own: with one key, tokens of one can be passed off as those of the other.",
)  # fmt: skip
ROWS: Final = (
    EMPTY, DUPLICATE_KID, NO_KID, ONE_WITHOUT_KID, PRIVATE, SYMMETRIC, WEAK, ALGORITHM, USE, UNREADABLE, MANY, SHARED,
)  # fmt: skip

_ENCRYPTING: Final = ("RSA-OAEP", "RSA1_5", "ECDH-ES")
_SHOWN: Final = ("kid", "kty", "crv", "alg", "use", "key_ops")
_DROPPED: Final = {
    "alg does not fit": ALGORITHM, "use is not": USE, "key_ops has": USE, "RSA ": WEAK, "not a point of": WEAK,
}  # fmt: skip
"""What the reader of keys says of one that it leaves out, by how the sentence begins."""


def check(view: View) -> Iterator[Finding]:
    """Looks at every key of every set."""
    for issuer in view.issuers:
        if issuer.key_set is not None:
            yield from _set(issuer, issuer.key_set)
            for place, key in enumerate(issuer.keys):
                yield from _key(issuer, place, key)
    yield from _shared(view)


def usable(issuer: IssuerSeen) -> jwk.KeySet:
    """The keys that a verifier would use."""
    try:
        return jwk.read_jwks({"keys": issuer.keys}, default_algs=jwk.ALGORITHMS)
    except Fault:
        return jwk.KeySet(())


def _set(issuer: IssuerSeen, members: Mapping[str, Any]) -> Iterator[Finding]:
    listed = members.get("keys")
    if not usable(issuer).keys:
        evidence = f"keys that are listed: {len(issuer.keys)}" if isinstance(listed, list) else f"keys is {cut(listed)}"
        yield EMPTY.at(issuer.party, issuer.text("jwks_uri"), evidence)
    if isinstance(listed, list) and len(listed) > jwk.MAX_KEYS:
        yield MANY.at(issuer.party, issuer.text("jwks_uri"), f"{len(listed)}; {jwk.MAX_KEYS} are read")
    objects = [key for key in issuer.keys if isinstance(key, dict)]
    kids = Counter(key["kid"] for key in objects if isinstance(key.get("kid"), str))
    for kid in [kid for kid, count in kids.items() if count > 1]:
        yield DUPLICATE_KID.at(issuer.party, issuer.text("jwks_uri"), f"{kids[kid]} keys are {cut(kid)}")
    nameless = [key for key in objects if not key.get("kid")]
    if nameless:
        row = NO_KID if len(objects) > 1 else ONE_WITHOUT_KID
        yield row.at(issuer.party, issuer.text("jwks_uri"), f"{len(nameless)} of {len(objects)} keys")


def _key(issuer: IssuerSeen, place: int, key: object) -> Iterator[Finding]:
    row = _wrong(key)
    if row is not None:
        named = key if isinstance(key, dict) else {}
        told = ", ".join(f"{name} {cut(named[name], 60)}" for name in _SHOWN if name in named)
        yield row.at(issuer.party, issuer.text("jwks_uri"), f"key {place + 1}: {told or 'no object'}")


def _wrong(key: object) -> Row | None:
    """Never shows a member of the key itself, which may be private."""
    if not isinstance(key, dict):
        return UNREADABLE
    if key.get("kty") == "oct":
        return SYMMETRIC
    if not jwk.PRIVATE_MEMBERS.isdisjoint(key):
        return PRIVATE
    dropped = jwk.read_jwks({"keys": [key]}, default_algs=jwk.ALGORITHMS).dropped
    if not dropped:
        return None
    row = next((row for begin, row in _DROPPED.items() if dropped[0].startswith(begin)), UNREADABLE)
    # A key for encryption is in its right place here; only signing keys concern us.
    encrypts = row is USE and key.get("alg") not in jwk.ALGORITHMS
    unmarked = "use" not in key and str(key.get("alg")).startswith(_ENCRYPTING)
    return None if encrypts or unmarked else row


def thumbprints(keys: list[Any]) -> Iterator[tuple[str, object]]:
    """The RFC 7638 thumbprint and the kid of each key that can be read."""
    for key in keys:
        if isinstance(key, dict) and jwk.read_jwks({"keys": [key]}, default_algs=jwk.ALGORITHMS).keys:
            yield jwk.thumbprint(key), key.get("kid")


def _shared(view: View) -> Iterator[Finding]:
    owners: dict[str, tuple[Party, str]] = {}
    for issuer in view.issuers:
        for thumbprint, kid in thumbprints(issuer.keys):
            owner = owners.setdefault(thumbprint, (issuer.party, issuer.identifier))
            if owner != (issuer.party, issuer.identifier):
                evidence = f"{cut(kid)} is also a key of the {owner[0].value}"
                yield SHARED.at(issuer.party, issuer.text("jwks_uri"), evidence)
