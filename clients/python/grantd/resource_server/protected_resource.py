"""What a resource server says about itself (RFC 9728), and where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """A protected resource: its identifier, who authorizes for it, and its scopes."""

    resource: str
    """The URL that clients call, in its one canonical spelling."""
    authorization_servers: tuple[str, ...]
    """Issuer identifiers, byte for byte as those servers publish them (H-04)."""
    scopes_supported: tuple[str, ...] = ()
    resource_name: str | None = None
    resource_documentation: str | None = None
    """A page for developers."""
    dpop_signing_alg_values_supported: tuple[str, ...] = ()
    """Set by `ResourceServer` from what it really verifies."""
    dpop_bound_access_tokens_required: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.resource)
        if parts.scheme not in _DEFAULT_PORTS or not parts.netloc or parts.fragment:
            raise ValueError(f"the resource is no absolute URL without fragment: {self.resource!r}")
        # A bare origin may end with its slash, as Python's servers publish it.
        if canonical(self.resource) not in {self.resource, self.resource.removesuffix("/")}:
            raise ValueError(f"scheme and host of the resource must be lower case: {canonical(self.resource)!r}")
        if not self.authorization_servers:
            raise ValueError("at least one authorization server is required")
        # A resource server has no use for a client's refresh tokens (H-06).
        if "offline_access" in self.scopes_supported:
            raise ValueError("offline_access is no scope of a resource")

    @property
    def origin(self) -> str:
        """Scheme and host, which every URL of this server begins with."""
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def metadata_path(self) -> str:
        """The path of the document: the well-known part goes before the resource's own."""
        return WELL_KNOWN + urlsplit(self.resource).path.rstrip("/")

    @property
    def metadata_url(self) -> str:
        """The URL of the document. A query of the resource stays (RFC 9728 section 3.1)."""
        parts = urlsplit(self.resource)
        return urlunsplit((parts.scheme, parts.netloc, self.metadata_path, parts.query, ""))

    def document(self) -> bytes:
        """The document; members without a value are left out (H-05)."""
        members = {
            "resource": self.resource,
            "authorization_servers": list(self.authorization_servers),
            "scopes_supported": list(self.scopes_supported),
            "bearer_methods_supported": ["header"],
            "resource_name": self.resource_name,
            "resource_documentation": self.resource_documentation,
            "dpop_signing_alg_values_supported": list(self.dpop_signing_alg_values_supported),
            "dpop_bound_access_tokens_required": self.dpop_bound_access_tokens_required,
        }
        return json.dumps({name: value for name, value in members.items() if value}).encode()


def canonical(url: str) -> str:
    """A resource URI as clients spell it (H-18): scheme and host in lower case, no default
    port, no bare slash as the whole path. The path keeps its case and its slash."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), parts.netloc.lower()
    if parts.port is not None and parts.port == _DEFAULT_PORTS.get(scheme):
        host = host.removesuffix(f":{parts.port}")
    path = "" if parts.path == "/" and not parts.query else parts.path
    return urlunsplit((scheme, host, path, parts.query, parts.fragment))
