"""Where grantd listens and whom it calls: the sections of gRPC and HTTP."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from grantd_server.settings.section import Section
from grantd_server.settings.values import Address, CallerRole, DecisionPage, HeaderName, Network
from grantd_server.telemetry.trace_context import Trust


class MutualTls(Section):
    """TLS of the gRPC listener: both sides show a certificate."""

    certificate: Path = Field(description="Certificate chain, PEM. Read again when it changes.")
    key: Path = Field(description="Its private key, PEM; not readable by everybody.")
    client_ca: Path = Field(description="Authorities of client certificates, PEM. Use one of your own.")


class Grpc(Section):
    """The gRPC listener."""

    listen: Address = Field(default="127.0.0.1:7443", description="`host:port` or `unix:/path`.")
    tls: MutualTls | None = Field(
        default=None, description="Without it only loopback is served, and only in development."
    )
    callers: dict[str, CallerRole] = Field(
        default_factory=dict,
        description="TLS identity of a caller (`spiffe://…` or a DNS name) to its one role: `shim`, `service`, "
        "`resource_server`, `admin`, `auditor`, `observer`.",
    )
    plaintext: CallerRole | None = Field(default=None, description="Development: role of every caller without TLS.")
    reflection: bool = Field(default=False, description="Offers gRPC server reflection, for `grpcurl`.")


class ServerTls(Section):
    """TLS of the HTTP listener."""

    certificate: Path = Field(description="Certificate chain, PEM.")
    key: Path = Field(description="Its private key, PEM; not readable by everybody.")
    client_ca: Path | None = Field(
        default=None,
        description="Authorities of client certificates, PEM, for `tls_client_auth`; a client may show none.",
    )


class Http(Section):
    """The HTTP listener: OAuth endpoints, metadata, keys."""

    listen: Address = Field(default="127.0.0.1:7080", description="`host:port` or `unix:/path`.")
    tls: ServerTls | None = Field(default=None, description="Without it only loopback is served.")
    behind_proxy: bool = Field(
        default=False, description="Says that a proxy on this machine ends TLS before it gets here."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(), description="Networks of proxies whose `X-Forwarded-For` is believed."
    )
    certificate_header: HeaderName | None = Field(
        default=None,
        description="Header with the client's certificate, `client-cert` (RFC 9440) or one with a percent-encoded PEM, "
        "from a proxy that has verified it.",
    )
    certificate_proxies: tuple[Network, ...] = Field(
        default=(), description="Networks of the proxies that are believed in `certificate_header`; nobody else is."
    )
    cors: bool = Field(
        default=False, description="Lets scripts of any origin read metadata and keys, and nothing else."
    )
    error_uri: DecisionPage | None = Field(
        default=None,
        description="Your own page about refusals, such as `https://help.corp.example/grantd?decision={decision}`: "
        "refusals carry it as `error_uri` with the decision id in its place, and nothing else.",
    )
    trust_traceparent: Trust = Field(
        default=Trust.LINK, description="What a client's `traceparent` is good for: `link`, `parent` or `ignore`."
    )


class ClientTls(Section):
    """TLS towards the gRPC service."""

    certificate: Path = Field(description="Our certificate, with the identity that has the role `shim`, PEM.")
    key: Path = Field(description="Its private key, PEM; not readable by everybody.")
    ca: Path = Field(description="Authorities of the service's certificate, PEM.")
    server_name: str | None = Field(default=None, description="Name in that certificate, where the address differs.")


class HttpUpstream(Section):
    """For `grantd serve http`: where the gRPC service is."""

    address: Address | None = Field(default=None, description="`host:port` or `unix:/path` of the gRPC service.")
    tls: ClientTls | None = Field(
        default=None, description="Without it only loopback is called, and only in development."
    )
