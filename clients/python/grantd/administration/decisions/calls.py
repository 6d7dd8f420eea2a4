"""The calls of DecisionService, described once for both clients. All of them only read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from grantd.administration.decisions import answers, results
from grantd.administration.times import STREAM
from grantd.client.calling.call import Call, Page
from grantd.v1 import decision_pb2 as pb
from grantd.v1.decision_pb2_grpc import DecisionServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

View = Literal["auditor", "observer", "client"]
"""Whose eyes an answer is meant for; `client` is the developer of one."""

R = TypeVar("R")

SERVICES: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType({"DecisionService": DecisionServiceStub})


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions; an empty field means any. What a role may not see it may not search by."""

    rpc: str = ""
    """`RedeemGrant`."""
    outcome: str = ""
    """`refused`."""
    reason: str = ""
    """A row of the failure table: `POLICY_NO_RULE`."""
    client: str = ""
    """By its name in the bundle."""
    subject: str = ""
    """By pseudonym."""
    chain: str = ""
    since: float | None = None
    """From then on, seconds since the epoch. Means nothing to whoever follows."""
    until: float | None = None
    """Before then. The same."""

    def message(self) -> pb.DecisionFilter:
        """As the contract has it."""
        return pb.DecisionFilter(
            rpc=self.rpc,
            outcome=self.outcome,
            reason=self.reason,
            client=self.client,
            subject=self.subject,
            chain=self.chain,
            since=int(self.since or 0),
            until=math.ceil(self.until or 0),
        )


def _asked(method: str, message: Any, read: Callable[[Any, str | None], R], seconds: float | None = None) -> Call[R]:
    return Call("DecisionService", method, lambda: message, read, seconds=seconds)


def explain_decision(decision_id: str, view: View | None) -> Call[results.Explanation]:
    """One in full."""
    message = pb.ExplainDecisionRequest(id=decision_id, view=view or "")
    return _asked("ExplainDecision", message, answers.explained)


def list_decisions(which: DecisionFilter, size: int, token: str) -> Call[Page[results.Decision]]:
    """One page."""
    message = pb.ListDecisionsRequest(filter=which.message(), page_size=size, page_token=token)
    return _asked("ListDecisions", message, answers.listed)


def follow_decisions(which: DecisionFilter) -> Call[results.Followed]:
    """From now on."""
    return _asked("FollowDecisions", pb.FollowDecisionsRequest(filter=which.message()), answers.followed, STREAM)


def trace_chain(name: str, view: View | None) -> Call[results.Chain]:
    """A chain."""
    return _asked("TraceChain", pb.TraceChainRequest(id=name, view=view or ""), answers.traced)


def report_access(since: float | None, until: float | None) -> Call[tuple[results.AccessUse, ...]]:
    """What was used."""
    message = pb.ReportAccessRequest(since=int(since or 0), until=math.ceil(until or 0))
    return _asked("ReportAccess", message, answers.used, STREAM)
