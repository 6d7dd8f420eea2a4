"""How the probing client authenticates at a token endpoint."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from grantd import jws
from grantd_server.checks import CLIENT_ASSERTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd.jwk import PrivateKey

_SECONDS = 60
"""How long a client assertion is good for."""


class Credential(Protocol):
    """One way to authenticate."""

    def proof(self, issuer: str, methods: Collection[str], now: float) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form fields for one request to `issuer`, which takes `methods`."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A client id and its secret, sent as Basic where that is taken, and in the form elsewhere."""

    client_id: str
    secret: str = field(repr=False)

    def proof(self, issuer: str, methods: Collection[str], now: float) -> tuple[dict[str, str], dict[str, str]]:  # noqa: ARG002 - one shape for all
        if "client_secret_basic" in methods or "client_secret_post" not in methods:
            # Both halves are form-encoded first (RFC 6749 section 2.3.1).
            pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
        return {}, {"client_id": self.client_id, "client_secret": self.secret}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A client id and the private key that signs its assertions."""

    client_id: str
    kid: str
    algorithm: str
    key: PrivateKey = field(repr=False)

    def proof(self, issuer: str, methods: Collection[str], now: float) -> tuple[dict[str, str], dict[str, str]]:  # noqa: ARG002 - one shape for all
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "jti": token_urlsafe(16),
            "iat": int(now),
            "exp": int(now) + _SECONDS,
        }
        data = jws.signing_input(claims, alg=self.algorithm, kid=self.kid, typ="client-authentication+jwt")
        assertion = jws.compact(data, jws.sign_with(self.key, self.algorithm, data))
        return {}, {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
