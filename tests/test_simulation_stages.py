"""Each stage that is decided again, with one thing changed in the record or in the bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest

import company_
import decided_
from case_files import changed
from grantd_server.simulation.replay.case import Skipped, read_record
from grantd_server.simulation.replay.engine import replay

SERVER, ISSUER = "authorization_servers.tools", "grant_issuers.home"

FAR = {"asked.audience": [company_.ABROAD], "asked.resource": [company_.uri("far")], "asked.scope": "far.read"}


def rule(**more: Any) -> dict[str, Any]:
    return {"id": "all", "effect": "allow", "clients": ["*"], "resources": ["*"], "scopes": ["*"], **more}


def recorded(rpc: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A decision that was granted at one resource, in a company that grants everything; and its bundle."""
    content = company_.document(company_.seeded("stages"), 2)
    content["grants"]["home"] = [rule(subjects="everyone")]
    content["redemptions"]["tools"] = [{**rule(issuers=["*"]), "id": "redeem-all"}]
    _, snapshot = decided_.compiled(content)
    for record in decided_.happenings(snapshot, company_.seeded("stages"), 900):
        body = json.loads(record.body)
        alone = len(body["inputs"]) == 1 and "details" not in body["asked"] and "narrowed" not in body["asked"]
        if (body["rpc"], body["outcome"]) == (rpc, "granted") and alone and body["client"] == "desk":
            return body, content
    raise AssertionError("nobody was granted anything")


STAGES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("RedeemGrant", {}, {}, True),
    ("RedeemGrant", {"asked.proof": True}, {}, False),
    ("RedeemGrant", {"asked.bound": True}, {}, False),
    ("RedeemGrant", {}, {f"{SERVER}.dpop": "required"}, False),
    ("RedeemGrant", {"asked.proof": True}, {f"{SERVER}.dpop": "required"}, True),
    ("RedeemGrant", {}, {f"{SERVER}.dpop": "optional"}, True),
    ("RedeemGrant", {}, {f"{SERVER}.dpop": "optional", "clients.desk.at.tools.dpop_bound_access_tokens": True}, False),
    ("RedeemGrant", {"asked.aud_tenant": "acme"}, {}, False),
    ("RedeemGrant", {}, {f"{SERVER}.trusts.home.subject": "aud_sub", f"{SERVER}.trusts.partner.subject": "aud_sub"}, True),
    ("RedeemGrant", {"inputs.0.tenant": "north"}, {}, False),
    ("RedeemGrant", {"asked.iss": "https://stranger.example"}, {}, False),
    ("RedeemGrant", {"asked.resource": ["https://stranger.example/mcp"]}, {}, False),
    ("RedeemGrant", {"asked.resource": []}, {}, False),
    ("RedeemGrant", {"asked.narrowed": {"resource": ["https://stranger.example/mcp"]}}, {}, False),
    ("RedeemGrant", {"asked.narrowed": {"scope": "nowhere"}}, {}, False),
    ("RedeemGrant", {"asked.narrowed": {"scope": "two  spaces"}}, {}, False),
    ("RedeemGrant", {"asked.narrowed": {"details": True}}, {}, False),
    ("RedeemGrant", {"client_id": "robot@tools"}, {}, False),
    ("RedeemGrant", {"issuer": "https://stranger.example"}, {}, False),
    ("ExchangeIdentity", {}, {}, True),
    ("ExchangeIdentity", {"asked.proof": True}, {}, False),
    ("ExchangeIdentity", {}, {f"{ISSUER}.dpop": "required"}, False),
    ("ExchangeIdentity", {"asked.proof": True}, {f"{ISSUER}.dpop": "required"}, True),
    ("ExchangeIdentity", {}, {f"{ISSUER}.dpop": "optional"}, True),
    ("ExchangeIdentity", {"inputs.0.identity_provider": "elsewhere"}, {}, False),
    ("ExchangeIdentity", {"inputs.0.identity_provider": "guest"}, {"clients.desk.at.home.identity_providers": ["corp"]}, False),
    ("ExchangeIdentity", {"asked.audience": []}, {}, False),
    ("ExchangeIdentity", {"asked.audience": ["https://stranger.example"]}, {}, False),
    ("ExchangeIdentity", FAR, {}, True),
    ("ExchangeIdentity", FAR, {"authorization_servers.abroad.trust_domain": "home"}, False),
    ("ExchangeIdentity", {"asked.resource": ["https://stranger.example/mcp"]}, {}, False),
    ("ExchangeIdentity", {"asked.resource": []}, {}, False),
    ("ExchangeIdentity", {"asked.scope": "two  spaces"}, {}, False),
    ("ExchangeIdentity", {"client_id": "robot@home"}, {}, False),
    ("ExchangeIdentity", {"issuer": "https://stranger.example"}, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(("rpc", "altered", "edits", "granted"), STAGES)
def test_each_stage_is_decided_again(rpc: str, altered: dict[str, Any], edits: dict[str, Any], granted: bool) -> None:
    body, content = recorded(rpc)
    body = changed(body, altered)
    candidate = decided_.candidate(changed(content, edits))
    candidate.learn(body["bundle_version"], content)
    answer = replay(candidate, read_record(json.dumps(body).encode(), candidate.names)[0])
    assert not answer.open
    assert bool(answer.granted) is granted


def answered(body: dict[str, Any], edits: dict[str, Any], keys: Any = None) -> tuple[str, ...]:
    """What is open, or `granted` or `refused`."""
    _, content = recorded(body["rpc"])
    candidate = decided_.candidate(changed(content, edits), keys)
    candidate.learn(body["bundle_version"], content)
    answer = replay(candidate, read_record(json.dumps(body).encode(), candidate.names)[0])
    return tuple(sorted(answer.open)) or (("granted",) if answer.granted else ("refused",))


def test_known_users_are_told_by_their_pseudonym_as_long_as_there_is_its_key() -> None:
    body, _ = recorded("RedeemGrant")
    trust = f"{SERVER}.trusts.{body['inputs'][0]['issuer']}.known_subjects"
    everybody = [f"corp:{user}" for user in company_.USERS]
    assert answered(body, {trust: everybody}) == ("granted",)
    assert answered(body, {trust: ["corp:nobody"]}) == ("refused",)
    assert answered(body, {trust: everybody}, []) == ("subject",)


def earlier(rpc: str) -> dict[str, Any]:
    """As earlier releases recorded it: what was asked for is in the inputs of policy only."""
    body, _ = recorded(rpc)
    body.pop("asked")
    body["inputs"][0].pop("uri")
    return {**body, "audience": company_.TOOLS}


@pytest.mark.parametrize(("rpc", "place"), [("RedeemGrant", SERVER), ("ExchangeIdentity", ISSUER)])
def test_an_earlier_record_does_not_tell_of_proofs_and_none_is_held_against_it(rpc: str, place: str) -> None:
    assert answered(earlier(rpc), {f"{place}.dpop": "required"}) == ("granted",)


def test_an_earlier_record_of_several_resources_does_not_tell_what_was_asked_and_is_skipped() -> None:
    body = earlier("ExchangeIdentity")
    body["inputs"] *= 2
    with pytest.raises(Skipped, match="format"):
        answered(body, {})


def test_details_of_a_type_that_is_gone_refuse_the_call() -> None:
    body, _ = recorded("RedeemGrant")
    body["asked"]["details"] = [{"type": "https://gone.example", "schema": "0", "fields": {}}]
    assert answered(body, {}) == ("refused",)
