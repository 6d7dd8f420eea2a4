"""DecisionService: what each role is told, pages, followers, chains and reports."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import organisation as org
from grantd.v1 import decision_pb2 as pb
from grantd.v1.decision_pb2_grpc import DecisionServiceStub
from grantd_server.audit.explaining.fields import CHAIN_FIELDS, FIELDS, Viewer
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.administration.explained import VIEWERS
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.store import StoreUnavailable
from grantd_server.store.records.reading.following import Follower, Followers
from grantd_server.store.records.reading.listing import Sought, page_of
from leg_one import desk, exchanged
from leg_two import a_token, introspected, redeemed, revoked
from store_values import entry, write

if TYPE_CHECKING:
    from house import House


def stub(house: House, role: Role = Role.ADMIN) -> DecisionServiceStub:
    return DecisionServiceStub(InProcessChannel(house.parts.endpoints, Caller(f"a {role.value}", role)))


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    found, info = rpc_status.from_call(caught.value), error_details_pb2.ErrorInfo()
    assert found is not None
    found.details[0].Unpack(info)
    return caught.value.code().name, info.reason


def fields_of(message: Descriptor) -> list[str]:
    return [field.name for field in message.fields]


def test_every_field_of_the_messages_is_a_row_of_the_table() -> None:
    renamed = {"time_us": "time"}
    for name in fields_of(pb.Decision.DESCRIPTOR):
        assert renamed.get(name, name) in FIELDS
    for field in pb.ExplainDecisionResponse.DESCRIPTOR.fields:
        row = {"chain": "position"}.get(field.name, field.name)
        if field.name == "decision":
            continue
        assert row in FIELDS
        if field.type == FieldDescriptor.TYPE_MESSAGE and field.name in {"checks", "near_misses", "introspected"}:
            assert {f"{row}.{part}" for part in fields_of(field.message_type)} <= FIELDS.keys()
    nodes = {"time_us": "time", "last_us": "last"}
    assert {nodes.get(name, name) for name in fields_of(pb.ChainNode.DESCRIPTOR)} == CHAIN_FIELDS.keys()
    assert {role.value for role in VIEWERS} == {viewer.value for viewer in Viewer} - {"client"}


async def test_a_refusal_is_explained_to_each_role_as_far_as_its_columns_go(house: House) -> None:
    found = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    request = pb.ExplainDecisionRequest(id=found.id)
    admin, auditor, observer = [
        await stub(house, role).ExplainDecision(request) for role in (Role.ADMIN, Role.AUDITOR, Role.OBSERVER)
    ]
    assert admin == auditor
    assert admin.decision.subject == found.record["subject"]
    assert admin.decision.reason == observer.decision.reason == "POLICY_NO_RULE"
    assert admin.decision.told == "POLICY_DENIED"
    assert [check.name for check in admin.checks] == [check[1] for check in found.record["checks"]]
    assert [check.name for check in observer.checks] == [check[1] for check in found.record["checks"]]
    assert not any(check.expected or check.got for check in observer.checks)
    assert {miss.rule for miss in observer.near_misses} == {miss["rule"] for miss in found.record["near_misses"]}
    assert json.loads(admin.inputs[0]) == found.record["inputs"][0]
    assert (observer.remedy, observer.whose) == (admin.remedy, "the identity administrator")
    raw = observer.SerializeToString()
    for hidden in (found.record["subject"], "staff"):
        assert hidden.encode() not in raw


async def test_a_caller_can_ask_for_less_and_never_for_more(house: House) -> None:
    found = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    asked = pb.ExplainDecisionRequest(id=found.id, view="client")
    for role in (Role.ADMIN, Role.OBSERVER):
        told = await stub(house, role).ExplainDecision(asked)
        assert {field.name for field, _ in told.ListFields()} == {"decision", "sentence"}
        assert {field.name for field, _ in told.decision.ListFields()} == {"id", "time_us", "rpc", "outcome", "told"}
    more = pb.ExplainDecisionRequest(id=found.id, view="admin")
    plain = await stub(house, Role.OBSERVER).ExplainDecision(pb.ExplainDecisionRequest(id=found.id))
    assert await stub(house, Role.OBSERVER).ExplainDecision(more) == plain
    odd = stub(house).ExplainDecision(pb.ExplainDecisionRequest(id=found.id, view="root"))
    assert await refused(odd) == ("INVALID_ARGUMENT", "PARAMETER_INVALID")
    trace = pb.TraceChainRequest(id=(await redeemed(house, house.partner_grant())).id, view="client")
    assert not (await stub(house).TraceChain(trace)).nodes


@pytest.mark.parametrize("role", [Role.SHIM, Role.SERVICE, Role.RESOURCE_SERVER, Role.UNKNOWN])
async def test_nobody_else_may_ask(house: House, role: Role) -> None:
    call = stub(house, role).ExplainDecision(pb.ExplainDecisionRequest(id="d1"))
    assert (await refused(call))[0] == "PERMISSION_DENIED"


async def test_what_is_kept_in_sums_is_explained_from_memory(house: House) -> None:
    wrong = await exchanged(house, desk("not the secret"))
    seen = await introspected(house, await a_token(house))
    assert await house.durable(wrong.id) is None
    told = await stub(house).ExplainDecision(pb.ExplainDecisionRequest(id=wrong.id))
    assert told.decision.reason == "CLIENT_SECRET_MISMATCH"
    told = await stub(house).ExplainDecision(pb.ExplainDecisionRequest(id=seen.id))
    assert (told.decision.outcome, told.introspected[0].outcome) == ("active", "active")
    assert [node.kind for node in told.chain] == ["token"]


async def test_what_is_not_on_record_is_not_found(house: House) -> None:
    for name in ("d" + "0" * 32, "", "é\x1b", "x" * 5000):
        for call in (
            stub(house).ExplainDecision(pb.ExplainDecisionRequest(id=name)),
            stub(house).TraceChain(pb.TraceChainRequest(id=name)),
        ):
            assert await refused(call) == ("NOT_FOUND", "NOT_FOUND")


async def listed(house: House, role: Role = Role.ADMIN, size: int = 0, **sought: Any) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListDecisionsRequest(filter=pb.DecisionFilter(**sought), page_size=size, page_token=token)
        page = await stub(house, role).ListDecisions(request)
        found += [decision.id for decision in page.decisions]
        token = page.next_page_token
        if not token:
            return found


async def test_decisions_are_listed_newest_first_by_any_filter(house: House) -> None:
    granted = await exchanged(house)
    denied = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    issued = await redeemed(house, granted.answer.token)
    again = await redeemed(house, granted.answer.token)
    mine = [again.id, issued.id, denied.id, granted.id]
    assert [name for name in await listed(house) if not name.startswith("dtest")] == mine
    assert await listed(house, size=1, client="desk") == mine
    assert await listed(house, outcome="refused", size=1) == [again.id, denied.id]
    assert await listed(house, rpc="RedeemGrant") == [again.id, issued.id]
    assert await listed(house, reason="POLICY_NO_RULE") == [denied.id]
    assert await listed(house, chain=granted.record["chain"]) == [again.id, issued.id, granted.id]
    assert await listed(house, subject=granted.record["subject"]) == mine
    assert await listed(house, client="desk", since=house.now + 60) == []
    assert await listed(house, client="desk", since=house.now - 60, until=house.now + 60) == mine
    assert await listed(house, until=1) == []
    assert await listed(house, client="desk", since=2**62) == []
    assert await listed(house, Role.OBSERVER, client="desk") == mine


async def test_an_observer_cannot_search_by_what_it_may_not_see(house: House) -> None:
    request = pb.ListDecisionsRequest(filter=pb.DecisionFilter(subject="0" * 32))
    assert await refused(stub(house, Role.OBSERVER).ListDecisions(request)) == ("INVALID_ARGUMENT", "PARAMETER_INVALID")
    following = stub(house, Role.OBSERVER).FollowDecisions(pb.FollowDecisionsRequest(filter=request.filter))
    assert await refused(anext(aiter(following))) == ("INVALID_ARGUMENT", "PARAMETER_INVALID")
    page = await stub(house, Role.OBSERVER).ListDecisions(pb.ListDecisionsRequest())
    assert not any(decision.subject or decision.address or decision.caller for decision in page.decisions)
    odd = stub(house).ListDecisions(pb.ListDecisionsRequest(page_size=-1))
    assert await refused(odd) == ("INVALID_ARGUMENT", "PARAMETER_INVALID")


async def test_a_rare_decision_is_found_over_pages_that_look_through_a_bounded_number(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grantd_server.store.records.reading import listing  # noqa: PLC0415 - its bounds are changed

    monkeypatch.setattr(listing, "_BITE", 5)
    monkeypatch.setattr(listing, "_MOST", 10)
    for number in range(40):
        await house.store.write(write(f"d{number:04}", columns={"outcome": "rare" if number == 2 else "common"}))
    first = await page_of(house.store, Sought(outcome="rare"), 3, "d0040")
    assert first.bodies == ()
    assert first.more == "d0030"
    assert await listed(house, outcome="rare") == ["d0002"]


async def test_large_decisions_are_paged_by_size(house: House) -> None:
    body = json.dumps({"id": "", "resources": ["r" * 500] * 100}).encode()
    for number in range(6):
        name = f"d{number:04}"
        await house.store.write(
            write(name, columns={"client": "big", "body": body.replace(b'""', f'"{name}"'.encode())})
        )
    page = await stub(house).ListDecisions(pb.ListDecisionsRequest(filter=pb.DecisionFilter(client="big")))
    assert 0 < len(page.decisions) < 6
    assert page.next_page_token == page.decisions[-1].id
    assert await listed(house, client="big") == [f"d{number:04}" for number in reversed(range(6))]


async def test_decisions_are_followed_as_they_are_committed(house: House) -> None:
    following = stub(house, Role.AUDITOR).FollowDecisions(
        pb.FollowDecisionsRequest(filter=pb.DecisionFilter(rpc="RedeemGrant"))
    )
    answers = aiter(following)
    first = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0.05)
    await exchanged(house)
    issued = await redeemed(house, house.partner_grant(jti=secrets.token_hex(8)))
    told = await asyncio.wait_for(first, 10)
    assert (told.decision.id, told.decision.outcome, told.lost) == (issued.id, "granted", 0)
    following.cancel()


async def test_a_slow_follower_loses_the_oldest_and_is_told_how_many() -> None:
    follower = Follower(Sought(client="agent"), room=3)
    for number in range(10):
        follower.offer(entry(f"d{number}", client="agent" if number % 2 else "other"))
    follower.lose(7)
    assert [(row.id, lost) for row, lost in [await follower.take() for _ in range(3)]] == [
        ("d5", 9),
        ("d7", 0),
        ("d9", 0),
    ]
    waiting = asyncio.ensure_future(follower.take())
    await asyncio.sleep(0)
    follower.offer(entry("d11"))
    assert (await waiting)[0].id == "d11"


async def test_followers_see_every_writer_once_from_when_they_joined_and_skip_what_is_too_much(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grantd_server.store.records.reading import following  # noqa: PLC0415 - its bounds are changed

    await house.store.write(write("d1"))
    followers = Followers(house.store)
    monkeypatch.setattr(following, "INTERVAL", 3600)
    follower = await followers.join(Sought())
    await house.store.write(write("d2"))
    await followers.look()
    await followers.look()
    late = await followers.join(Sought())
    await house.store.write(write("d3"))
    await followers.look()
    assert [(await follower.take())[0].id for _ in range(2)] == ["d2", "d3"]
    assert (await late.take())[0].id == "d3"
    monkeypatch.setattr(following, "_BEHIND", 2)
    for number in range(4, 8):
        await house.store.write(write(f"d{number}"))
    await followers.look()
    await house.store.write(write("d8"))
    await followers.look()
    row, lost = await follower.take()
    assert (row.id, lost) == ("d8", 4)
    await followers.leave(follower)
    await followers.leave(late)
    assert followers._task is None


async def test_followers_outlive_a_store_that_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from grantd_server.store.records.reading import following  # noqa: PLC0415 - its bounds are changed

    monkeypatch.setattr(following, "INTERVAL", 0.001)
    followers = Followers(house.store)
    follower = await followers.join(Sought())
    heads, asked = house.store.heads, asyncio.Event()

    async def away() -> Any:
        asked.set()
        raise StoreUnavailable("away")

    monkeypatch.setattr(house.store, "heads", away)
    await asyncio.wait_for(asked.wait(), 5)
    monkeypatch.setattr(house.store, "heads", heads)
    await house.store.write(write("d1"))
    assert (await asyncio.wait_for(follower.take(), 10))[0].id == "d1"
    await followers.leave(follower)


async def test_a_chain_is_traced_by_its_id_and_by_any_decision_on_it(house: House) -> None:
    granted = await exchanged(house)
    issued = await redeemed(house, granted.answer.token)
    gone = await revoked(house, issued.answer.access_token)
    answers = [
        await stub(house, Role.OBSERVER).TraceChain(pb.TraceChainRequest(id=name))
        for name in (granted.record["chain"], granted.id, issued.id, gone.id)
    ]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert [node.kind for node in answers[0].nodes] == ["sign-in", "grant", "token", "revocation"]
    assert granted.record["subject"].encode() not in answers[0].SerializeToString()
    full = await stub(house).TraceChain(pb.TraceChainRequest(id=granted.id))
    assert (full.nodes[0].acr, answers[0].nodes[0].acr) == ("mfa", "")


async def test_a_long_chain_is_cut_to_one_message(house: House) -> None:
    body = {"rpc": "RedeemGrant", "outcome": "refused", "chain": "ab" * 32, "resources": ["r" * 500] * 3}
    for number in range(200):
        raw = json.dumps({**body, "id": f"d{number:04}"}).encode()
        await house.store.write(write(f"d{number:04}", columns={"chain": "ab" * 32, "body": raw}))
    told = await stub(house).TraceChain(pb.TraceChainRequest(id="ab" * 32))
    assert told.cut
    assert len(told.nodes) < 200


async def test_access_is_reported_beside_what_is_offered(house: House) -> None:
    granted = await exchanged(house)
    await exchanged(house, subject_token=house.id_token(sub="u-2"))
    await redeemed(house, granted.answer.token)
    report = stub(house, Role.AUDITOR).ReportAccess(pb.ReportAccessRequest(since=house.now - 60))
    uses = {(use.client, use.resource): use for part in [part async for part in report] for use in part.uses}
    tickets = uses["desk", "tickets"]
    assert (tickets.users, tickets.users_at_most, tickets.grants, tickets.tokens) == (2, 2, 2, 1)
    assert list(tickets.scopes) == ["tickets:read"]
    assert list(tickets.unused_scopes) == ["shared:read", "tickets:write"]
    assert abs(tickets.last_used - house.now) < 30
    wiki = uses["desk", "wiki"]
    assert (wiki.users, wiki.last_used, list(wiki.unused_scopes)) == (0, 0, ["shared:read", "wiki:read"])
    assert ("other", "tickets") not in uses
    assert ("desk", "partner-mcp") in uses
    assert ("robot", "partner-mcp") not in uses, "it has no client id there"
    assert list(uses) == sorted(uses)
    observer = stub(house, Role.OBSERVER).ReportAccess(pb.ReportAccessRequest())
    assert (await refused(anext(aiter(observer))))[0] == "PERMISSION_DENIED"


async def test_a_grant_of_another_issuer_is_offered_and_used(house: House) -> None:
    await redeemed(house, house.partner_grant())
    report = stub(house).ReportAccess(pb.ReportAccessRequest())
    uses = {(use.client, use.resource): use for part in [part async for part in report] for use in part.uses}
    assert (uses["desk", "tickets"].grants, uses["desk", "tickets"].tokens) == (0, 1)
    assert org.TICKETS not in {resource for _, resource in uses}
