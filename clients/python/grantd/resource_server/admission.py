"""Decides about one request: whose token it carries, by which proof, and whether that is
enough. Each "no" is a `Refusal` with the challenges of RFC 6750, 9449 and 9470.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from grantd.errors import GrantdError
from grantd.resource_server.authorization import MalformedAuthorization, read_authorization, read_proofs
from grantd.resource_server.challenge import challenge
from grantd.resource_server.refusal import Refusal
from grantd.resource_server.requirement import Requirement
from grantd.verifiers.tokens import NonceNeeded, ProofRefused, TokenRefused, VerifiedToken, with_implied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from grantd.resource_server.authorization import Presented, Scheme
    from grantd.resource_server.possession import Possession
    from grantd.resource_server.protected_resource import ProtectedResource
    from grantd.verifiers.tokens import Verifier

    Scope = MutableMapping[str, Any]

_NOTHING = Requirement()


class Admission:
    """The checks of one protected resource."""

    def __init__(
        self,
        verifier: Verifier,
        resource: ProtectedResource,
        *,
        possession: Possession | None = None,
        asking: Verifier | None = None,
        implied: Mapping[str, frozenset[str]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`possession` turns DPoP on; `asking` verifies where a requirement says `fresh`;
        `implied` says which scopes a broader one contains (H-10)."""
        self._verifier = verifier
        self._resource = resource
        self._possession = possession
        self._asking = asking
        self._implied = implied or {}
        self._now = now

    async def admit(self, scope: Scope, required: Requirement = _NOTHING) -> VerifiedToken:
        """The token of a request, if it is good and enough.

        Raises:
            Refusal: it is not, or nobody could tell.
        """
        presented = self._presented(scope, required)
        try:
            token = await self._verified(scope, presented)
        except TokenRefused as refused:
            raise self._refusal(401, "invalid_token", presented.scheme, refused.check) from None
        except ProofRefused as refused:
            raise self._refusal(401, "invalid_dpop_proof", presented.scheme, refused.check) from None
        except NonceNeeded:
            raise self._refusal(401, "use_dpop_nonce", presented.scheme) from None
        except GrantdError as fault:
            raise _unavailable(fault) from None
        await self.suffice(scope, token, required)
        return token

    async def suffice(self, scope: Scope, token: VerifiedToken, required: Requirement) -> None:
        """Whether an admitted token is enough for an operation, too.

        Raises:
            Refusal: it is not, or nobody could tell.
        """
        if not with_implied(token.scopes, self._implied).issuperset(required.scopes):
            # All that the operation needs, in one challenge and not one at a time (H-09).
            raise self._insufficient(403, "insufficient_scope", token, required)
        if not required.is_signed_in_well(token, self._now()):
            raise self._insufficient(401, "insufficient_user_authentication", token, required)
        if required.fresh:
            await self._ask(scope, token, required)

    def _presented(self, scope: Scope, required: Requirement) -> Presented:
        try:
            presented = read_authorization(scope["headers"])
        except MalformedAuthorization:
            raise self._refusal(400, "invalid_request", "Bearer") from None
        if presented is None or (presented.scheme == "DPoP" and self._possession is None):
            # No `error`: nothing was wrong with credentials that were not sent (H-07).
            raise self._refusal(401, None, None, required=required)
        if presented.scheme == "Bearer" and self._possession is not None and self._possession.required:
            raise self._refusal(401, "invalid_token", "DPoP", "scheme")
        return presented

    async def _verified(self, scope: Scope, presented: Presented) -> VerifiedToken:
        if presented.scheme == "Bearer" or self._possession is None:
            return await self._verifier.verify(presented.raw_token)
        proof = self._possession.prove(
            read_proofs(scope["headers"]),
            method=scope.get("method", "GET"),  # a websocket begins as one
            url=self._resource.origin + _path(scope),
            raw_token=presented.raw_token,
        )
        token = await self._verifier.verify(presented.raw_token, jkt=proof.jkt)
        await self._possession.spend(proof)
        return token

    async def _ask(self, scope: Scope, token: VerifiedToken, required: Requirement) -> None:
        presented = self._presented(scope, required)
        if self._asking is None:
            raise ValueError("a requirement is fresh and nobody is there to ask")
        try:
            await self._asking.verify(presented.raw_token, jkt=token.jkt)
        except TokenRefused as refused:
            raise self._refusal(401, "invalid_token", presented.scheme, refused.check) from None
        except GrantdError as fault:
            raise _unavailable(fault) from None

    def _insufficient(self, status: int, error: str, token: VerifiedToken, required: Requirement) -> Refusal:
        return self._refusal(status, error, "Bearer" if token.jkt is None else "DPoP", required=required)

    def _refusal(
        self, status: int, error: str | None, used: Scheme | None, check: str = "", required: Requirement = _NOTHING
    ) -> Refusal:
        """The scheme that was used is told what is wrong; the others only that they exist."""
        possession = self._possession
        about = {"error": error, **_wanted(required), "resource_metadata": self._resource.metadata_url}
        challenges = []
        if possession is None or not possession.required:
            challenges.append(challenge("Bearer", **(about if used in {None, "Bearer"} else {})))
        nonce = None
        if possession is not None:
            algs = " ".join(possession.algorithms)
            is_told = used == "DPoP" or (used is None and possession.required)
            challenges.append(challenge("DPoP", **(about if is_told else {}), algs=algs))
            nonce = possession.nonce()
        return Refusal(status, error, check=check, challenges=tuple(challenges), nonce=nonce)


def _unavailable(fault: GrantdError) -> Refusal:
    """Nobody could tell. A challenge would send the client to sign in again."""
    return Refusal(503, "temporarily_unavailable", check=str(fault))


def _wanted(required: Requirement) -> dict[str, str | None]:
    return {
        "scope": " ".join(dict.fromkeys(required.scopes)) or None,
        "acr_values": " ".join(required.acr_values) or None,
        "max_age": None if required.max_age is None else str(required.max_age),
    }


def _path(scope: Scope) -> str:
    """The path as it was sent: what the proof was made for (RFC 9449 section 4.2)."""
    raw_path = scope.get("raw_path")
    return raw_path.decode("latin-1").partition("?")[0] if raw_path else quote(scope["path"])
