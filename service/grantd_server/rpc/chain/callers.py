"""Who calls, and what each role may call: by exact method name, denied by default.

A caller is its TLS peer and nothing else. Never the common name, which no authority
promises to check; never metadata, which the caller writes itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.model.caller import ADMINISTRATION, Caller, Role
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_AUTHORIZATION = "/grantd.v1.AuthorizationService/"
_METADATA = "/grantd.v1.MetadataService/"

_GOVERNANCE = "/grantd.v1.GovernanceService/"
_DECISION = "/grantd.v1.DecisionService/"

_ADMIN = frozenset({Role.ADMIN})
_OVERSIGHT = frozenset({Role.ADMIN, Role.AUDITOR})
_SPEAKERS = frozenset({Role.SHIM, Role.SERVICE})
_READERS = frozenset({Role.SHIM, Role.SERVICE, Role.RESOURCE_SERVER})

METHODS: Mapping[str, frozenset[Role]] = {
    _AUTHORIZATION + "ExchangeIdentity": _SPEAKERS,
    _AUTHORIZATION + "RefreshToken": _SPEAKERS,
    _AUTHORIZATION + "RedeemGrant": _SPEAKERS,
    _AUTHORIZATION + "IntrospectToken": _READERS,
    _AUTHORIZATION + "IntrospectTokens": _READERS,
    _AUTHORIZATION + "RevokeToken": _SPEAKERS,
    # Only the shim sees HTTP requests that never became a call.
    _AUTHORIZATION + "RefuseRequest": frozenset({Role.SHIM}),
    _METADATA + "ListIssuers": _SPEAKERS,
    _METADATA + "GetIssuerMetadata": _SPEAKERS,
    _METADATA + "GetJwks": _READERS,
    _GOVERNANCE + "ApplyBundle": _ADMIN,
    _GOVERNANCE + "ListBundles": _OVERSIGHT,
    _GOVERNANCE + "GetBundle": _OVERSIGHT,
    _GOVERNANCE + "DiffBundles": _OVERSIGHT,
    _GOVERNANCE + "ActivateBundle": _ADMIN,
    _GOVERNANCE + "Simulate": _OVERSIGHT,
    _GOVERNANCE + "Block": _ADMIN,
    _GOVERNANCE + "Unblock": _ADMIN,
    _GOVERNANCE + "ListBlocks": _OVERSIGHT,
    _GOVERNANCE + "RevokeChain": _ADMIN,
    # What of a decision each of them sees is another table (docs/explain.md).
    _DECISION + "ExplainDecision": ADMINISTRATION,
    _DECISION + "ListDecisions": ADMINISTRATION,
    _DECISION + "FollowDecisions": ADMINISTRATION,
    _DECISION + "TraceChain": ADMINISTRATION,
    _DECISION + "ReportAccess": _OVERSIGHT,
}

# RFC 1123 host names: no wildcard, and above all no scheme, or a DNS name could
# spell somebody's SPIFFE id.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


class Names(NamedTuple):
    """The subject alternative names of a peer certificate."""

    uris: tuple[str, ...]
    dns: tuple[str, ...]


def allowed(method: str) -> frozenset[Role]:
    """The roles that may call `method`; a method without a row stops the start."""
    if method not in METHODS:
        raise LookupError(f"{method} has no row in the caller table")
    return METHODS[method]


def identify(
    auth_context: Mapping[str, Iterable[bytes]], bindings: Mapping[str, Role], plaintext_role: Role | None = None
) -> Caller:
    """Finds the caller behind a connection: one SPIFFE id, else one DNS name.

    `plaintext_role` is the role of a peer without TLS; None, the default, refuses it.
    """
    if list(auth_context.get("transport_security_type", ())) != [b"ssl"]:
        if plaintext_role is None:
            raise Refused(Reason.CALLER_UNKNOWN, peer="without TLS")
        return Caller("loopback", plaintext_role)
    names = Names(_texts(auth_context.get("peer_uri", ())), _texts(auth_context.get("peer_dns", ())))
    identity = _identity(names)
    role = bindings.get(identity)
    if role is None:
        raise Refused(Reason.CALLER_UNKNOWN, identity=identity)
    return Caller(identity, role)


def _identity(names: Names) -> str:
    """The one name that counts. Of two, either could be the wrong one."""
    if names.uris:
        if len(names.uris) == 1 and names.uris[0].startswith("spiffe://"):
            return names.uris[0]
        raise Refused(Reason.CALLER_UNKNOWN, uri_names=len(names.uris))
    if len(names.dns) == 1 and _DNS.fullmatch(names.dns[0]):
        return names.dns[0]
    raise Refused(Reason.CALLER_UNKNOWN, dns_names=len(names.dns))


def _texts(values: Iterable[bytes]) -> tuple[str, ...]:
    # Bytes that are no ASCII cannot equal any binding; they stay one name each.
    return tuple(value.decode("ascii", "backslashreplace") for value in values)
