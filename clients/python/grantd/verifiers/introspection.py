"""Verifies access tokens by asking the authorization server, over gRPC or HTTP.

Sees revocation within the life of a cached answer: 60 seconds at most, and never past
the token's own expiry (C-27).
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from grantd.verifiers.askers import Asker, HttpAsker, RpcAsker
from grantd.verifiers.binding import check_binding
from grantd.verifiers.cache import Cache
from grantd.verifiers.tokens import LONGEST_TOKEN, TokenRefused, VerifiedToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.client.results import Introspection

__all__ = ["Asker", "HttpAsker", "IntrospectionVerifier", "RpcAsker"]

LONGEST_LIFE = 60.0


class IntrospectionVerifier:
    """Accepts what the authorization server calls active, for this resource."""

    def __init__(
        self,
        ask: Asker,
        *,
        issuer: str,
        resource: str,
        life: float = LONGEST_LIFE,
        negative_life: float = 5.0,
        size: int = 4096,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`life` and `negative_life` are seconds that answers are kept; 0 keeps none.

        Raises:
            ValueError: a life beyond 60 seconds, or a negative answer kept longer.
        """
        if not 0 <= negative_life <= life <= LONGEST_LIFE:
            raise ValueError(f"0 <= negative_life <= life <= {LONGEST_LIFE}")
        self.issuer = issuer
        self.resource = resource
        self._ask = ask
        self._life, self._negative_life = life, negative_life
        self._now = now
        self._good: Cache[VerifiedToken] = Cache(size, monotonic)
        # Apart from the good ones, so that made-up tokens push out none of them.
        self._bad: Cache[str] = Cache(size, monotonic)

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        """Asks, or remembers what was answered. Who shows the token is judged each time.

        Raises:
            TokenRefused: not active, or not for this resource.
            grantd.errors.GrantdError: no answer. Nothing is remembered.
        """
        verified = await self._verified(raw_token)
        check_binding({} if verified.jkt is None else {"cnf": {"jkt": verified.jkt}}, jkt)
        return verified

    async def _verified(self, raw_token: str) -> VerifiedToken:
        if len(raw_token) > LONGEST_TOKEN:
            raise TokenRefused("length")
        digest = hashlib.sha256(raw_token.encode("utf-8", "replace")).digest()
        known = self._good.get(digest)
        if known is not None and self._now() < known.expires_at:
            return known
        if known is None and (check := self._bad.get(digest)) is not None:
            raise TokenRefused(check)
        answer = await self._ask(raw_token)
        try:
            verified = self._read(answer)
        except TokenRefused as refused:
            self._good.drop(digest)
            self._bad.put(digest, refused.check, self._negative_life)
            raise
        self._good.put(digest, verified, min(self._life, verified.expires_at - self._now()))
        return verified

    def _read(self, answer: Introspection) -> VerifiedToken:
        """Checks what the answer says: an endpoint that serves several issuers or
        resources may call a token active that is not for us."""
        if not answer.active:
            raise TokenRefused("active")
        if answer.iss != self.issuer:
            raise TokenRefused("claim:iss")
        if self.resource not in answer.aud:
            raise TokenRefused("claim:aud")
        if answer.exp is None or answer.exp <= self._now():
            raise TokenRefused("claim:exp")
        # A binding that nobody here can check, such as to a certificate.
        if answer.bound and answer.jkt is None:
            raise TokenRefused("claim:cnf")
        if not answer.sub or not answer.client_id:
            raise TokenRefused("claim:sub")
        return VerifiedToken(
            issuer=self.issuer,
            subject=answer.sub,
            client_id=answer.client_id,
            scopes=frozenset(answer.scope),
            resource=self.resource,
            expires_at=answer.exp,
            token_id=answer.jti,
            acr=answer.acr,
            amr=answer.amr,
            auth_time=answer.auth_time,
            jkt=answer.jkt,
            claims={"iss": answer.iss, "sub": answer.sub, "aud": list(answer.aud), "jti": answer.jti},
        )
