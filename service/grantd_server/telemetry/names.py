"""Every published name: spans, attributes, metrics and their closed label sets.

The RPC names of the OpenTelemetry conventions are a release candidate and still
move; they are spelled here and nowhere else.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

SCOPE: Final = "grantd"
"""The instrumentation scope of every span and metric."""

METHODS: Final = {
    "ExchangeIdentity": "grantd.v1.AuthorizationService/ExchangeIdentity",
    "RefreshToken": "grantd.v1.AuthorizationService/RefreshToken",
    "RedeemGrant": "grantd.v1.AuthorizationService/RedeemGrant",
    "IntrospectToken": "grantd.v1.AuthorizationService/IntrospectToken",
    "IntrospectTokens": "grantd.v1.AuthorizationService/IntrospectTokens",
    "RevokeToken": "grantd.v1.AuthorizationService/RevokeToken",
    "RefuseRequest": "grantd.v1.AuthorizationService/RefuseRequest",
    "ListIssuers": "grantd.v1.MetadataService/ListIssuers",
    "GetIssuerMetadata": "grantd.v1.MetadataService/GetIssuerMetadata",
    "GetJwks": "grantd.v1.MetadataService/GetJwks",
    "ApplyBundle": "grantd.v1.GovernanceService/ApplyBundle",
    "ListBundles": "grantd.v1.GovernanceService/ListBundles",
    "GetBundle": "grantd.v1.GovernanceService/GetBundle",
    "DiffBundles": "grantd.v1.GovernanceService/DiffBundles",
    "ActivateBundle": "grantd.v1.GovernanceService/ActivateBundle",
    "Simulate": "grantd.v1.GovernanceService/Simulate",
    "Block": "grantd.v1.GovernanceService/Block",
    "Unblock": "grantd.v1.GovernanceService/Unblock",
    "ListBlocks": "grantd.v1.GovernanceService/ListBlocks",
    "RevokeChain": "grantd.v1.GovernanceService/RevokeChain",
    "ExplainDecision": "grantd.v1.DecisionService/ExplainDecision",
    "ListDecisions": "grantd.v1.DecisionService/ListDecisions",
    "FollowDecisions": "grantd.v1.DecisionService/FollowDecisions",
    "TraceChain": "grantd.v1.DecisionService/TraceChain",
    "ReportAccess": "grantd.v1.DecisionService/ReportAccess",
}
"""RPC name to fully qualified method, which is also the name of the call's span."""

ADMINISTRATION: Final = "administration"
"""Stands for all of their methods where each with every reason would be too many series."""

ADMINISTRATIVE: Final = frozenset(
    rpc for rpc, method in METHODS.items() if method.startswith(("grantd.v1.Governance", "grantd.v1.Decision"))
)
"""RPCs of administrators and of those who look on."""

OTHER: Final = "other"
"""Stands for any value outside a closed set, so that no label ever grows."""

ANSWERED: Final = "answered"
"""The outcome of a call that decides nothing, such as one for metadata."""

OUTCOMES: Final = ("granted", "refused", "failed", "active", "inactive", "revoked", "unchanged", "applied", ANSWERED)

STATUSES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip

FAULT_STATUSES: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
"""Span errors by the RPC conventions; a refusal is an outcome, not an error."""

CALL_DURATION: Final = "rpc.server.call.duration"
CALL_DURATION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; the advised boundaries of the RPC conventions."""
CALLS: Final = "grantd.calls"
REFUSED: Final = "grantd.refused"
SPANS_DROPPED: Final = "grantd.spans.dropped"
LOG_DROPPED: Final = "grantd.log.dropped"
LEDGER_OVERFLOW: Final = "grantd.ledger.overflow"
CHECKPOINTS: Final = "grantd.checkpoints"

DROP_CAUSES: Final = ("bucket", "queue", "export")
"""Why a span was dropped: its reason had enough of them, the queue was full, or the
collector did not take it."""

LEDGER_CLASSES: Final = ("introspections", "refusals", "ring")
"""What overflows: the two aggregated classes of records, and the ring in memory."""

CHECKPOINT_OUTCOMES: Final = ("written", "failed")

RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"


class Gauge(Enum):
    """What is read whenever metrics are collected: name, unit, labels, meaning."""

    KEY_AGE = ("grantd.key.age", "s", ("issuer", "purpose"), "Age of the signing key in use.")
    JWKS_AGE = ("grantd.jwks.age", "s", ("issuer",), "Age of the last good copy of another party's keys.")
    VIEW_AGE = ("grantd.view.age", "s", (), "Age of the revocation view.")
    LEDGER_BACKLOG = ("grantd.ledger.backlog", "{record}", ("class",), "Records waiting to be written behind.")
    CHECKPOINT_AGE = ("grantd.checkpoint.age", "s", (), "Time since the last checkpoint of the records.")
    BUNDLE_EPOCH = ("grantd.bundle.epoch", "1", (), "Epoch of the bundle in force.")

    def __init__(self, metric: str, unit: str, labels: tuple[str, ...], meaning: str) -> None:
        self.metric = metric
        self.unit = unit
        self.labels = labels  # values come from configuration, never from a client
        self.meaning = meaning


ATTRIBUTES: Final = {
    RPC_SYSTEM: "Always `grpc`: the shim serves the same calls.",
    RPC_METHOD: "The method, fully qualified.",
    RPC_STATUS: "The gRPC status by name.",
    ERROR_TYPE: "The status, on faults of the service only.",
    "grantd.decision_id": "Names the record; `grantd explain` reads it.",
    "grantd.transport": "`grpc` or `http`.",
    "grantd.caller.role": "Role of the gRPC caller.",
    "grantd.outcome": "What came of the call.",
    "grantd.reason": "The row of the failure table.",
    "grantd.error_id": "Names a fault in the log.",
    "grantd.issuer": "Issuer identifier the request was for.",
    "grantd.client": "Name of the authenticated client in the bundle.",
    "grantd.client.method": "How the client authenticated.",
    "grantd.client.credential": "Which of its secrets the client used: the first digits of the SHA-256.",
    "grantd.audience": "Issuer of the authorization server asked for.",
    "grantd.resources": "Resources asked for, by identifier.",
    "grantd.scopes_granted": "Scopes that were granted.",
    "grantd.rules": "Rules that granted them.",
    "grantd.bundle.version": "Version of the bundle in force.",
    "grantd.bundle.epoch": "Epoch of the bundle in force.",
    "grantd.chain": "Joins sign-in, grant, tokens and revocation.",
    "grantd.jti_hash": "SHA-256 of the jti of the presented token.",
    "grantd.token_hash": "SHA-256 of the jti of the issued token.",
    "user.hash": "Keyed hash of the subject.",
}
"""The only names that a span may carry. No token, no secret, no address, no name of
a person (F-49)."""
