"""Refusals that no case file can cause: damaged requests and faults of our own, through
the whole service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_transports import GRANT_TYPES
from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.buckets import Buckets
from grantd_server.refusals import Reason
from house import House, running
from leg_one import desk, exchanged, exchanging, outcome

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXCHANGE = "/grantd.v1.AuthorizationService/ExchangeIdentity"


@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_bytes_that_are_no_message_are_refused(hall: House, transport: str) -> None:
    channel = hall.grpc if transport == "grpc" else hall.inprocess
    found = await outcome(hall, channel.unary_unary(EXCHANGE)(b"\x0a\x01\xff"))
    assert (found.status, found.reason) == ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")


async def record_of(hall: House, answer: Any) -> dict[str, Any]:
    return await hall.record(answer.headers["x-grantd-decision-id"])


@pytest.mark.req("F-02", "F-32")
async def test_a_body_that_is_no_form_is_refused(hall: House) -> None:
    answer = await hall.http.post(f"{org.GRANTS}/token", json={"grant_type": GRANT_TYPES["exchange"]})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await record_of(hall, answer))["reason"] == "FORM_MALFORMED"


@pytest.mark.req("F-08")
async def test_a_body_above_the_limit_is_refused(hall: House) -> None:
    answer = await hall.http.post(f"{org.GRANTS}/token", data={"scope": "x" * 100_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")
    assert (await record_of(hall, answer))["reason"] == "BODY_TOO_LARGE"


WIRE_FAULTS = {
    "WIRE_FAULT_UNSPECIFIED": "FORM_MALFORMED",
    "WIRE_FAULT_FORM": "FORM_MALFORMED",
    "WIRE_FAULT_REPEATED_PARAMETER": "PARAMETER_REPEATED",
    "WIRE_FAULT_MISSING_PARAMETER": "PARAMETER_MISSING",
    "WIRE_FAULT_TWO_CREDENTIALS": "MULTIPLE_CREDENTIALS",
    "WIRE_FAULT_BASIC_HEADER": "CREDENTIALS_MISSING",
    "WIRE_FAULT_GRANT_TYPE": "GRANT_TYPE_UNSUPPORTED",
    "WIRE_FAULT_BODY_TOO_LARGE": "BODY_TOO_LARGE",
    "WIRE_FAULT_NO_AUTHORIZATION_GRANT": "NO_AUTHORIZATION_GRANT",
    "WIRE_FAULT_BODY_TOO_SLOW": "BODY_TOO_SLOW",
    "WIRE_FAULT_CLIENT_ID_MISMATCH": "CLIENT_ID_MISMATCH",
}


@pytest.mark.req("F-45")
@pytest.mark.parametrize("fault", pb.WireFault.keys())
async def test_each_fault_that_the_shim_finds_has_its_row(hall: House, fault: str) -> None:
    request = pb.RefuseRequestRequest(issuer=org.GRANTS, fault=pb.WireFault.Value(fault), endpoint=pb.ENDPOINT_TOKEN)
    found = await outcome(hall, hall.stub("inprocess").RefuseRequest(request))
    reason = Reason[WIRE_FAULTS[fault]]
    assert (found.reason, found.public, found.status) == (reason.name, reason.public.name, reason.public.status)


async def test_only_an_issuer_of_ours_is_on_the_record_of_a_request_that_never_became_a_call(hall: House) -> None:
    recorded = {}
    for issuer in (org.GRANTS, org.SERVER, "https://stranger.example"):
        request = pb.RefuseRequestRequest(issuer=issuer, fault=pb.WIRE_FAULT_FORM, endpoint=pb.ENDPOINT_TOKEN)
        found = await outcome(hall, hall.stub("inprocess").RefuseRequest(request))
        recorded[issuer] = found.record.get("issuer")

    assert recorded == {org.GRANTS: org.GRANTS, org.SERVER: org.SERVER, "https://stranger.example": None}


async def test_before_a_bundle_is_active_a_request_that_never_became_a_call_is_refused_by_its_row(
    tmp_path: Path,
) -> None:
    request = pb.RefuseRequestRequest(issuer=org.GRANTS, fault=pb.WIRE_FAULT_FORM, endpoint=pb.ENDPOINT_TOKEN)
    async with running(tmp_path) as house:
        found = await outcome(house, house.stub("inprocess").RefuseRequest(request))
    assert found.reason == "FORM_MALFORMED"


async def test_a_fault_of_a_newer_shim_is_refused_all_the_same(hall: House) -> None:
    request = pb.RefuseRequestRequest(issuer=org.GRANTS, endpoint=pb.ENDPOINT_TOKEN)
    request.fault = 99
    found = await outcome(hall, hall.stub("inprocess").RefuseRequest(request))
    assert found.reason == "FORM_MALFORMED"


@pytest.mark.req("E-06")
async def test_the_authorization_endpoint_offers_nothing(hall: House) -> None:
    answer = await hall.http.get(f"{org.GRANTS}/authorize", params={"response_type": "code"})
    assert (await record_of(hall, answer))["reason"] == "NO_AUTHORIZATION_GRANT"


async def test_before_a_bundle_is_active_nothing_is_decided(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        found = await exchanged(house)
        assert (found.status, found.reason) == ("UNAVAILABLE", "NOT_READY")
        await house.apply(org.bundle())
        assert (await exchanged(house)).status == "OK"


async def test_a_view_that_is_too_old_answers_no_introspection(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle(), stale_view=0.0) as house:
        client = desk(org.RS_SECRET)
        client.client_id = "rs-tickets"
        request = pb.IntrospectTokenRequest(issuer=org.SERVER, client=client, token="unknown")
        found = await outcome(house, house.stub().IntrospectToken(request))
    assert (found.status, found.reason) == ("UNAVAILABLE", "VIEW_STALE")


async def test_a_call_with_too_little_time_is_not_begun(hall: House) -> None:
    call = hall.stub("inprocess").ExchangeIdentity(exchanging(hall), timeout=0.06)
    found = await outcome(hall, call)
    assert (found.status, found.reason) == ("DEADLINE_EXCEEDED", "OUT_OF_TIME")


@pytest.mark.req("D-15")
async def test_failed_authentications_without_end_are_slowed(hall: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hall.parts.world, "guesses", Buckets(size=2, per_second=0.001))
    found = [await exchanged(hall, desk("wrong")) for _ in range(3)]
    assert [each.reason for each in found] == ["CLIENT_SECRET_MISMATCH"] * 2 + ["RATE_LIMITED"]
    assert (found[2].status, found[2].public) == ("RESOURCE_EXHAUSTED", "OVERLOADED")


@pytest.mark.req("F-27", "G-15")
async def test_an_exception_that_nobody_planned_leaves_nothing_but_an_error_id(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary of the inside")

    monkeypatch.setattr(type(hall.parts.world.pseudonyms), "subject", broken)
    found = await exchanged(hall)
    assert (found.status, found.reason, found.public) == ("INTERNAL", "BUG", "INTERNAL")
    assert found.record["error_id"] in hall.log.getvalue()
    assert "canary" not in repr(found)


@pytest.mark.req("B-20", "F-40")
async def test_a_grant_that_is_used_expired_or_of_the_future_is_refused(hall: House) -> None:
    grants = {
        "": hall.partner_grant(jti="once"),
        "ASSERTION_REPLAYED": hall.partner_grant(jti="once"),
        "ASSERTION_EXPIRED": hall.partner_grant(jti="old", iat=hall.now - 200, exp=hall.now - 40),
        "ASSERTION_TIME": hall.partner_grant(jti="new", iat=hall.now + 61, exp=hall.now + 200),
    }
    client = desk(org.TOOLS_SECRET)
    client.client_id = "cli_desk"
    for reason, grant in grants.items():
        request = pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=grant)
        assert (await outcome(hall, hall.stub().RedeemGrant(request))).reason == reason
