"""Replays in a company of two customers: whose tenant somebody was in, and what of that a
record tells."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import pytest

import company_
import decided_
from case_files import changed
from grantd_server.simulation.replay.case import read_record
from grantd_server.simulation.replay.engine import replay

TOOLS, HOME, CORP = "authorization_servers.tools", "grant_issuers.home", "identity_providers.corp"
ANYONE = {"effect": "allow", "clients": ["*"], "resources": ["*"], "scopes": ["*"]}


def company() -> dict[str, Any]:
    """It grants everything to everybody."""
    content = company_.document(company_.seeded("tenants"), 2, tenants=True)
    content["grants"]["home"] = [{"id": "all", "subjects": "everyone", **ANYONE}]
    content["redemptions"]["tools"] = [{"id": "redeem-all", "issuers": ["*"], **ANYONE}]
    return content


@cache
def recorded(rpc: str) -> dict[str, Any]:
    """What the desk client was granted for one of `north`, at one resource."""
    _, snapshot = decided_.compiled(company())
    for record in decided_.happenings(snapshot, company_.seeded("tenants"), 6000):
        body = json.loads(record.body)
        plain = body["outcome"] == "granted" and not {"details", "narrowed", "aud_tenant"} & body["asked"].keys()
        if plain and (body["rpc"], body["client"], len(body["inputs"])) == (rpc, "desk", 1):
            one = body["inputs"][0]
            if one["tenant"] == "north" and one.get("identity_provider", "corp") == "corp":
                return body
    raise AssertionError("nobody of north was granted anything")


def answered(body: dict[str, Any], edits: dict[str, Any]) -> tuple[str, ...]:
    """What is open, or `granted` or `refused`."""
    candidate = decided_.candidate(changed(company(), edits))
    candidate.learn(body["bundle_version"], company())
    answer = replay(candidate, read_record(json.dumps(body).encode(), candidate.names)[0])
    return tuple(sorted(answer.open)) or (("granted",) if answer.granted else ("refused",))


AUD_SUB = {f"{TOOLS}.trusts.home.subject": "aud_sub"}
REDEMPTIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "granted"),
    ({"inputs.0.tenant": "west"}, {}, "refused"),
    ({"inputs.0.tenant": "south"}, {}, "refused"),
    ({"client_id": "desk@globex"}, {}, "refused"),
    ({"client_id": "desk@globex", "inputs.0.tenant": "south"}, {}, "granted"),
    ({"asked.aud_tenant": "acme"}, {}, "granted"),
    ({"asked.aud_tenant": "globex"}, {}, "refused"),
    ({}, AUD_SUB, "refused"),
    ({"asked.aud_tenant": "acme"}, AUD_SUB, "granted"),
    ({}, {"clients.desk.at.tools/acme.tenants": ["home/north"]}, "granted"),
    ({}, {f"{TOOLS}.tenants.acme": ["home/south"], f"{TOOLS}.tenants.globex": ["home/north", "partner"]}, "refused"),
    ({"asked.aud_tenant": "acme"}, {**AUD_SUB, f"{TOOLS}.trusts.home.known_subjects": ["north|u-1"]}, "subject"),
]


@pytest.mark.parametrize(("altered", "edits", "expected"), REDEMPTIONS)
def test_a_redemption_is_replayed_in_the_tenant_of_its_grant(
    altered: dict[str, Any], edits: dict[str, Any], expected: str
) -> None:
    assert answered(changed(recorded("RedeemGrant"), altered), edits) == (expected,)


def test_an_earlier_record_does_not_tell_the_tenant_of_the_server_and_none_is_held_against_it() -> None:
    body = copy.deepcopy(recorded("RedeemGrant"))
    body.pop("asked")
    body["inputs"][0].pop("uri")
    body["audience"] = company_.TOOLS
    assert answered(body, AUD_SUB) == ("granted",)


EXCHANGES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "granted"),
    ({"inputs.0.tenant": "west"}, {}, "refused"),
    ({"inputs.0.tenant": None}, {}, "tenant"),
    ({}, {f"{CORP}.tenant.claim": "customer"}, "tenant"),
    ({}, {f"{CORP}.tenant": "south", "clients.desk.at.home.tenants": ["south"]}, "granted"),
    ({}, {f"{CORP}.tenant": "south", "clients.desk.at.home.tenants": ["north"]}, "refused"),
    ({}, {"clients.desk.at.home.tenants": ["north"]}, "granted"),
    ({}, {"clients.desk.at.home.tenants": ["south"]}, "refused"),
    ({}, {f"{HOME}.tenants": ["north", "south", "west"], f"{TOOLS}.tenants.acme": ["home/west"]}, "refused"),
    ({}, {"clients.desk.at.tools/acme": None}, "refused"),
    ({}, {"clients.desk.at.tools/globex": None}, "granted"),
    ({}, {"grants.home.0.require": {"tenants": ["north"]}}, "granted"),
    ({}, {"grants.home.0.require": {"tenants": ["south"]}}, "refused"),
    ({}, {f"{CORP}.tenant": "south", "grants.home.0.require": {"tenants": ["south"]}}, "granted"),
]


@pytest.mark.parametrize(("altered", "edits", "expected"), EXCHANGES)
def test_a_sign_in_is_replayed_in_the_tenant_that_the_candidate_puts_it_in(
    altered: dict[str, Any], edits: dict[str, Any], expected: str
) -> None:
    assert answered(changed(recorded("ExchangeIdentity"), altered), edits) == (expected,)


DESK = "https://desk.example/client.json"
FAR = {
    "client_id": DESK,
    "asked.audience": [company_.ABROAD],
    "asked.resource": [company_.uri("far")],
    "asked.scope": "far.read",
}


@pytest.mark.parametrize(("theirs", "expected"), [("north", "granted"), ("south", "refused")])
def test_a_client_known_by_its_document_goes_abroad_where_the_person_has_a_tenant(theirs: str, expected: str) -> None:
    at_home = {
        "client_id": DESK,
        "authentication": [{"metadata_document": {"algorithms": ["ES256"]}}],
        "grant_types": ["token-exchange"],
        "sso": {"corp": ["desk"]},
    }
    edits: dict[str, Any] = {
        "clients.desk.at": {"home": at_home},
        "clients.agent-1.at.abroad": None,
        "authorization_servers.abroad.tenants": {"x": [f"home/{theirs}"]},
    }
    assert answered(changed(recorded("ExchangeIdentity"), FAR), edits) == (expected,)
