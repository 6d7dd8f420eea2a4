"""From a gRPC error to HTTP: one row, one answer, nothing else."""

from __future__ import annotations

import asyncio
import re

import grpc
import pytest

from grantd_server.refusals import Public
from grantd_server.shim import ShimLimits
from shim_fakes import REDEEM, Refuse, basic, fronted

FORM = {"grant_type": REDEEM, "assertion": "x"}
OURS = {Public.CALLER_UNKNOWN, Public.CALLER_NOT_ALLOWED, Public.OBSERVED_NOT_ALLOWED}
OAUTH_TEXT = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")


async def refused(refuse: Refuse, **headers: str):
    async with fronted() as front:
        front.service.answers["RedeemGrant"] = refuse
        return await front.post("/as/token", FORM, **headers)


@pytest.mark.req("F-23", "F-24", "F-25", "F-27", "F-45", "A-78")
@pytest.mark.hostile("H09", "H16")
@pytest.mark.parametrize("public", [public for public in Public if public not in OURS], ids=lambda public: public.name)
async def test_each_public_reason_is_answered_by_its_row(public):
    answer = await refused(Refuse(public))
    assert answer.status_code == public.http
    assert answer.json() == {"error": public.oauth_error, "error_description": public.sentence}
    assert all(OAUTH_TEXT.fullmatch(text) for text in answer.json().values())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["x-grantd-decision-id"] == "dec-1"
    assert answer.headers.get("retry-after") == ("1" if public.http in {429, 503} else None)
    assert "www-authenticate" not in answer.headers
    assert "secret-of-the-service" not in answer.text


@pytest.mark.parametrize("public", sorted(OURS, key=lambda public: public.number), ids=lambda public: public.name)
async def test_a_fault_of_the_shim_as_a_caller_is_no_fault_of_the_client(public):
    answer = await refused(Refuse(public), authorization=basic("cli", "s"))
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "www-authenticate" not in answer.headers


@pytest.mark.req("F-25", "F-34")
async def test_a_failed_authentication_is_challenged_when_the_header_was_used():
    refuse = Refuse(Public.CLIENT_AUTHENTICATION_FAILED)
    with_header = await refused(refuse, authorization=basic("cli", "s"))
    without = await refused(refuse)
    assert (with_header.status_code, without.status_code) == (401, 401)
    assert with_header.headers["www-authenticate"] == 'Basic realm="mcp.example", charset="UTF-8"'
    assert "www-authenticate" not in without.headers
    other = await refused(Refuse(Public.ASSERTION_INVALID), authorization=basic("cli", "s"))
    assert "www-authenticate" not in other.headers


@pytest.mark.req("A-45", "F-22", "F-43", "F-45", "X-17")
async def test_a_step_up_names_max_age_as_a_number_and_acr_values_as_a_string():
    metadata = {"oauth_error": "insufficient_user_authentication", "max_age": "300", "acr_values": "urn:a urn:b"}
    answer = await refused(Refuse(Public.STEP_UP_REQUIRED, metadata))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "insufficient_user_authentication",
        "error_description": Public.STEP_UP_REQUIRED.sentence,
        "max_age": 300,
        "acr_values": "urn:a urn:b",
    }


async def test_a_max_age_that_is_no_number_is_left_out():
    answer = await refused(Refuse(Public.STEP_UP_REQUIRED, {"max_age": "-1"}))
    assert "max_age" not in answer.json()


@pytest.mark.hostile("H16")
async def test_the_text_of_a_refusal_comes_from_the_table_and_not_from_the_message():
    metadata = {"oauth_error": "evil", "error_description": 'canary "\\\n', "expected": "canary", "got": "canary"}
    answer = await refused(Refuse(Public.ASSERTION_INVALID, metadata))
    assert answer.json() == {"error": "invalid_grant", "error_description": Public.ASSERTION_INVALID.sentence}
    assert "canary" not in str(answer.headers)


async def test_the_error_id_of_a_fault_is_handed_on():
    answer = await refused(Refuse(Public.INTERNAL, {"error_id": "e-77"}))
    assert (answer.status_code, answer.headers["x-grantd-error-id"]) == (500, "e-77")


@pytest.mark.req("F-27")
@pytest.mark.parametrize(
    ("code", "public"),
    [
        (grpc.StatusCode.UNAVAILABLE, Public.UNAVAILABLE),
        (grpc.StatusCode.CANCELLED, Public.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Public.OUT_OF_TIME),
        (grpc.StatusCode.UNKNOWN, Public.INTERNAL),
        (grpc.StatusCode.UNAUTHENTICATED, Public.INTERNAL),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Public.INTERNAL),
        (grpc.StatusCode.UNIMPLEMENTED, Public.INTERNAL),
    ],
)
async def test_an_error_without_details_is_ours(code, public):
    answer = await refused(Refuse(code=code, trailers=()), authorization=basic("cli", "s"))
    assert (answer.status_code, answer.json()["error"]) == (public.http, public.oauth_error)
    assert "x-grantd-decision-id" not in answer.headers


@pytest.mark.parametrize(
    "refuse",
    [
        Refuse(Public.ASSERTION_INVALID, domain="elsewhere.example"),
        Refuse(Public.ASSERTION_INVALID, reason="A_REASON_OF_TOMORROW"),
        Refuse(Public.ASSERTION_INVALID, trailers=(("grpc-status-details-bin", b"\xff\xff\xff"),)),
    ],
    ids=["foreign domain", "unknown reason", "damaged details"],
)
async def test_details_that_are_not_understood_are_an_internal_error(refuse):
    answer = await refused(refuse)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")


async def test_damaged_details_still_leave_the_decision_id():
    trailers = (("x-grantd-decision-id", "dec-9"), ("grpc-status-details-bin", b"\xff\xff\xff"))
    answer = await refused(Refuse(Public.ASSERTION_INVALID, trailers=trailers))
    assert answer.headers["x-grantd-decision-id"] == "dec-9"
    assert "x-grantd-error-id" not in answer.headers


@pytest.mark.req("F-27")
async def test_a_service_that_is_away_is_unavailable():
    async with fronted() as front:
        await front.client.get("/as/jwks.json")
        await front.server.stop(None)
        answer = await front.post("/as/token", FORM)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.req("F-27")
async def test_a_service_that_was_never_there_is_unavailable():
    async with fronted() as front:
        await front.server.stop(None)
        answer = await front.post("/as/token", FORM, authorization=basic("cli", "s"))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.req("F-27")
async def test_a_service_that_hangs_is_out_of_time():
    async def never(_message):
        await asyncio.Event().wait()

    async with fronted(ShimLimits(call_seconds=0.1)) as front:
        front.service.answers["RedeemGrant"] = never
        answer = await front.post("/as/token", FORM)
    assert (answer.status_code, answer.json()["error_description"]) == (503, Public.OUT_OF_TIME.sentence)


@pytest.mark.req("F-23", "E-06")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_authorization_endpoint_answers_with_a_json_error(method):
    async with fronted() as front:
        answer = await front.client.request(method, "/as/authorize?response_type=code&client_id=x")
        front.only("RefuseRequest")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_response_type")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
