"""The typed client of DecisionService, both twins, at a real service over mTLS."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

import pytest

import organisation as org
from administrators_ import WAYS, Offices, asynchronous, house_offices
from grantd.administration import AsyncDecisions, DecisionFilter, Decisions, Refused
from grantd_server.model.caller import Role
from leg_one import exchanged
from leg_two import introspected, redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd.administration.decisions import results
    from house import House


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
async def open_house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[House, Offices]]:
    async with house_offices(tmp_path, org.bundle(), request.param) as opened:
        yield opened


@pytest.fixture
def house(open_house: tuple[House, Offices]) -> House:
    return open_house[0]


@pytest.fixture
def offices(open_house: tuple[House, Offices]) -> Offices:
    return open_house[1]


@pytest.mark.req("F-48")
async def test_a_refusal_is_explained_as_far_as_the_role_goes(offices: Offices, house: House) -> None:
    found = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    told = await offices.decisions("explain_decision", found.id)
    decision = told.decision
    assert (decision.id, decision.reason, decision.told) == (found.id, "POLICY_NO_RULE", "POLICY_DENIED")
    assert (decision.rpc, decision.outcome, decision.client) == ("ExchangeIdentity", "refused", "desk")
    assert decision.subject == found.record["subject"]
    assert abs(decision.time - house.now) < 30
    assert [(check.step, check.name, check.ok) for check in told.checks] == [
        tuple(check[:3]) for check in found.record["checks"]
    ]
    assert {miss.rule for miss in told.near_misses} == {miss["rule"] for miss in found.record["near_misses"]}
    assert min(miss.failed for miss in told.near_misses) == 1
    assert told.refused_scopes == found.record["refused_scopes"]
    assert list(told.inputs) == found.record["inputs"]
    assert (told.whose, told.role, told.expires) == ("the identity administrator", "service", None)

    seen = await offices.decisions("explain_decision", found.id, role=Role.OBSERVER)
    assert (seen.decision.subject, seen.inputs) == ("", ())
    assert not any(check.expected or check.got for check in seen.checks)
    less = await offices.decisions("explain_decision", found.id, view="client")
    assert (less.checks, less.decision.reason, less.sentence) == ((), "", told.sentence)


async def test_what_was_granted_tells_its_rules_and_its_place(offices: Offices, house: House) -> None:
    found = await exchanged(house)
    token = await redeemed(house, found.answer.token)
    told = await offices.decisions("explain_decision", token.id)
    assert told.rules == token.record["rules"]
    assert told.expires == house.now + 900 or abs(told.expires - house.now - 900) < 30
    assert [node.name for node in told.chain][-2:] == [found.id, token.id]
    assert told.decision.scopes_granted == tuple(token.record["scopes_granted"])

    seen = await introspected(house, token.answer.access_token)
    (asked,) = (await offices.decisions("explain_decision", seen.id)).introspected
    assert asked.outcome == "active"


async def test_what_is_not_on_record_is_not_found(offices: Offices) -> None:
    for method in ("explain_decision", "trace_chain"):
        with pytest.raises(Refused) as caught:
            await offices.decisions(method, "d" + "0" * 32)
        assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_decisions_are_listed_newest_first_by_any_filter(offices: Offices, house: House) -> None:
    granted = await exchanged(house)
    denied = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    listed = await offices.decisions("list_decisions", DecisionFilter(client="desk"))
    assert [each.id for each in listed] == [denied.id, granted.id]
    for which, ids in (
        (DecisionFilter(outcome="refused", since=house.now - 60.5), [denied.id]),
        (DecisionFilter(reason="POLICY_NO_RULE", until=house.now + 60), [denied.id]),
        (DecisionFilter(chain=granted.record["chain"]), [granted.id]),
        (DecisionFilter(rpc="RedeemGrant"), []),
        (DecisionFilter(client="desk", until=house.now - 60), []),
        (DecisionFilter(client="desk", since=house.now + 60), []),
        (DecisionFilter(subject="nobody"), []),
    ):
        assert [each.id for each in await offices.decisions("list_decisions", which)] == ids, which
    assert [each.id for each in await offices.decisions("list_decisions", which, limit=1)] == []
    desk = DecisionFilter(client="desk")
    assert [each.id for each in await offices.decisions("list_decisions", desk, limit=1)] == [denied.id]
    with pytest.raises(Refused) as caught:
        await offices.decisions("list_decisions", DecisionFilter(subject="s"), role=Role.OBSERVER)
    assert caught.value.fields == ("filter.subject",)


async def test_a_chain_is_traced_from_its_sign_in(offices: Offices, house: House) -> None:
    found = await exchanged(house)
    token = await redeemed(house, found.answer.token)
    chain = await offices.decisions("trace_chain", token.id)
    assert (chain.chain, chain.revoked, chain.cut) == (token.record["chain"], None, False)
    kinds = {node.name: node.kind for node in chain.nodes}
    assert (kinds[found.id], kinds[token.id]) == ("grant", "token")
    first = chain.nodes[0]
    assert (first.kind, first.provider, first.parent) == ("sign-in", "corp", "")
    parents = {node.name: node.parent for node in chain.nodes}
    assert parents[token.id] == found.id
    await offices.governance("revoke_chain", chain.chain, reason="lost")
    assert abs((await offices.decisions("trace_chain", chain.chain)).revoked - house.now) < 30


async def test_access_is_reported_with_what_nobody_used(offices: Offices, house: House) -> None:
    await redeemed(house, (await exchanged(house)).answer.token)
    given = {"since": house.now - 60, "until": house.now + 60}
    uses = {(use.client, use.resource): use for use in await offices.decisions("report_access", **given)}
    used = uses["desk", "tickets"]
    assert (used.users, used.users_at_most, used.grants, used.tokens) == (1, 1, 1, 1)
    assert (used.scopes, abs(used.last_used - house.now) < 30) == (("tickets:read",), True)
    assert "tickets:write" in used.unused_scopes
    assert (uses["desk", "wiki"].users, uses["desk", "wiki"].last_used) == (0, None)
    later = {(use.client, use.resource): use for use in await offices.decisions("report_access", since=house.now + 60)}
    assert later["desk", "tickets"].last_used is None
    with pytest.raises(Refused) as caught:
        await offices.decisions("report_access", role=Role.OBSERVER)
    assert caught.value.code == "PERMISSION_DENIED"


class Following:
    """Follows in the background, by either twin, until it has one."""

    def __init__(self, offices: Offices) -> None:
        self._offices = offices
        self._which = DecisionFilter(rpc="RedeemGrant")

    async def first(self) -> results.Followed:
        if self._offices.way is asynchronous:
            decisions = AsyncDecisions(self._offices.endpoint(Role.AUDITOR))
            async with decisions, aclosing(decisions.follow_decisions(self._which)) as followed:
                return await anext(followed)
        return await asyncio.to_thread(self._first)

    def _first(self) -> results.Followed:
        decisions = Decisions(self._offices.endpoint(Role.AUDITOR))
        with decisions, closing(decisions.follow_decisions(self._which)) as followed:
            return next(followed)


async def test_decisions_are_followed_as_they_are_committed(offices: Offices, house: House) -> None:
    first = asyncio.ensure_future(Following(offices).first())
    ids = set()
    while not first.done():
        # Nobody is told of what was decided before they joined, which takes a moment.
        ids.add((await redeemed(house, house.partner_grant(jti=secrets.token_hex(8)))).id)
        await exchanged(house)
        await asyncio.wait({first}, timeout=0.2)
    told = await first
    assert told.decision.id in ids
    assert (told.decision.rpc, told.decision.outcome, told.lost) == ("RedeemGrant", "granted", 0)
