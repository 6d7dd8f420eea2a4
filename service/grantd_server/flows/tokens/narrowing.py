"""What one resource server may see of a token for several (RFC 7662 section 2.2; C-26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.flows.tokens.ours import AccessToken
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer


def narrowed(
    snapshot: Snapshot, server: AuthorizationServer, token: AccessToken, mine: tuple[str, ...]
) -> Mapping[str, object]:
    """The claims with the scopes and details of the asker's own resources."""
    claims = token.claims
    if len(mine) == len(token.audiences) and "authorization_details" not in claims:
        return claims
    resources = {found.name: found for uri in mine if (found := snapshot.resource_at(server.name, uri)) is not None}
    seen = dict(claims)
    scope = claims.get("scope")
    if isinstance(scope, str):
        known = {name for resource in resources.values() for name in resource.scopes}
        seen["scope"] = " ".join(name for name in scope.split(" ") if name in known)
    details = claims.get("authorization_details")
    if isinstance(details, list):
        seen["authorization_details"] = [one for one in details if _is_about(snapshot, server, one, resources)]
    return {name: value for name, value in seen.items() if value not in ("", [])}


def _is_about(snapshot: Snapshot, server: AuthorizationServer, value: object, resources: Mapping[str, object]) -> bool:
    """Whether an object is of a type of these resources; of a type that is not registered
    any more nobody is told."""
    name = value.get("type") if isinstance(value, dict) else None
    kind = snapshot.detail_types.get((server.name, name)) if isinstance(name, str) else None
    return kind is not None and kind.resource in resources
