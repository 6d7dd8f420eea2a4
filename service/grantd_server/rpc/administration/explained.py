"""Explanations as messages. What a role may not see is empty before it comes here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantd.v1 import decision_pb2 as pb
from grantd_server.audit.explaining.fields import Viewer
from grantd_server.audit.explaining.shown import shown
from grantd_server.model.caller import Role
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.explaining.explanation import Explanation
    from grantd_server.audit.explaining.journey import Journey, Node
    from grantd_server.governance.access import Access

LONGEST = 512
"""Characters of one value."""

VIEWERS: Mapping[Role, Viewer] = {
    Role.ADMIN: Viewer.ADMIN,
    Role.AUDITOR: Viewer.AUDITOR,
    Role.OBSERVER: Viewer.OBSERVER,
}
"""Who looks, by the role of the TLS identity; nobody else does."""


def viewers_of(role: Role, view: str) -> tuple[Viewer, ...]:
    """Whose columns an answer is narrowed to: the caller's, and those of the role that it
    asks for. It can ask for less, and never for more."""
    caller = VIEWERS[role]
    if not view:
        return (caller,)
    try:
        return caller, Viewer(view)
    except ValueError:
        raise Refused(Reason.PARAMETER_INVALID, field="view") from None


def decision_of(told: Explanation) -> pb.Decision:
    """A decision in short."""
    return pb.Decision(
        id=_cut(told.id),
        time_us=int(told.time * 1_000_000),
        rpc=_cut(told.rpc),
        outcome=_cut(told.outcome),
        reason=_cut(told.reason),
        issuer=_cut(told.issuer),
        client=_cut(told.client),
        subject=_cut(told.subject),
        audience=_cut(told.audience),
        resources=map(_cut, told.resources),
        scopes_asked=map(_cut, told.scopes_asked),
        scopes_granted=map(_cut, told.scopes_granted),
        bundle_version=_cut(told.bundle_version),
        bundle_epoch=told.bundle_epoch,
        chain=_cut(told.chain),
        trace_id=_cut(told.trace_id),
        caller=_cut(told.caller),
        address=_cut(told.address),
        told=told.told,
    )


def explanation_of(told: Explanation) -> pb.ExplainDecisionResponse:
    """A decision in full."""
    return pb.ExplainDecisionResponse(
        decision=decision_of(told),
        checks=[
            pb.Check(step=_cut(c.step), name=_cut(c.name), ok=c.ok, expected=_cut(c.expected), got=_cut(c.got))
            for c in told.checks
        ],
        rules=_table(told.rules),
        refused_scopes=_table(told.refused_scopes),
        shadow=_table(told.shadow),
        near_misses=[
            pb.NearMiss(
                rule=_cut(m.rule), clause=_cut(m.clause), expected=_cut(m.expected), got=_cut(m.got), failed=m.failed
            )
            for m in told.near_misses
        ],
        facts=_table(told.facts),
        remedy=told.remedy,
        whose=told.whose,
        chain=[
            pb.ChainNode(
                name=_cut(place.id),
                kind=_cut(place.kind),
                outcome=_cut(place.outcome),
                time_us=int(place.time * 1_000_000),
                count=1,
            )
            for place in told.position
        ],
        sentence=told.sentence,
        advice=told.advice,
        client_id=_cut(told.client_id),
        client_method=_cut(told.client_method),
        client_credential=_cut(told.client_credential),
        transport=_cut(told.transport),
        role=_cut(told.role),
        subject_key=_cut(told.subject_key),
        tenant=_cut(told.tenant),
        family=_cut(told.family),
        jti_hash=_cut(told.jti_hash),
        token_hash=_cut(told.token_hash),
        expires=told.expires,
        error_id=_cut(told.error_id),
        used_by=_cut(told.used_by),
        introspected=[
            pb.IntrospectedToken(token=_cut(one.token), outcome=_cut(one.outcome)) for one in told.introspected
        ],
        inputs=[json.dumps(read) for read in told.inputs],
    )


def node_of(node: Node) -> pb.ChainNode:
    """One node of a chain."""
    return pb.ChainNode(
        decision=decision_of(node.decision),
        parent=_cut(node.parent),
        kind=_cut(node.kind),
        count=node.count,
        expires=node.expires,
        name=_cut(node.name),
        time_us=int(node.time * 1_000_000),
        last_us=int(node.last * 1_000_000),
        outcome=_cut(node.outcome),
        asker=_cut(node.asker),
        provider=_cut(node.provider),
        acr=_cut(node.acr),
        amr=map(_cut, node.amr),
    )


def chain_of(found: Journey) -> pb.TraceChainResponse:
    """A chain."""
    nodes = [node_of(node) for node in found.nodes]
    return pb.TraceChainResponse(chain=_cut(found.chain), nodes=nodes, revoked=found.revoked, cut=found.cut)


def use_of(access: Access) -> pb.AccessUse:
    """One client at one resource."""
    return pb.AccessUse(
        client=access.client,
        resource=access.resource,
        users=access.users,
        users_at_most=access.users_at_most,
        grants=access.grants,
        tokens=access.tokens,
        last_used=access.last_used,
        scopes=sorted(access.scopes),
        unused_scopes=sorted(access.unused_scopes),
    )


def _cut(text: str) -> str:
    """Escaped and cut here, so that no reader has to remember it."""
    return shown(text, LONGEST)


def _table(found: Mapping[str, str]) -> dict[str, str]:
    return {_cut(name): _cut(text) for name, text in found.items()}
