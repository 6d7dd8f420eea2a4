"""DecisionService: each method reads, narrows to the caller's columns, packs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from grantd.v1 import decision_pb2 as pb
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.fields import FIELDS, Viewer, narrowed, narrowed_journey
from grantd_server.audit.explaining.journey import journey, places
from grantd_server.governance.access import named, report
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.administration.explained import chain_of, decision_of, explanation_of, use_of, viewers_of
from grantd_server.rpc.limits import MESSAGE_BYTES
from grantd_server.store.questions import id_at
from grantd_server.store.records.reading.listing import Sought, body_of, page_of
from grantd_server.store.records.reading.tracing import trail_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from grantd_server.audit.explaining.explanation import Explanation
    from grantd_server.flows.road.call import Call
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.rpc.chain.edge import Handler, StreamHandler
    from grantd_server.store import Store
    from grantd_server.store.records.ledger import Ledger
    from grantd_server.store.records.reading.following import Followers

USUAL: Final = 50
MOST: Final = 100
LONGEST_ID: Final = 64
_ROOM: Final = MESSAGE_BYTES - 8192
"""Bytes of the rows of one message."""
_USES: Final = 100
"""Rows of one message of a report."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the handlers read from."""

    store: Store
    ledger: Ledger
    """Explains classes 2 and 3 from memory, in a service that runs."""
    clock: Callable[[], float]
    followers: Followers


def decision_handlers(reading: Reading) -> Mapping[str, Handler | StreamHandler]:
    """The handlers of DecisionService, by method name."""

    async def explain_decision(message: pb.ExplainDecisionRequest, call: Call) -> pb.ExplainDecisionResponse:
        viewers = viewers_of(call.caller.role, message.view)
        body = await reading.ledger.find(message.id[:LONGEST_ID])
        if body is None:
            raise Refused(Reason.NOT_ON_RECORD, field="id")
        trail = await trail_of(reading.store, str(body.get("chain", "")))
        position = () if trail is None else places(journey(trail))
        return explanation_of(_seen(explained(body, position), viewers))

    async def list_decisions(message: pb.ListDecisionsRequest, call: Call) -> pb.ListDecisionsResponse:
        viewers = viewers_of(call.caller.role, "")
        size = min(message.page_size or USUAL, MOST)
        if size < 1:
            raise Refused(Reason.PARAMETER_INVALID, field="page_size")
        page = await page_of(reading.store, _sought(message.filter, viewers), size, message.page_token[:LONGEST_ID])
        answer, room = pb.ListDecisionsResponse(next_page_token=page.more), _ROOM
        for number, body in enumerate(page.bodies):
            decision = decision_of(_seen(explained(body), viewers))
            room -= decision.ByteSize()
            if room < 0 and number:
                answer.next_page_token = str(page.bodies[number - 1].get("id", ""))
                break
            answer.decisions.append(decision)
        return answer

    async def follow_decisions(
        message: pb.FollowDecisionsRequest, call: Call
    ) -> AsyncIterator[pb.FollowDecisionsResponse]:
        viewers = viewers_of(call.caller.role, "")
        follower = await reading.followers.join(_sought(message.filter, viewers))
        try:
            while True:
                entry, lost = await follower.take()
                told = _seen(explained(body_of(entry)), viewers)
                yield pb.FollowDecisionsResponse(decision=decision_of(told), lost=lost)
        finally:
            await reading.followers.leave(follower)

    async def trace_chain(message: pb.TraceChainRequest, call: Call) -> pb.TraceChainResponse:
        viewers = viewers_of(call.caller.role, message.view)
        asked = message.id[:LONGEST_ID]
        body = await reading.ledger.find(asked)
        trail = await trail_of(reading.store, asked if body is None else str(body.get("chain", "")))
        if trail is None:
            raise Refused(Reason.NOT_ON_RECORD, field="id")
        answer = chain_of(reduce(narrowed_journey, viewers, journey(trail)))
        while answer.ByteSize() > _ROOM:
            del answer.nodes[-max(1, len(answer.nodes) // 8) :]
            answer.cut = True
        return answer

    async def report_access(message: pb.ReportAccessRequest, call: Call) -> AsyncIterator[pb.ReportAccessResponse]:  # noqa: ARG001 - the shape of a handler
        after, before = _bound(message.since), _bound(message.until)
        used = await reading.store.used(after, before)
        snapshot = await _snapshot(reading.store)
        users = await reading.store.users(after, before, named(snapshot, used))
        rows = await asyncio.to_thread(report, snapshot, used, users, int(reading.clock()))
        for start in range(0, len(rows), _USES):
            yield pb.ReportAccessResponse(uses=map(use_of, rows[start : start + _USES]))

    return {
        "ExplainDecision": explain_decision,
        "ListDecisions": list_decisions,
        "FollowDecisions": follow_decisions,
        "TraceChain": trace_chain,
        "ReportAccess": report_access,
    }


def _seen(told: Explanation, viewers: Iterable[Viewer]) -> Explanation:
    return reduce(narrowed, viewers, told)


def _sought(asked: pb.DecisionFilter, viewers: Iterable[Viewer]) -> Sought:
    """What is asked for. What a role may not see it may not search by: the answer would
    tell whether a guess was right."""
    texts = {name: getattr(asked, name) for name in ("rpc", "outcome", "reason", "client", "subject", "chain")}
    for name, value in texts.items():
        if value and not all(viewer in FIELDS[name] for viewer in viewers):
            raise Refused(Reason.PARAMETER_INVALID, field=f"filter.{name}")
    times: dict[str, Any] = {"since": float(asked.since), "until": float(asked.until)}
    return Sought(**texts, **times)


def _bound(seconds: int) -> str:
    return id_at(seconds) if seconds > 0 else ""


async def _snapshot(store: Store) -> Snapshot | None:
    """The bundle in force; its secrets are of no interest here."""
    active = await store.active_bundle()
    return None if active is None else await asyncio.to_thread(snapshot_of, active[2])
