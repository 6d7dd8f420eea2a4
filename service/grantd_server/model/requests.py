"""What the RPC edge makes of a message: validated, frozen values.

`None` is absent (F-47); an empty value counts as absent (F-05), so none is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
class Secret:
    """Bytes that must never be shown: no str, no repr, no format, no pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; call it only where it is checked."""
        return self._value

    def __repr__(self) -> str:
        return "Secret()"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret()"

    def __reduce__(self) -> str:
        msg = "a secret is not pickled"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class SecretProof:
    """`client_secret_basic` or `client_secret_post`."""

    method: str
    secret: Secret
    raw_client_id: str | None = None
    raw_secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class AssertionProof:
    """`private_key_jwt`."""

    type: str
    assertion: Secret


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """`tls_client_auth`: the observed certificate, as DER."""

    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class PeerProof:
    """The gRPC peer itself."""


Proof = SecretProof | AssertionProof | CertificateProof | PeerProof


@dataclass(frozen=True, slots=True)
class ClientProof:
    """The client as named, and its proof; no proof is `invalid_client`."""

    client_id: str | None
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the shim saw. Only the shim may state it."""

    address: str | None = None
    certificate: bytes | None = None
    dpop_proofs: tuple[Secret, ...] = ()
    http_method: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A token exchange request."""

    issuer: str
    client: ClientProof
    observed: Observed
    requested_token_type: str | None
    audience: tuple[str, ...]
    resource: tuple[str, ...]
    scope: str | None
    authorization_details: str | None
    subject_token: Secret | None
    subject_token_type: str | None
    actor_token: Secret | None
    actor_token_type: str | None


@dataclass(frozen=True, slots=True)
class Redeem:
    """A JWT bearer grant request."""

    issuer: str
    client: ClientProof
    observed: Observed
    grant_type: str
    assertion: Secret | None
    scope: str | None
    resource: tuple[str, ...]
    authorization_details: str | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh request."""

    issuer: str
    client: ClientProof
    observed: Observed
    refresh_token: Secret | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Introspect:
    """One introspection; `full` reads the database first."""

    issuer: str
    client: ClientProof
    observed: Observed
    tokens: tuple[Secret, ...]
    full: bool


@dataclass(frozen=True, slots=True)
class Revoke:
    """A revocation request."""

    issuer: str
    client: ClientProof
    observed: Observed
    token: Secret | None
