"""How a caller proves which OAuth client it speaks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from grantd.v1 import client_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""


class Credentials(Protocol):
    """One way of client authentication. It is asked for a proof before each attempt."""

    def proof(self) -> client_pb2.ClientAuthentication:
        """The proof for one attempt of one call."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client id and the secret that it has at the issuer that is asked."""

    client_id: str
    secret: str = field(repr=False)

    def proof(self) -> client_pb2.ClientAuthentication:
        secret = client_pb2.ClientSecret(secret=self.secret, method=client_pb2.CLIENT_SECRET_METHOD_POST)
        return client_pb2.ClientAuthentication(client_id=self.client_id, secret=secret)


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """`private_key_jwt`: `sign` makes a fresh assertion each time, as each is used once."""

    sign: Callable[[], str] = field(repr=False)

    def proof(self) -> client_pb2.ClientAuthentication:
        assertion = client_pb2.ClientAssertion(type=CLIENT_ASSERTION_TYPE, assertion=self.sign())
        return client_pb2.ClientAuthentication(assertion=assertion)


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """The TLS identity of this process is registered for the client."""

    client_id: str | None = None

    def proof(self) -> client_pb2.ClientAuthentication:
        return client_pb2.ClientAuthentication(client_id=self.client_id, peer=client_pb2.PeerIdentity())
