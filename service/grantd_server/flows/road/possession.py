"""Who holds which key: the DPoP proof of a token request, and what it is checked against
(RFC 9449 sections 4.3, 5 and 8). A refused call uses its proof up all the same."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd import dpop
from grantd.dpop.nonce import Nonces
from grantd.jws import Fault
from grantd_server.checks import digest, token_endpoint
from grantd_server.flows.tokens.signing import key_at_hand
from grantd_server.keys.own.purpose import Purpose
from grantd_server.refusals import Reason, Refused
from grantd_server.store import Mark, Space

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.grants.grant import Grant
    from grantd_server.model.bundle.governed import AuthorizationServer, GrantIssuer
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Secret
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Possession:
    """A key whose holder sent the request."""

    jkt: str
    nonce: str | None = None
    """For the next proof; None where this issuer wants none."""


def read_possession(
    world: World,
    record: Record,
    proofs: tuple[Secret, ...],
    party: GrantIssuer | AuthorizationServer,
    client: Registration,
) -> Possession | None:
    """Verifies the proof of a request to the token endpoint of `party`, or refuses. None
    where there is none and nobody demands one."""
    policy = party.dpop
    if policy is None:
        if proofs:
            raise record.refuse("request.dpop", Reason.PROOF_UNSUPPORTED, "no DPoP header", "one")
        return None
    if not proofs:
        demanding = party.name if policy.required else client.client if client.dpop_bound else ""
        expected = f"a DPoP proof, as {demanding} demands" if demanding else "none, as nobody demands one"
        record.require("dpop.demanded", not demanding, Reason.PROOF_MISSING, expected, "no DPoP header")
        return None
    proof = _verified(world, record, proofs, party.issuer)
    nonce = _next_nonce(world, record, party.issuer, proof.nonce) if policy.nonces else None
    record.marks.append(
        Mark(
            space=Space.DPOP,
            issuer=f"{party.issuer} {proof.jkt}",
            digest=digest(proof.jti),
            until=int(proof.iat) + dpop.MAX_AGE + 2 * world.skew + 1,
        )
    )
    return Possession(proof.jkt, nonce)


def check_bound(record: Record, grant: Grant, possession: Possession | None) -> None:
    """B-23, G-36: a grant that is bound to a key is redeemed by its holder and nobody else."""
    if grant.jkt is None:
        return
    bound = f"a proof by {grant.jkt}"
    record.require("assertion.proof", possession is not None, Reason.PROOF_MISSING, bound, otherwise="no DPoP header")
    held = "" if possession is None else possession.jkt
    record.require("assertion.cnf", held == grant.jkt, Reason.PROOF_KEY_MISMATCH, bound, held)


def confirmation(possession: Possession | None) -> dict[str, object]:
    """The `cnf` claim of what is issued to the holder of a key (RFC 9449 section 6.1)."""
    return {} if possession is None else {"cnf": {"jkt": possession.jkt}}


def _verified(world: World, record: Record, proofs: tuple[Secret, ...], issuer: str) -> dpop.Proof:
    url = token_endpoint(issuer)
    try:
        proof = dpop.verify(
            [proof.reveal() for proof in proofs], method="POST", url=url, now=world.clock(), skew=world.skew
        )
    except Fault as fault:
        check = fault.check.removeprefix("dpop:")
        raise record.refuse(f"dpop.{check}", Reason.PROOF_INVALID, fault.expected, fault.got) from None
    record.noted("dpop.proof", url, f"key {proof.jkt}")
    return proof


def _next_nonce(world: World, record: Record, issuer: str, nonce: str | None) -> str:
    """Refuses a proof without a nonce of ours; returns the one for the next proof."""
    with key_at_hand():
        secret = world.ring.secret(Purpose.DPOP_NONCE).secret
    nonces = Nonces(base64.urlsafe_b64decode(secret.reveal() + "=="), issuer)
    now = world.clock()
    if nonce is None or not nonces.accepts(nonce, now):
        found = "none" if nonce is None else "one that is not ours or too old"
        record.failed("dpop.nonce", "a nonce of ours", found)
        raise Refused(Reason.PROOF_NONCE, challenge={"dpop_nonce": nonces.current(now)})
    return nonces.current(now)
