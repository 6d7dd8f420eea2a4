"""Sign in memory: claims become a compact token, before anything is written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from grantd import jws
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.keys.own.purpose import Purpose
    from grantd_server.world import World


async def signed(world: World, issuer: str, purpose: Purpose, typ: str, claims: Mapping[str, object]) -> str:
    """Signs `claims` with the issuer's key for `purpose` (RFC 7515, compact)."""
    with key_at_hand():
        signer = world.ring.signer(issuer, purpose)
        signing_input = jws.signing_input(claims, alg=signer.alg, kid=signer.kid, typ=typ)
        return jws.compact(signing_input, await signer.sign(signing_input))


@contextmanager
def key_at_hand() -> Iterator[None]:
    """A key of ours that cannot be used now is our fault, and no verdict on the request."""
    try:
        yield
    except SignerUnavailable as unavailable:
        raise Refused(Reason.SIGNER_UNAVAILABLE, cause=str(unavailable)) from unavailable
