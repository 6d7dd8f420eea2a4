"""What a granted exchange is made of: the token, the answer on the wire, the record."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_transports import GRANT_TYPES
from grantd import jwk, jws
from grantd.v1 import metadata_pb2
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.store import Withdrawal
from house import House, act, running
from leg_one import ID_JAG, ID_TOKEN, desk, exchanged, robot_claims

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return head, payload


async def published(house: House) -> jwk.KeySet:
    answer = await house.metadata().GetJwks(metadata_pb2.GetJwksRequest(issuer=org.GRANTS))
    fields = ("kid", "kty", "use", "alg", "crv", "x", "y", "n", "e")
    keys = [{name: getattr(key, name) for name in fields if getattr(key, name)} for key in answer.keys]
    return jwk.read_jwks({"keys": keys}, default_algs=["ES256"])


@pytest.mark.req("A-50", "A-57", "A-58", "A-67", "G-10")
async def test_the_grant_is_typed_and_signed_by_a_published_key_and_has_these_claims_and_no_other(hall: House) -> None:
    found = await exchanged(hall)
    head, claims = parts(found.answer.token)
    assert (head["typ"], head["alg"]) == ("oauth-id-jag+jwt", "ES256")
    keys = await published(hall)
    assert jws.verify(jws.read(found.answer.token), keys, frozenset({"ES256"}), jws.ID_JAG) == claims
    names = {"iss", "sub", "aud", "client_id", "jti", "iat", "exp", "resource", "scope", "auth_time", "acr", "amr"}
    assert claims.keys() == names, "no cnf, as nothing was proven; no address, no tenant, no actor"
    assert type(claims["iat"]) is int
    assert type(claims["exp"]) is int
    assert claims["exp"] - claims["iat"] == 300 == found.answer.expires_in
    assert type(claims["aud"]) is str
    assert len(base64.urlsafe_b64decode(claims["jti"] + "==")) >= 12


@pytest.mark.req("A-57")
async def test_no_two_grants_have_the_same_jti(hall: House) -> None:
    found = [await exchanged(hall, transport="inprocess") for _ in range(20)]
    assert len({parts(each.answer.token)[1]["jti"] for each in found}) == 20


@pytest.mark.req("A-58")
async def test_a_grant_lives_as_long_as_its_issuer_says(hall: House) -> None:
    document = org.bundle()
    document["grant_issuers"]["grants"]["grant_lifetime"] = "60s"
    await hall.apply(document)
    found = await exchanged(hall)
    await hall.apply(org.bundle())
    _, claims = parts(found.answer.token)
    assert (claims["exp"] - claims["iat"], found.answer.expires_in) == (60, 60)


@pytest.mark.req("A-71", "A-73", "A-74", "A-75", "A-76", "A-78", "F-19", "F-21", "F-22")
async def test_the_answer_over_http_has_these_members_and_no_other(hall: House) -> None:
    form = {
        "grant_type": GRANT_TYPES["exchange"],
        "requested_token_type": ID_JAG,
        "audience": org.SERVER,
        "resource": org.TICKETS,
        "subject_token": hall.id_token(),
        "subject_token_type": ID_TOKEN,
        "client_id": "desk-agent",
        "client_secret": org.DESK_SECRET,
    }
    answer = await hall.http.post(f"{org.GRANTS}/token", data=form)
    body = answer.json()
    token = body.pop("access_token")
    assert answer.status_code == 200
    assert body == {
        "issued_token_type": ID_JAG,
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "tickets:read",
        "resource": org.TICKETS,
    }
    assert parts(token)[1]["resource"] == body["resource"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.req("A-49", "G-24")
async def test_a_granted_call_is_on_record_with_its_rule_and_without_its_person(hall: House) -> None:
    found = await exchanged(hall, scope="tickets:read tickets:write")
    record = await hall.durable(found.id)
    assert record is not None
    assert (record["client"], record["audience"], record["resources"]) == ("desk", org.SERVER, [org.TICKETS])
    assert record["scopes_asked"] == ["tickets:read", "tickets:write"]
    assert record["scopes_granted"] == ["tickets:read"]
    assert record["rules"] == {"tickets:read": "engineers-tickets"}
    assert record["refused_scopes"] == {"tickets tickets:write": "no_rule"}
    assert "u-18f2" not in json.dumps(record)
    assert record["subject"]


@pytest.mark.req("A-49", "G-24")
async def test_a_denied_call_is_on_record_with_what_came_nearest(hall: House) -> None:
    denied = await exchanged(hall, subject_token=hall.id_token(groups=["sales"]))
    record = await hall.durable(denied.id)
    assert record is not None
    assert (record["client"], record["audience"], record["reason"]) == ("desk", org.SERVER, "POLICY_NO_RULE")
    assert {miss["rule"] for miss in record["near_misses"]} == {"engineers-tickets", "leads-write"}
    granted = await exchanged(hall)
    assert record["subject"] == granted.record["subject"], "the same person, by pseudonym"
    other = await exchanged(hall, subject_token=hall.id_token(sub="u-other"))
    assert other.record["subject"] != granted.record["subject"]


@pytest.mark.req("A-30", "G-10", "G-26")
@pytest.mark.hostile("X08")
@pytest.mark.parametrize("kind", ["grant", "foreign grant", "access token", "client assertion"])
async def test_another_token_of_this_house_is_no_sign_in(hall: House, kind: str) -> None:
    grant = (await exchanged(hall)).answer.token
    tokens = {
        "grant": grant,
        "foreign grant": hall.partner_grant(iss=org.LOGIN, aud="desk-sso"),
        "access token": await access_token(hall, grant),
        "client assertion": org.ROBOT_KEY.sign(robot_claims(hall), "client-authentication+jwt"),
    }
    found = await exchanged(hall, subject_token=tokens[kind])
    assert found.public == "SUBJECT_TOKEN_INVALID"
    assert found.reason in {"SUBJECT_TOKEN_ISSUER", "SUBJECT_TOKEN_WRONG_KIND", "SUBJECT_TOKEN_KEY"}


async def access_token(house: House, grant: str) -> str:
    form = {"grant_type": GRANT_TYPES["redeem"], "assertion": grant, "client_id": "cli_desk"}
    answer = await house.http.post(f"{org.SERVER}/token", data=form | {"client_secret": org.TOOLS_SECRET})
    return str(answer.json()["access_token"])


@pytest.mark.req("A-26", "X-2")
async def test_an_id_token_may_be_exchanged_again_until_it_expires(hall: House) -> None:
    token = hall.id_token()
    assert [(await exchanged(hall, subject_token=token)).status for _ in range(3)] == ["OK"] * 3


@pytest.mark.req("A-24", "F-34")
async def test_nothing_of_a_sign_in_is_looked_at_for_a_client_that_proved_nothing(hall: House) -> None:
    found = await exchanged(hall, desk("not-the-secret"), subject_token=hall.id_token(exp=1))
    assert {step for step, *_ in found.record["checks"]} == {"exchange.client"}


@pytest.mark.req("A-41")
@pytest.mark.hostile("X16")
@pytest.mark.parametrize("broken", ["grants: [", "grants: {grants: [{id: x}]}", "unknown: 1", "\0"])
async def test_rules_that_cannot_be_read_are_not_applied_and_the_old_ones_stay(hall: House, broken: str) -> None:
    before = (await exchanged(hall)).record["bundle_version"]
    folder = org.write(hall.folder / "broken", org.bundle())
    (folder / "rules.yaml").write_text(broken)
    with pytest.raises(BundleError):
        parse_directory(folder)
    found = await exchanged(hall)
    assert (found.status, found.record["bundle_version"]) == ("OK", before)


@pytest.mark.hostile("X16")
async def test_under_a_version_that_this_process_cannot_use_nothing_is_granted(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        await house.store.put_bundle("b-broken", b'{"format": 1, "grants": 7}', "test", "test")
        await house.store.activate("b-broken", house.parts.active.epoch, act())
        found = await exchanged(house)
        assert (found.status, found.public, found.answer) == ("UNAVAILABLE", "UNAVAILABLE", None)
        assert house.parts.active.problem.startswith("bundle b-broken cannot be used: ")
        await house.apply(org.bundle())
        assert (await exchanged(house)).status == "OK"


@pytest.mark.req("A-38", "G-43")
@pytest.mark.parametrize(("kind", "name"), [("user", "corp:u-18f2"), ("client", "desk"), ("resource", "tickets")])
async def test_a_block_that_this_process_has_not_seen_yet_still_stops_a_grant(
    hall: House, kind: str, name: str
) -> None:
    assert (await exchanged(hall)).status == "OK"
    await hall.store.withdraw(Withdrawal(kind, name, "left", None), act())
    found = await exchanged(hall)
    await hall.unblock(kind, name)
    assert found.reason in {"SUBJECT_BLOCKED", "CLIENT_BLOCKED", "RESOURCE_DISABLED"}
    assert found.record["checks"][-1][1].endswith("blocked")
    assert (await exchanged(hall)).status == "OK"
