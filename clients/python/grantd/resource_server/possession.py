"""DPoP at a resource (RFC 9449 section 7): proofs for its public URLs, each good once."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from grantd.extras import needs
from grantd.resource_server.replays import LocalReplays, Replays
from grantd.strict import Fault
from grantd.verifiers.tokens import NonceNeeded, ProofRefused

with needs("verify"):
    from grantd import dpop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from grantd.dpop import Proof
    from grantd.dpop.nonce import Nonces


class Possession:
    """Accepts proofs beside access tokens. With it a `ResourceServer` takes DPoP."""

    def __init__(
        self,
        *,
        required: bool = False,
        algorithms: Collection[str] = dpop.ALGORITHMS,
        nonces: Nonces | None = None,
        replays: Replays | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`required` refuses unbound tokens altogether. With `nonces` each proof must carry
        one of them. `replays` is where spent proofs are remembered: this process, unless
        several share one.

        Raises:
            ValueError: no algorithm, or one that proofs may not use.
        """
        if not algorithms or not dpop.ALGORITHMS.issuperset(algorithms):
            raise ValueError(f"algorithms of proofs are among {', '.join(sorted(dpop.ALGORITHMS))}")
        self.required = required
        self.algorithms = tuple(sorted(algorithms))
        self._allowed = frozenset(algorithms)
        self._nonces = nonces
        self._replays = replays or LocalReplays()
        self._now = now

    def prove(self, proofs: Sequence[str], *, method: str, url: str, raw_token: str) -> Proof:
        """Verifies the proof of one request; it is not spent yet.

        Raises:
            ProofRefused: a check of RFC 9449 section 4.3 failed.
            NonceNeeded: the proof is good, but has none of our nonces.
        """
        now = self._now()
        try:
            proof = dpop.verify(
                proofs, method=method, url=url, now=now, access_token=raw_token, algorithms=self._allowed
            )
        except Fault as fault:
            raise ProofRefused(fault.check) from fault
        if self._nonces is not None and (proof.nonce is None or not self._nonces.accepts(proof.nonce, now)):
            raise NonceNeeded
        return proof

    async def spend(self, proof: Proof) -> None:
        """Uses a proof up, last, so that only the bearers of good tokens are remembered.

        Raises:
            ProofRefused: it was used before.
            grantd.errors.Unavailable: nobody can remember it.
        """
        # The key is part of it: another client's proof with the same jti is no replay.
        digest = hashlib.sha256(f"{proof.jkt} {proof.jti}".encode()).digest()
        if not await self._replays.remember(digest, proof.expires, self._now()):
            raise ProofRefused("dpop:jti")

    def nonce(self) -> str | None:
        """The nonce to hand out with an answer, where nonces are used."""
        return None if self._nonces is None else self._nonces.current(self._now())
