"""Verifies access tokens by the issuer's keys, without asking the issuer (RFC 9068
section 4). Revocation is not seen before the token expires, an hour at most;
`grantd.verifiers.introspection` sees it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from grantd import claims
from grantd.extras import needs
from grantd.strict import Fault
from grantd.verifiers.binding import check_binding
from grantd.verifiers.form import LONGEST_SCOPE, TokenForm
from grantd.verifiers.tokens import LONGEST_TOKEN, TokenRefused, VerifiedToken

with needs("verify"):
    from grantd import jws
    from grantd.verifiers.remote_keys import RemoteKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import httpx2

_OURS = TokenForm()
_TYPES = {"at+jwt": jws.ACCESS_TOKEN, "JWT": jws.Typ("access token", frozenset({"jwt", "at+jwt"}))}


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
        audience: str | None = None,
        algorithms: Collection[str] = ("ES256",),
        jwks_uri: str | None = None,
        form: TokenForm = _OURS,
        client: httpx2.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`issuer` and `resource` are compared byte for byte; without `jwks_uri` it is
        read from the issuer's metadata. A provider that is not grantd has a `form` of its
        own, and may call the resource by another `audience`.

        Raises:
            ValueError: an address that is neither https nor loopback, or no algorithm.
        """
        if not algorithms or not resource:
            raise ValueError("an algorithm and a resource are required")
        self.issuer = issuer
        self.resource = resource
        self._audience = audience or resource
        self._form = form
        self._typ = _TYPES[form.typ]
        self._algorithms = frozenset(algorithms)
        self._keys = RemoteKeys(issuer, algorithms=self._algorithms, jwks_uri=jwks_uri, client=client)
        self._now = now

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        """Checks kind, signature, issuer, audience, time, binding and form, in this order.

        Raises:
            TokenRefused: a check failed.
            grantd.errors.Unavailable: the issuer's keys cannot be had.
        """
        try:
            parsed = jws.read(raw_token, limit=LONGEST_TOKEN)
            keys = await self._keys.keyset(parsed.header.kid)
            verified = jws.verify(parsed, keys, self._algorithms, self._typ)
            return self._read(verified, jkt)
        except Fault as fault:
            raise TokenRefused(fault.check) from fault

    async def close(self) -> None:
        """Closes the connections to the issuer."""
        await self._keys.close()

    def _read(self, verified: jws.Claims, jkt: str | None) -> VerifiedToken:
        claims.exactly(verified, "iss", self.issuer)
        if self._audience not in claims.audiences(verified):
            raise Fault("claim:aud", "our own resource identifier", "others")
        form = self._form
        times = form.check(verified, self._now())
        check_binding(verified, jkt)
        auth_time = claims.optional_date(verified, "auth_time")
        return VerifiedToken(
            issuer=self.issuer,
            subject=claims.text(verified, "sub"),
            client_id=claims.text(verified, form.client_claim, LONGEST_SCOPE),
            scopes=form.scopes(verified),
            resource=self.resource,
            expires_at=int(times.exp),
            token_id=(claims.text if form.is_id_required else claims.optional_text)(verified, "jti"),
            acr=claims.optional_text(verified, "acr"),
            amr=claims.optional_text_list(verified, "amr") or (),
            auth_time=None if auth_time is None else int(auth_time),
            jkt=jkt,
            claims=verified,
        )
