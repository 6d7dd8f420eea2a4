"""DPoP proofs (RFC 9449 section 4.3), strictly: who holds which key, for this one request.

    proof = dpop.verify(headers, method="POST", url=own_url, now=time.time(), access_token=token)

Pure: no clock, no memory, no key but the proof's own. The caller remembers `jti`, judges
`nonce`, and compares `jkt` with what the token is bound to.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from grantd import claims, jwk, jws, strict
from grantd.dpop.url import normalise
from grantd.strict import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHMS: Final = frozenset({"ES256", "ES384", "ES512", "EdDSA", "PS256"})
"""Accepted unless said otherwise. No PKCS #1 v1.5, as in FAPI 2.0 section 5.4.1."""
MAX_AGE: Final = 60
"""Seconds after which a proof is too old (RFC 9449 section 11.1)."""
LONGEST_PROOF: Final = 8192
"""Characters of one `DPoP` header."""
LONGEST_NONCE: Final = 256

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 9449 section 8.1: one or more NQCHAR."""
_LONGEST_URL: Final = 2048


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds for one request."""

    jkt: str
    """SHA-256 thumbprint of the key that signed it (RFC 7638)."""
    jti: str
    """Never seen before, as far as the one who remembers knows."""
    iat: float
    nonce: str | None
    """Well formed; whether it is one of ours is not judged here."""

    @property
    def expires(self) -> float:
        """When no clock of ours accepts it any more: remember its `jti` until then."""
        return self.iat + MAX_AGE + claims.SKEW


def verify(
    proofs: Sequence[str],
    *,
    method: str,
    url: str,
    now: float,
    access_token: str | None = None,
    algorithms: frozenset[str] = ALGORITHMS,
    skew: float = claims.SKEW,
) -> Proof:
    """Verifies the `DPoP` headers of one request.

    `url` is what this endpoint is called in public, from configuration: the Host header
    is the attacker's. `access_token` is the one presented beside the proof, if any.

    Raises:
        Fault: not exactly one header; a check of RFC 9449 section 4.3 failed.
    """
    if len(proofs) != 1:
        raise Fault("dpop:header", "one DPoP header", f"{len(proofs)} headers")
    parsed = jws.read(proofs[0], limit=LONGEST_PROOF)
    key, jkt = _own_key(proofs[0], parsed.header, algorithms)
    verified = jws.verify(parsed, jwk.KeySet((key,)), algorithms, jws.DPOP_PROOF)
    claims.exactly(verified, "htm", method)
    _check_url(verified, url)
    iat = _issued(verified, now, skew)
    jti = claims.text(verified, "jti")
    _check_token(verified, access_token)
    return Proof(jkt, jti, iat, _nonce(verified))


def access_token_hash(access_token: str) -> str:
    """The `ath` of an access token (RFC 9449 section 4.2)."""
    return strict.encode(hashlib.sha256(access_token.encode("ascii")).digest()).decode()


def key_members(public: jwk.PublicKey, alg: str) -> dict[str, str]:
    """The members of a JWK that are the key itself, and no others (RFC 7638 section 3.2)."""
    published = jwk.public_jwk(public, "", alg)
    return {name: value for name, value in published.items() if name not in {"kid", "alg", "use"}}


def _own_key(raw_proof: str, header: jws.Header, algorithms: frozenset[str]) -> tuple[jwk.Key, str]:
    """The key a proof brings along, and its thumbprint. It proves nothing but that its
    holder made the proof, which is all that is asked of it."""
    if header.alg not in algorithms:
        raise Fault("alg", " or ".join(sorted(algorithms)), header.alg)
    embedded: Any = strict.read_object(strict.decode(raw_proof.partition(".")[0].encode()), "header").get("jwk")
    found = jwk.read_jwks({"keys": [embedded]}, default_algs={header.alg})
    if not found.keys:
        # Private members are among the reasons: a key that travelled is nobody's own.
        raise Fault("dpop:jwk", f"a public key for {header.alg}", found.dropped[0])
    if found.keys[0].alg != header.alg:
        raise Fault("dpop:jwk", f"a public key for {header.alg}", f"one for {found.keys[0].alg}")
    key = jwk.Key(header.kid, header.alg, found.keys[0].public)
    canonical = key_members(key.public, key.alg)
    if any(embedded[name] != value for name, value in canonical.items()):
        # One key, one thumbprint: a number with leading zeros would have another.
        raise Fault("dpop:jwk", "the shortest spelling of each number", "another spelling")
    return key, jwk.thumbprint(canonical)


def _check_url(verified: Mapping[str, object], url: str) -> None:
    raw_htu = claims.text(verified, "htu", _LONGEST_URL)
    try:
        htu = normalise(raw_htu)
    except ValueError as malformed:
        raise Fault("claim:htu", "an http or https URL", str(malformed)) from None
    if htu != normalise(url):
        raise Fault("claim:htu", strict.shown(url), strict.shown(raw_htu))


def _issued(verified: Mapping[str, object], now: float, skew: float) -> float:
    iat = claims.date(verified, "iat")
    if not now - MAX_AGE <= iat <= now + skew:
        expected = f"at most {MAX_AGE} s before and {skew:g} s after {now:.0f}"
        raise Fault("dpop:iat", expected, f"{iat:.0f}")
    return iat


def _check_token(verified: Mapping[str, object], access_token: str | None) -> None:
    ath = claims.optional_text(verified, "ath")
    if access_token is None:
        if ath is not None:
            # It was made for a call with a token, and would be spent on another.
            raise Fault("claim:ath", "none, as no access token is presented", "one")
        return
    if ath != access_token_hash(access_token):
        raise Fault("claim:ath", "the hash of the access token presented", "nothing" if ath is None else "another")


def _nonce(verified: Mapping[str, object]) -> str | None:
    nonce = claims.optional_text(verified, "nonce", LONGEST_NONCE)
    if nonce is not None and _NONCE.fullmatch(nonce) is None:
        raise Fault("claim:nonce", "a nonce of RFC 9449 section 8.1", "other characters")
    return nonce
