"""Verifies access tokens by the issuer's keys, without asking the issuer (RFC 9068
section 4). Revocation is not seen before the token expires; `grantd.resource_server.introspect` sees it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from grantd import claims
from grantd.extras import needs
from grantd.resource_server.tokens import LONGEST_TOKEN, TokenRefused, VerifiedToken
from grantd.strict import Fault

with needs("verify"):
    from grantd import jws
    from grantd.resource_server.remote_keys import RemoteKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import httpx2

_LONGEST_SCOPE = 4096


class AccessTokenVerifier:
    """Accepts access tokens of one issuer for one resource, and nothing else.

    An ID-JAG, an ID token or a client assertion fails at `typ`, whoever signed it, and
    a token for another resource at `aud` (C-12, C-13).
    """

    def __init__(
        self,
        *,
        issuer: str,
        resource: str,
        algorithms: Collection[str] = ("ES256",),
        jwks_uri: str | None = None,
        client: httpx2.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`issuer` and `resource` are compared byte for byte; without `jwks_uri` it is
        read from the issuer's metadata. Raises ValueError on an address that is neither
        https nor loopback, and on an empty list of algorithms."""
        if not algorithms or not resource:
            raise ValueError("an algorithm and a resource are required")
        self.issuer = issuer
        self.resource = resource
        self._algorithms = frozenset(algorithms)
        self._keys = RemoteKeys(issuer, algorithms=self._algorithms, jwks_uri=jwks_uri, client=client)
        self._now = now

    async def verify(self, raw_token: str) -> VerifiedToken:
        """Checks kind, signature, issuer, audience, time and form, in this order.

        Raises:
            TokenRefused: a check failed.
            grantd.errors.Unavailable: the issuer's keys cannot be had.
        """
        try:
            parsed = jws.read(raw_token, limit=LONGEST_TOKEN)
            keys = await self._keys.keyset(parsed.header.kid)
            verified = jws.verify(parsed, keys, self._algorithms, jws.ACCESS_TOKEN)
            return self._read(verified)
        except Fault as fault:
            raise TokenRefused(fault.check) from fault

    async def close(self) -> None:
        """Closes the connections to the issuer."""
        await self._keys.close()

    def _read(self, verified: jws.Claims) -> VerifiedToken:
        claims.exactly(verified, "iss", self.issuer)
        if self.resource not in claims.audiences(verified):
            raise Fault("claim:aud", "our own resource identifier", "others")
        times = claims.check_times(verified, self._now())
        # A bound token shown as Bearer proves nothing about its bearer; this verifier
        # checks no binding, so it refuses what is bound (C-14; RFC 9449 section 7.2).
        if "cnf" in verified:
            raise Fault("claim:cnf", "no binding", "a binding")
        scope = claims.text(verified, "scope", _LONGEST_SCOPE) if verified.get("scope") else ""
        auth_time = claims.optional_date(verified, "auth_time")
        return VerifiedToken(
            issuer=self.issuer,
            subject=claims.text(verified, "sub"),
            client_id=claims.text(verified, "client_id", _LONGEST_SCOPE),
            scopes=frozenset(scope.split()),
            resource=self.resource,
            expires_at=int(times.exp),
            token_id=claims.text(verified, "jti"),
            acr=claims.optional_text(verified, "acr"),
            amr=claims.optional_text_list(verified, "amr") or (),
            auth_time=None if auth_time is None else int(auth_time),
            claims=verified,
        )
