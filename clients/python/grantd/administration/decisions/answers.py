"""Answers of DecisionService, read."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from grantd.administration.decisions import results
from grantd.administration.reading import given, moment, read
from grantd.client.calling.call import Page

if TYPE_CHECKING:
    from grantd.v1 import decision_pb2 as pb


def explained(answer: pb.ExplainDecisionResponse, _: str | None) -> results.Explanation:
    """A decision in full."""
    return read(
        results.Explanation,
        answer,
        decision=decision(answer.decision),
        checks=tuple(read(results.Check, check) for check in answer.checks),
        near_misses=tuple(read(results.NearMiss, miss, failed=miss.failed or 1) for miss in answer.near_misses),
        chain=tuple(map(_node, answer.chain)),
        introspected=tuple(read(results.IntrospectedToken, token) for token in answer.introspected),
        inputs=tuple(map(_object, answer.inputs)),
        expires=given(answer.expires),
    )


def decision(answer: pb.Decision) -> results.Decision:
    """A decision in short."""
    return read(results.Decision, answer, time=moment(answer.time_us))


def listed(answer: pb.ListDecisionsResponse, _: str | None) -> Page[results.Decision]:
    """A page of decisions."""
    return Page(tuple(map(decision, answer.decisions)), answer.next_page_token)


def followed(answer: pb.FollowDecisionsResponse, _: str | None) -> results.Followed:
    """The next one."""
    return results.Followed(decision(answer.decision), answer.lost)


def traced(answer: pb.TraceChainResponse, _: str | None) -> results.Chain:
    """A chain."""
    return read(results.Chain, answer, nodes=tuple(map(_node, answer.nodes)), revoked=given(answer.revoked))


def used(answer: pb.ReportAccessResponse, _: str | None) -> tuple[results.AccessUse, ...]:
    """A part of a report."""
    return tuple(read(results.AccessUse, use, last_used=given(use.last_used)) for use in answer.uses)


def _node(answer: pb.ChainNode) -> results.ChainNode:
    return read(
        results.ChainNode,
        answer,
        decision=decision(answer.decision),
        time=moment(answer.time_us),
        last=moment(answer.last_us),
        expires=given(answer.expires),
    )


def _object(raw: str) -> dict[str, Any]:
    """Of a service that sends anything else, nothing: it is shown, not decided by."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(raw)
        if isinstance(found, dict):
            return found
    return {}
