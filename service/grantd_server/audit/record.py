"""The record of one call: filled along the road, written once.

Span attributes, log line, metric labels and audit row are projections of it. It is
the only thing that a flow mutates, and it is passed explicitly.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.rules import NearMiss
    from grantd_server.store import Mark, Tombstone

FORMAT = 1
"""Version of the body. Fields are only ever added."""

LONGEST_VALUE = 512
"""Characters kept of one expected or got value; hostile input stays bounded."""


class Check(NamedTuple):
    """One check in the order it was made; `got` is never a token or a secret."""

    step: str
    name: str
    ok: bool
    expected: str
    got: str


class Step(NamedTuple):
    """One numbered step of a flow and when it ran, monotonic nanoseconds."""

    name: str
    start: int
    end: int


def new_decision_id(now: float) -> str:
    """Makes a decision id: milliseconds since the epoch, then 80 random bits, in hex.
    Ids sort by time, nobody guesses one, and it is safe in URLs and shells."""
    return f"d{int(now * 1000):012x}{token_hex(10)}"


@dataclass(slots=True)
class Record:
    """One wide record. Empty fields are left out of the body."""

    rpc: str
    time: float
    """Wall clock at entry, seconds since the epoch."""
    id: str = ""
    """Drawn when none is given."""
    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    """Set when the caller's trace is continued; 0 starts a trace."""
    parent_sampled: bool = False
    linked: tuple[int, int] | None = None
    """Trace and span id of a foreign trace: linked to, never continued."""
    transport: str = ""
    """`grpc` or `http`."""
    caller: str = ""
    """The TLS identity of the gRPC caller."""
    role: str = ""
    address: str = ""
    outcome: str = ""
    """`granted`, `refused`, `failed`, `active`, `inactive`, `revoked`, `unchanged`,
    `applied` (an act of an administrator)."""
    reason: Reason | None = None
    facts: dict[str, str] = field(default_factory=dict)
    error_id: str = ""
    issuer: str = ""
    client: str = ""
    """Name in the bundle; empty until the client is authenticated."""
    client_id: str = ""
    """As claimed, only when registered; never free input."""
    client_method: str = ""
    client_credential: str = ""
    """Which of its secrets the client used, by fingerprint."""
    subject: str = ""
    """Keyed hash of the issuer-qualified subject."""
    subject_key: str = ""
    """Which pseudonym key made `subject`."""
    tenant: str = ""
    """Of the grant issuer, that the user is in."""
    audience: str = ""
    resources: tuple[str, ...] = ()
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] = ()
    rules: dict[str, str] = field(default_factory=dict)
    """Scope to the rule that granted it."""
    refused_scopes: dict[str, str] = field(default_factory=dict)
    near_misses: tuple[NearMiss, ...] = ()
    shadow: dict[str, str] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """The recorded policy inputs, one a resource: what a decision is a function of. Of a
    call that did not come so far, one without a resource: who asks, and when."""
    asked: dict[str, Any] = field(default_factory=dict)
    """What was asked for, as it was spelled."""
    live: dict[str, int] = field(default_factory=dict)
    """The live state that the decision saw: its epochs of withdrawals and revocations."""
    bundle_version: str = ""
    bundle_epoch: int = 0
    chain: str = ""
    family: str = ""
    """The chain of refresh tokens that this call used or began."""
    jti_hash: str = ""
    token_hash: str = ""
    """SHA-256 of the issued token's jti."""
    expires: int = 0
    """When what was issued ends, seconds since the epoch."""
    introspected: list[tuple[str, str]] = field(default_factory=list)
    """Each introspected token: digest of its jti (empty when it is none of ours) and
    `active` or `inactive`."""
    checks: list[Check] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    """One-time marks that a refusal, too, uses up: client assertion, DPoP proof."""
    tombstones: list[Tombstone] = field(default_factory=list)
    """What a refusal revokes: the family of a refresh token that was used again."""
    written: bool = False
    """Set once the durable row is committed."""
    _step: str = ""
    _step_start: int = 0

    def __post_init__(self) -> None:
        self.id = self.id or new_decision_id(self.time)

    def begin(self) -> None:
        """Forgets an attempt whose decision was not written, so that the record tells
        only of the one that counts."""
        self.checks.clear()
        self.marks.clear()
        self.tombstones.clear()
        self.inputs.clear()
        self.introspected.clear()
        self.asked = {}
        self.rules, self.refused_scopes, self.shadow, self.near_misses = {}, {}, {}, ()

    def step(self, name: str) -> None:
        """Ends the step under way and starts the next; the name is the span's."""
        now = time.monotonic_ns()
        if self._step:
            self.steps.append(Step(self._step, self._step_start, now))
        self._step, self._step_start = name, now

    def finish(self) -> None:
        """Ends the last step."""
        if self._step:
            self.steps.append(Step(self._step, self._step_start, time.monotonic_ns()))
            self._step = ""

    def noted(self, name: str, expected: object = "", got: object = "") -> None:
        """Notes a check that held."""
        self.checks.append(Check(self._step, name, True, _text(expected), _text(got)))

    def require(
        self,
        name: str,
        ok: bool,
        reason: Reason,
        expected: object = "",
        got: object = "",
        *,
        otherwise: object = "",
    ) -> None:
        """Notes a check and refuses with `reason` when it does not hold.

        `got` is what was found, `otherwise` the words for a failure where nothing was
        found to show: they would be untrue of a check that held.
        """
        found = got if ok or not otherwise else otherwise
        self.checks.append(Check(self._step, name, ok, _text(expected), _text(found)))
        if not ok:
            raise Refused(reason)

    def refuse(self, name: str, reason: Reason, expected: object = "", got: object = "") -> Refused:
        """Notes a check that failed and returns the refusal to raise."""
        self.checks.append(Check(self._step, name, False, _text(expected), _text(got)))
        return Refused(reason)

    def failed(self, name: str, expected: object = "", got: object = "") -> None:
        """Notes a check that failed where the answer is no refusal (introspection)."""
        self.checks.append(Check(self._step, name, False, _text(expected), _text(got)))

    def body(self) -> dict[str, Any]:
        """The durable projection: every field that is set, in plain JSON types."""
        out: dict[str, Any] = {"v": FORMAT, "id": self.id, "time": self.time, "rpc": self.rpc}
        for name in _PLAIN:
            value = getattr(self, name)
            if value:
                out[name] = list(value) if isinstance(value, tuple) else value
        if self.trace_id:
            out["trace_id"] = f"{self.trace_id:032x}"
        if self.reason is not None:
            out["reason"] = self.reason.name
        if self.introspected:
            out["introspected"] = [list(token) for token in self.introspected]
        if self.near_misses:
            out["near_misses"] = [_miss(miss) for miss in self.near_misses]
        if self.checks:
            out["checks"] = [list(check) for check in self.checks]
        return out


_PLAIN = (
    "transport", "caller", "role", "address", "outcome", "facts", "error_id", "issuer", "client", "client_id",
    "client_method", "client_credential", "subject", "subject_key", "tenant", "audience", "resources", "scopes_asked",
    "scopes_granted", "rules", "refused_scopes", "shadow", "inputs", "asked", "live", "bundle_version", "bundle_epoch",
    "chain", "family", "jti_hash", "token_hash", "expires",
)  # fmt: skip


def _text(value: object) -> str:
    text = value if isinstance(value, str) else _listed(value) if isinstance(value, list) else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _listed(values: list[Any]) -> str:
    """Names as people list them; as a program does where one could be taken for two."""
    text = ", ".join(map(str, values)) if values else "none"
    separated = max(0, len(values) - 1)
    return text if text.count(",") == text.count(" ") == separated else repr(values)


def _miss(miss: NearMiss) -> Mapping[str, object]:
    told = {"rule": miss.rule, "clause": miss.clause, "expected": miss.expected, "got": miss.got}
    return {**told, "failed": miss.failed} if miss.failed > 1 else told
