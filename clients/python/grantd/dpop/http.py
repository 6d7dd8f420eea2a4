"""DPoP for any httpx2 client: a proof with each request, and again with the nonce that the
server hands out.

    auth = DpopAuth(Prover.generate())
    answer = await http.post(token_endpoint, data=form, auth=auth)
    answer = await http.get(mcp_server, auth=auth.with_token(answer.json()["access_token"]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.extras import needs

with needs("verify"):
    import httpx2

if TYPE_CHECKING:
    from collections.abc import Generator

    from grantd.dpop.prover import Prover

_ASKS_AGAIN = frozenset({400, 401})
"""How a token endpoint and a resource server say `use_dpop_nonce` (RFC 9449 sections 8 and 9)."""


class DpopAuth(httpx2.Auth):
    """Proofs by one key; keeps the last nonce of each endpoint."""

    def __init__(self, prover: Prover, *, access_token: str | None = None) -> None:
        self._prover = prover
        self._access_token = access_token
        self._nonces: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"DpopAuth({self._prover!r})"

    def with_token(self, access_token: str) -> DpopAuth:
        """The same key for calls with a token that is bound to it."""
        return DpopAuth(self._prover, access_token=access_token)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sends a request, and once more where the server wants its nonce in the proof."""
        endpoint = str(request.url).partition("?")[0]
        sent = self._nonces.get(endpoint)
        answer = yield self._proven(request, endpoint, sent)
        nonce = answer.headers.get("dpop-nonce")
        if nonce is None:
            return
        self._nonces[endpoint] = nonce
        if nonce != sent and answer.status_code in _ASKS_AGAIN:
            yield self._proven(request, endpoint, nonce)

    def _proven(self, request: httpx2.Request, endpoint: str, nonce: str | None) -> httpx2.Request:
        proof = self._prover.proof(request.method, endpoint, access_token=self._access_token, nonce=nonce)
        request.headers["dpop"] = proof
        if self._access_token is not None:
            request.headers["authorization"] = f"DPoP {self._access_token}"
        return request
