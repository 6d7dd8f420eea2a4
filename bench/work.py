"""Bodies of requests, made before the clock runs."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final
from urllib.parse import urlencode

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret

SERVICE: Final = "/grantd.v1.AuthorizationService/"
BATCH: Final = 64
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REDEEM = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def client(client_id: str, secret: str) -> ClientAuthentication:
    return ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))


def exchange_fields() -> dict[str, str]:
    return {
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "audience": org.SERVER,
        "resource": org.TICKETS,
        "scope": "tickets:read",
        "subject_token": org.id_token(int(time.time())),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }


class Work:
    """Bodies of requests, made before the clock runs."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.tokens: list[str] = []

    def noop(self) -> list[bytes]:
        return [bytes(1002)] * self.calls

    def exchange(self) -> list[bytes]:
        fields: dict[str, Any] = exchange_fields()
        fields |= {"audience": [fields["audience"]], "resource": [fields["resource"]]}
        request = pb.ExchangeIdentityRequest(issuer=org.GRANTS, client=client("desk-agent", org.DESK_SECRET), **fields)
        return [request.SerializeToString()] * self.calls

    def redeem(self) -> list[bytes]:
        desk = client("cli_desk", org.TOOLS_SECRET)
        return [
            pb.RedeemGrantRequest(issuer=org.SERVER, client=desk, assertion=grant).SerializeToString()
            for grant in self._grants()
        ]

    def introspect(self, *, fresh: bool) -> list[bytes]:
        asker = client("rs-tickets", org.RS_SECRET)
        return [
            pb.IntrospectTokenRequest(issuer=org.SERVER, client=asker, token=token).SerializeToString()
            for token in self._some(fresh)
        ]

    def batches(self, *, fresh: bool) -> list[bytes]:
        asker, tokens = client("rs-tickets", org.RS_SECRET), self._some(fresh)
        return [
            pb.IntrospectTokensRequest(
                issuer=org.SERVER, client=asker, tokens=tokens[start : start + BATCH]
            ).SerializeToString()
            for start in range(0, len(tokens) - BATCH + 1, BATCH)
        ]

    def exchange_forms(self) -> list[bytes]:
        form = {"grant_type": EXCHANGE, "client_id": "desk-agent", "client_secret": org.DESK_SECRET}
        return [urlencode(form | exchange_fields()).encode()] * self.calls

    def redeem_forms(self) -> list[bytes]:
        form = {"grant_type": REDEEM, "client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
        return [urlencode(form | {"assertion": grant}).encode() for grant in self._grants()]

    def introspect_forms(self) -> list[bytes]:
        form = {"client_id": "rs-tickets", "client_secret": org.RS_SECRET}
        return [urlencode(form | {"token": token}).encode() for token in self._some(fresh=False)]

    def _grants(self) -> list[str]:
        now = int(time.time())
        return [org.partner_grant(now, jti=secrets.token_hex(8)) for _ in range(self.calls)]

    def _some(self, fresh: bool) -> list[str]:
        """Tokens just issued and never seen by introspection, or ten that are known."""
        return self.tokens[-self.calls :] if fresh else self.tokens[:10] * (self.calls // 10)


def check(honest: bool) -> None:
    if not honest:
        raise RuntimeError("an answer was not the honest one; nothing was measured")
