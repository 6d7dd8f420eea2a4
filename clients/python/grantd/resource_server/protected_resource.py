"""What a resource server says about itself (RFC 9728), and where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """A protected resource: its identifier, who authorizes for it, and its scopes."""

    resource: str
    """The URL that clients call, in its one canonical spelling."""
    authorization_servers: tuple[str, ...]
    """Issuer identifiers, byte for byte as those servers publish them (H-04)."""
    scopes_supported: tuple[str, ...] = ()
    resource_name: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.resource)
        if parts.scheme not in {"https", "http"} or not parts.netloc or parts.fragment:
            raise ValueError(f"the resource is no absolute URL without fragment: {self.resource!r}")
        origin = self.resource[: len(parts.scheme) + len("://") + len(parts.netloc)]
        if origin != origin.lower():
            raise ValueError(f"scheme and host of the resource must be lower case: {self.resource!r}")
        if not self.authorization_servers:
            raise ValueError("at least one authorization server is required")
        # A resource server has no use for a client's refresh tokens (H-06).
        if "offline_access" in self.scopes_supported:
            raise ValueError("offline_access is no scope of a resource")

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
        }
        return json.dumps({name: value for name, value in members.items() if value}).encode()
