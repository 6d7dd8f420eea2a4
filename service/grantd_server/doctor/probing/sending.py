"""Sends the requests of a walk: authenticated, and with a proof of possession once one is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.doctor.probing.proofs import Proofs, algorithm_of, demanded, usual
from grantd_server.doctor.reading.exchanges import form, message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.doctor.probing.credentials import Credential
    from grantd_server.doctor.reading.exchanges import Asker, Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View


class Sender:
    """Asks on behalf of one probing client, whose key stays the same from leg to leg."""

    def __init__(self, asker: Asker, view: View) -> None:
        self._asker = asker
        self._algorithm, self._usual = algorithm_of(view), usual(view)
        self.proofs: Proofs | None = None
        """From the first request on that had one."""

    async def ask(
        self, issuer: IssuerSeen, endpoint: str, credential: Credential, fields: Mapping[str, str]
    ) -> Exchange:
        """One request to an endpoint where the client authenticates."""
        url = issuer.address(endpoint)
        if endpoint != "token_endpoint":
            return await self._asker.post(url, *self._form(issuer, credential, fields))
        if self.proofs is None and issuer.party in self._usual:
            self.proofs = Proofs(self._algorithm, self._asker.now)
        answered = await self._at_token_endpoint(url, issuer, credential, fields)
        if self.proofs is None and demanded(answered):
            self.proofs = Proofs(self._algorithm, self._asker.now)
            self.proofs.asked_again(answered)
            answered = await self._at_token_endpoint(url, issuer, credential, fields)
        if self.proofs is not None and self.proofs.asked_again(answered):
            answered = await self._at_token_endpoint(url, issuer, credential, fields)
        return answered

    async def call(self, url: str, token: str, *, scheme: str, method: str, params: Mapping[str, object]) -> Exchange:
        """A message to an MCP server, with a token and its proof where it is bound to a key."""
        headers, body = message(method, **params)
        answered = await self._asker.post(url, {**headers, **self._token("POST", url, token, scheme)}, body)
        if scheme == "DPoP" and self.proofs is not None and self.proofs.asked_again(answered):
            answered = await self._asker.post(url, {**headers, **self._token("POST", url, token, scheme)}, body)
        return answered

    async def end(self, url: str, token: str, *, scheme: str, session: str) -> None:
        """Ends a session at an MCP server."""
        headers = {**self._token("DELETE", url, token, scheme), "Mcp-Session-Id": session}
        await self._asker.delete(url, headers)

    async def _at_token_endpoint(
        self, url: str, issuer: IssuerSeen, credential: Credential, fields: Mapping[str, str]
    ) -> Exchange:
        headers, body = self._form(issuer, credential, fields)
        proof = {} if self.proofs is None else self.proofs.header("POST", url)
        return await self._asker.post(url, {**headers, **proof}, body)

    def _form(
        self, issuer: IssuerSeen, credential: Credential, fields: Mapping[str, str]
    ) -> tuple[dict[str, str], bytes]:
        """Made anew for each request: no client assertion is good twice."""
        authorization, more = credential.proof(issuer.identifier, issuer.methods, self._asker.now())
        headers, body = form(**fields, **more)
        return {**headers, **authorization}, body

    def _token(self, method: str, url: str, token: str, scheme: str) -> dict[str, str]:
        proof = self.proofs.header(method, url, token) if scheme == "DPoP" and self.proofs is not None else {}
        return {"Authorization": f"{scheme} {token}", **proof}
