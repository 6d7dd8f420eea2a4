"""What the service records is what a simulation needs: real calls, replayed by real processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_files import changed
from grantd_server.simulation.report.result import Change, Result
from grantd_server.simulation.running.processes import CandidateInvalid
from leg_one import exchanged
from leg_two import OTHER, redeemed
from simulating_ import simulated
from test_details_of_resources import BOTH, TICKET
from test_details_of_resources import bundle as with_details

if TYPE_CHECKING:
    from house import House


async def journey(house: House) -> dict[str, str]:
    """A bit of everything; ids of the decisions."""
    both = await exchanged(house, resource=[org.TICKETS, org.WIKI], scope="shared:read")
    calls = {
        "both": both,
        "defaults": await exchanged(house),
        "not granted": await exchanged(house, scope="tickets:write"),
        "stranger": await exchanged(house, resource=["https://mcp.tools.example/unheard-of"], scope="wiki:read"),
        "no mapping": await exchanged(house, audience=[org.OTHER_SERVER], resource=[org.VAULT], scope="vault:read"),
        "abroad": await exchanged(house, audience=[org.FOREIGN_SERVER], resource=[org.PARTNER_MCP]),
        "nowhere": await exchanged(house, audience=["https://as.nowhere.example"]),
        "redeemed": await redeemed(house, both.answer.token, scope="shared:read"),
        "partner": await redeemed(house, house.partner_grant()),
        "not its grant": await redeemed(house, house.partner_grant(), client=OTHER),
    }
    replayed = house.partner_grant()
    calls["once"] = await redeemed(house, replayed)
    calls["twice"] = await redeemed(house, replayed)
    return {name: call.id for name, call in calls.items()}


def rows(result: Result) -> dict[tuple[bool, str, str], Change]:
    return {(row.allowed, row.resource, row.scope): row for row in result.changes}


@pytest.mark.parametrize("processes", [1, 3])
async def test_simulating_the_bundle_in_force_changes_nothing(house: House, processes: int) -> None:
    ids = await journey(house)
    result = await simulated(house, processes=processes)

    assert (result.changed, result.undetermined, result.other_rule) == (0, 0, 0)
    assert result.same == result.replayed == len(ids) - 1
    assert result.skipped_by == {"ended before policy": 1}, "the grant of another client"
    assert result.changes == []


async def test_a_rule_that_goes_is_told_by_user_client_resource_and_scope_with_examples(house: House) -> None:
    ids = await journey(house)
    subject = (await house.record(ids["defaults"]))["subject"]
    without = changed(
        org.bundle(), {"grants.grants.0.scopes": ["files:read"], "grants.grants.0.resources": ["partner-mcp"]}
    )
    result = await simulated(house, without)

    assert rows(result)[False, "tickets", "tickets:read"] == Change(
        False, subject, "desk", "tickets", "tickets:read", 1, [ids["defaults"]], ""
    )
    assert (False, "wiki", "wiki:read") not in rows(result)
    assert result.changed == 2
    assert not any(row.allowed for row in result.changes)


async def test_a_deny_names_itself_beside_what_is_lost(house: House) -> None:
    await journey(house)
    denying = org.bundle()
    denying["redemptions"]["tools"].append(
        {
            "id": "closed",
            "effect": "deny",
            "issuers": ["*"],
            "clients": ["*"],
            "resources": ["tickets"],
            "scopes": ["*"],
        }
    )
    result = await simulated(house, denying)
    assert {row.rule for row in result.changes if row.resource == "tickets"} == {"closed"}
    assert not any(row.allowed for row in result.changes)
    assert result.changed > 1


async def test_a_replay_verdict_stands_under_every_bundle(house: House) -> None:
    grant = house.partner_grant()
    await redeemed(house, grant)
    await redeemed(house, grant)
    assert (await simulated(house)).same == 2


async def test_a_block_stands_under_every_bundle(house: House) -> None:
    await house.block("resource", "tickets")
    assert (await exchanged(house)).reason == "RESOURCE_DISABLED"
    assert (await redeemed(house, house.partner_grant())).reason == "RESOURCE_DISABLED"
    result = await simulated(house)
    assert (result.same, result.changed) == (2, 0)


async def test_decisions_that_ended_before_policy_are_decided_again_as_far_as_bundles_decide_them(house: House) -> None:
    ids = await journey(house)
    candidate = changed(
        org.bundle(),
        {
            "resources.wiki.aliases": ["https://mcp.tools.example/unheard-of"],
            "grants.grants.2.scopes": ["*"],
            "resources.wiki.default_scopes": ["wiki:read"],
            "clients.desk.at.vault": {
                "client_id": "desk@vault",
                "authentication": [org.secret("desk-at-vault-9Xc2Lq7Vb4Nw8Kz1Rt6Yp3Mj5Hs0Ud")],
                "grant_types": ["jwt-bearer"],
            },
            "grants.grants.0.resources": ["tickets", "partner-mcp", "vault"],
            "grants.grants.0.scopes": ["*"],
        },
    )
    found = rows(await simulated(house, candidate))
    assert found[True, "wiki", "wiki:read"].examples == [ids["stranger"]]
    assert found[True, "vault", "vault:read"].examples == [ids["no mapping"]]
    assert found[True, "tickets", "tickets:write"].examples == [ids["not granted"]]


async def test_a_client_that_goes_loses_everything(house: House) -> None:
    await exchanged(house)
    without = org.bundle()
    without["clients"]["desk"]["at"]["grants"]["client_id"] = "another-id"
    assert set(rows(await simulated(house, without))) == {(False, "tickets", "tickets:read")}


async def test_details_are_replayed_by_the_fields_that_rules_named_and_by_no_others(house: House) -> None:
    document = with_details(**{"grants.grants.0.details": {"tickets": {"name": ["a"]}}})
    await house.apply(document)
    asked = {"resource": BOTH, "scope": "shared:read", "authorization_details": json.dumps([TICKET])}
    call = await exchanged(house, **asked)
    noted = call.record["asked"]["details"]
    assert [(one["type"], one["fields"]) for one in noted] == [("ticket", {"name": "a"})]

    assert (await simulated(house, document)).same == 1
    other = with_details(**{"grants.grants.0.details": {"tickets": {"name": ["b"]}}})
    assert (await simulated(house, other)).changed == 1
    hidden = with_details(**{"grants.grants.0.details": {"tickets": {"type": ["ticket"]}}})
    result = await simulated(house, hidden)
    assert result.undetermined_by == {"authorization_details.ticket.type": 1}
    stricter = with_details(**{"grants.grants.0.details": {"tickets": {"name": ["a"]}}})
    stricter["detail_types"]["tickets"]["schema"]["properties"]["name"] = {"maxLength": 4}
    assert (await simulated(house, stricter)).undetermined_by == {"authorization_details.ticket": 1}


async def test_a_claim_that_was_not_declared_is_undetermined(house: House) -> None:
    await exchanged(house)
    candidate: dict[str, Any] = changed(
        org.bundle(),
        {
            "identity_providers.corp.claims": ["department", "site"],
            "grants.grants.0.subjects": {"claims": {"corp:site": ["berlin"]}},
        },
    )
    result = await simulated(house, candidate)
    assert (result.undetermined, result.undetermined_by) == (1, {"claims.corp:site": 1})
    assert (result.changed, result.same) == (0, 0)


async def test_rules_name_people_whose_records_hold_pseudonyms(house: House) -> None:
    await exchanged(house)
    mine = changed(org.bundle(), {"grants.grants.0.subjects": {"users": ["corp:u-18f2"]}})
    others = changed(org.bundle(), {"grants.grants.0.subjects": {"users": ["corp:u-9"]}})
    results = [(await simulated(house, each)).changed for each in (mine, others)]
    assert results == [0, 1]


async def test_a_record_holds_what_was_asked_and_the_live_state_it_saw(house: House) -> None:
    call = await exchanged(house, resource=[org.TICKETS], scope="tickets:read")
    assert call.record["asked"] == {"audience": [org.SERVER], "resource": [org.TICKETS], "scope": "tickets:read"}
    assert call.record["live"].keys() == {"withdrawals", "revocations"}
    assert call.record["inputs"][0]["uri"] == org.TICKETS
    grant = await redeemed(house, call.answer.token, scope="tickets:read")
    assert grant.record["asked"] == {
        "iss": org.GRANTS, "resource": [org.TICKETS], "scope": "tickets:read", "narrowed": {"scope": "tickets:read"},
    }  # fmt: skip


async def test_what_is_too_long_to_be_right_is_not_recorded(house: House) -> None:
    call = await exchanged(house, resource=["https://mcp.tools.example/" + "x" * 600])
    assert call.record["asked"] == {"cut": True}
    assert (await simulated(house)).skipped_by == {"asked for more than is recorded": 1}


async def test_what_the_candidate_reads_elsewhere_in_a_sign_in_is_undetermined(house: House) -> None:
    await journey(house)
    result = await simulated(house, changed(org.bundle(), {"identity_providers.corp.groups_claim": "teams"}))

    assert result.undetermined > 0
    assert set(result.undetermined_by) == {"groups"}


async def test_a_document_that_is_no_bundle_is_said_to_be_none(house: House) -> None:
    await journey(house)
    with pytest.raises(CandidateInvalid, match=r"clients\.desk"):
        await simulated(house, changed(org.bundle(), {"clients.desk.at": {"nowhere": {"client_id": "desk"}}}))
