"""Makes DPoP proofs (RFC 9449 section 4.2): one key, a fresh proof for each request.

prover = Prover.generate()
headers = {"DPoP": prover.proof("POST", token_endpoint, nonce=nonce)}
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from grantd import jwk, jws, strict
from grantd.dpop.proof import access_token_hash, key_members
from grantd.extras import needs

with needs("verify"):
    from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Prover:
    """A key that nobody else has, and the proofs that say so."""

    def __init__(self, private_key: jwk.PrivateKey, alg: str, *, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError when key and algorithm do not fit."""
        self._jwk = key_members(private_key.public_key(), alg)
        self._private = private_key
        self._alg = alg
        self._now = now
        self.jkt = jwk.thumbprint(self._jwk)
        """What a token that is bound to this key carries as `cnf.jkt`."""

    @classmethod
    def generate(cls) -> Prover:
        """A prover with a key of its own, on P-256, which every server takes."""
        return cls(ec.generate_private_key(ec.SECP256R1()), "ES256")

    def __repr__(self) -> str:
        return f"Prover(jkt={self.jkt!r})"

    def proof(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        """The `DPoP` header of one request. `nonce` is the last `DPoP-Nonce` of the server
        asked; `access_token` the token sent beside it, at a resource server."""
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(self._now()),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = access_token_hash(access_token)
        header = {"typ": "dpop+jwt", "alg": self._alg, "jwk": self._jwk}
        data = _segment(header) + b"." + _segment(claims)
        return jws.compact(data, jws.sign_with(self._private, self._alg, data))


def _segment(members: Mapping[str, object]) -> bytes:
    return strict.encode(json.dumps(members, separators=(",", ":")).encode())
