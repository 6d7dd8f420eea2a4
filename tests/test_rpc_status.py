"""Refusals as they leave: statuses, details, and nothing else."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc.inprocess import InProcessChannel
from rpc_toy import REDEEM, REQUEST, Toy, see


@pytest.mark.req("F-45")
@pytest.mark.parametrize("public", Public, ids=lambda public: public.name)
def test_every_public_row_is_a_status_that_grpc_knows(public: Public) -> None:
    assert isinstance(grpc.StatusCode[public.status], grpc.StatusCode)
    assert grpc.StatusCode[public.status] is not grpc.StatusCode.OK


@pytest.mark.req("F-45")
@pytest.mark.parametrize(
    ("oauth_error", "status"),
    [
        ("invalid_client", "UNAUTHENTICATED"),
        ("unauthorized_client", "PERMISSION_DENIED"),
        ("access_denied", "PERMISSION_DENIED"),
        ("invalid_grant", "FAILED_PRECONDITION"),
        ("insufficient_user_authentication", "FAILED_PRECONDITION"),
        ("invalid_target", "INVALID_ARGUMENT"),
        ("invalid_scope", "INVALID_ARGUMENT"),
        ("unsupported_grant_type", "INVALID_ARGUMENT"),
    ],
)
def test_an_oauth_error_has_its_one_grpc_status(oauth_error: str, status: str) -> None:
    rows = [public for public in Public if public.oauth_error == oauth_error]
    assert rows
    assert {public.status for public in rows} == {status}


@pytest.mark.parametrize(
    ("reason", "field", "violations"),
    [
        (Reason.PARAMETER_MISSING, "subject_token", ["subject_token"]),
        (Reason.PARAMETER_REPEATED, "client.secret", ["client.secret"]),
        (Reason.PARAMETER_INVALID, "Bearer eyJ0.e30.", []),
        (Reason.PARAMETER_INVALID, "x" * 65, []),
        (Reason.PARAMETER_INVALID, "scope\nforged", []),
        (Reason.ASSERTION_CLAIM, "sub", []),
    ],
)
async def test_a_field_is_named_only_for_a_parameter_and_only_by_our_own_names(
    reason: Reason, field: str, violations: list[str]
) -> None:
    async def redeem(message: Any, call: Any) -> Any:
        raise Refused(reason, field=field)

    inside = InProcessChannel(Toy(redeem).endpoints)
    seen = await see(inside.unary_unary(REDEEM)(REQUEST))
    bad = error_details_pb2.BadRequest()
    for detail in seen.status.details[1:]:
        assert detail.Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == violations
