"""Proofs of possession on the walk (RFC 9449): one key for all of it, and the nonces of those asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grantd.dpop.prover import Prover
from grantd_server.doctor.findings import Party
from grantd_server.doctor.reading.addresses import origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.jwk import PrivateKey
    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View

OFFERED: Final = "dpop_signing_alg_values_supported"
_PREFERRED: Final = ("ES256", "EdDSA", "ES384", "ES512", "PS256", "RS256", "PS384", "RS384", "PS512", "RS512")
_CURVES: Final = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_LONGEST_NONCE: Final = 256
_REFUSALS: Final = frozenset({400, 401})
_ERRORS: Final = frozenset({"use_dpop_nonce", "invalid_dpop_proof"})


class Proofs:
    """A key that nobody else has, for one walk. `now` is the wall clock."""

    def __init__(self, algorithm: str, now: Callable[[], float]) -> None:
        self._prover = Prover(_key(algorithm), algorithm, now=now)
        self._nonces: dict[str, str] = {}
        self.algorithm = algorithm
        self.jkt = self._prover.jkt
        """What is bound to the key carries this as `cnf.jkt`."""

    def header(self, method: str, url: str, access_token: str | None = None) -> dict[str, str]:
        """The proof of one request, with the last nonce that was handed out there."""
        nonce = self._nonces.get(origin(url))
        return {"DPoP": self._prover.proof(method, url, access_token=access_token, nonce=nonce)}

    def asked_again(self, answered: Exchange) -> bool:
        """Keeps the nonce of an answer; whether the request is to be repeated with it."""
        nonce, kept = answered.header("dpop-nonce"), self._nonces.get(origin(answered.url))
        if not nonce or nonce == kept or not nonce.isascii() or len(nonce) > _LONGEST_NONCE:
            return False
        self._nonces[origin(answered.url)] = nonce
        return answered.status in _REFUSALS

    @property
    def nonces_of(self) -> tuple[str, ...]:
        """Who handed out nonces, by origin."""
        return tuple(self._nonces)


def usual(view: View) -> frozenset[Party]:
    """At whose token endpoints a proof is sent unasked: those that take proofs, where what is
    bound can be used at the next one, too. Others may refuse a proof for being one."""
    issuer, server, resource = view.issuer, view.server, view.resource
    if server is None or not server.texts(OFFERED):
        return frozenset()
    if resource is not None and resource.metadata and not _taken(resource):
        return frozenset()
    first = issuer is not None and bool(issuer.texts(OFFERED))
    return frozenset({Party.ISSUER, Party.SERVER} if first else {Party.SERVER})


def _taken(resource: ResourceSeen) -> bool:
    challenged = any(each.scheme == "dpop" for each in resource.challenges or ())
    demanded = resource.metadata.get("dpop_bound_access_tokens_required") is True
    return challenged or demanded or bool(resource.texts(OFFERED))


def demanded(answered: Exchange) -> bool:
    """Whether a refusal asks for a proof: by its error, or in words, as servers do that have
    no error of their own for a proof that is missing."""
    if answered.status not in _REFUSALS:
        return False
    members = answered.members or {}
    told = f"{members.get('error_description', '')} {answered.header('www-authenticate')}".lower()
    return members.get("error") in _ERRORS or "dpop" in told


def algorithm_of(view: View) -> str:
    """One that all parties take which name any; ES256 where there is none."""
    parties = (view.issuer, view.server, view.resource)
    lists = [taken for each in parties if each is not None and (taken := each.texts(OFFERED))]
    return next((alg for alg in _PREFERRED if lists and all(alg in taken for taken in lists)), "ES256")


def _key(algorithm: str) -> PrivateKey:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
