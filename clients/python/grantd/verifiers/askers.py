"""Asks the authorization server whether a token is active: over gRPC, or over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from grantd.client.results import Introspection
from grantd.errors import Unavailable, of_http
from grantd.extras import needs

if TYPE_CHECKING:
    import httpx2

    from grantd.client.aio import AsyncClient
    from grantd.client.credentials import Credentials


class Asker(Protocol):
    """Asks the authorization server about one token."""

    async def __call__(self, token: str) -> Introspection:
        """Raises GrantdError when there is no answer."""


class RpcAsker:
    """Asks over gRPC."""

    def __init__(self, client: AsyncClient, *, issuer: str, credentials: Credentials) -> None:
        self._client = client
        self._issuer = issuer
        self._credentials = credentials

    async def __call__(self, token: str) -> Introspection:
        return await self._client.introspect_token(issuer=self._issuer, credentials=self._credentials, token=token)


class HttpAsker:
    """Asks the introspection endpoint (RFC 7662) as a client with a secret."""

    def __init__(
        self, endpoint: str, *, client_id: str, client_secret: str, client: httpx2.AsyncClient | None = None
    ) -> None:
        with needs("verify"):
            from grantd import http  # noqa: PLC0415 - a verifier that asks over gRPC needs no HTTP client
        self._endpoint = http.check_url(endpoint)
        self._headers = {"authorization": http.basic(client_id, client_secret)}
        self._http = client or http.client()
        self._send = http.send

    async def __call__(self, token: str) -> Introspection:
        request = self._http.build_request("POST", self._endpoint, data={"token": token}, headers=self._headers)
        status, headers, body = await self._send(self._http, request)
        if status != 200:
            raise of_http(status, headers, body)
        if body is None or not isinstance(body.get("active"), bool):
            raise Unavailable(f"HTTP {status}", description="the introspection endpoint sent no answer of RFC 7662")
        return _read(body) if body["active"] else Introspection(active=False)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()


def _read(body: dict[str, Any]) -> Introspection:
    """Reads an active answer; a member of the wrong kind counts as absent."""

    def text(name: str) -> str | None:
        value = body.get(name)
        return value if isinstance(value, str) and value else None

    def seconds(name: str) -> int | None:
        value = body.get(name)
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def texts(name: str) -> tuple[str, ...]:
        value = body.get(name)
        listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return tuple(item for item in listed if isinstance(item, str))

    return Introspection(
        active=True,
        scope=tuple((text("scope") or "").split()),
        client_id=text("client_id"),
        exp=seconds("exp"),
        iat=seconds("iat"),
        nbf=seconds("nbf"),
        sub=text("sub"),
        aud=texts("aud"),
        iss=text("iss"),
        jti=text("jti"),
        token_type=text("token_type"),
        bound="cnf" in body,
        jkt=_only_jkt(body.get("cnf")),
        acr=text("acr"),
        auth_time=seconds("auth_time"),
        amr=texts("amr"),
    )


def _only_jkt(cnf: object) -> str | None:
    jkt = cnf.get("jkt") if isinstance(cnf, dict) and len(cnf) == 1 else None
    return jkt if isinstance(jkt, str) else None
