"""Every case file, on every way in: both faces, the record and the metric."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from case_files import Case, Stage, cases, run
from case_transports import RPCS, Result
from client_site import client_site
from grantd_server.refusals import Reason
from grantd_server.shim import ShimLimits
from house import running
from sessions import case_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGE = "https://help.corp.example/grantd?decision={decision}"
LIMITS = ShimLimits(error_uri=PAGE)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            transport,
            id=f"{case.rpc}: {case.name} [{transport}]",
            marks=[
                pytest.mark.req(*case.spec.get("req", [])),
                pytest.mark.hostile(*case.spec.get("hostile", [])),
            ],
        )
        for case in cases()
        for transport in case.transports
    ]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One house for the cases that can be undone."""
    async with running(tmp_path_factory.mktemp("house"), org.bundle(), limits=LIMITS) as house:
        yield Stage(house)


@pytest.mark.parametrize(("case", "transport"), _parameters())
async def test_case(case: Case, transport: str, shared: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not case.fresh:
        async with shared.set_for(case):
            await _check(shared, case, transport)
        return
    folder = tmp_path_factory.mktemp("fresh")
    async with client_site() as site, running(folder, org.bundle(), site.documents, limits=LIMITS) as house:
        site.publish(**case.spec.get("document", {}))
        own = Stage(house)
        async with own.set_for(case):
            await _check(own, case, transport)


async def _check(stage: Stage, case: Case, transport: str) -> None:
    if "refused" in case.spec:
        await _check_refused(stage, case, transport)
        return
    result = await _run(stage, case, transport)
    assert result.ok, result
    _assert_granted(result, case, transport)
    record = await stage.house.record(result.decision_id)
    assert record["outcome"] == case.spec.get("outcome", "granted"), record
    if "check" in case.spec:  # the one that made a token inactive
        assert [name for _, name, held, _, _ in record["checks"] if not held] == [case.spec["check"]]


async def _run(stage: Stage, case: Case, transport: str) -> Result:
    session = await case_session(stage.house, case.spec["session"]) if "session" in case.spec else ""
    return await run(stage.house, case, transport, session)


async def _check_refused(stage: Stage, case: Case, transport: str) -> None:
    rpc, reason = RPCS[case.rpc][0], Reason[case.spec["refused"]]
    with stage.counts_one(rpc, reason.name):
        result = await _run(stage, case, transport)
    _assert_refused(result, reason, transport, case)
    record = await stage.house.record(result.decision_id)
    assert record["reason"] == reason.name, record
    assert record["outcome"] in {"refused", "failed"}
    assert record["rpc"] == rpc
    if "check" in case.spec:
        _, name, held, _, _ = record["checks"][-1]
        assert (name, held) == (case.spec["check"], False), record["checks"]
    durable = await stage.house.durable(result.decision_id)
    assert (durable is not None) == bool(record.get("client")), "class 1 is durable, class 3 is not"


def _assert_refused(result: Result, reason: Reason, transport: str, case: Case) -> None:
    public = reason.public
    assert not result.ok, result
    assert result.body["error"] == public.oauth_error
    assert result.body["error_description"] == public.sentence
    if transport == "http":
        assert result.http == public.http
        assert result.headers is not None
        assert result.headers["cache-control"] == "no-store"
        assert result.headers["content-type"].startswith("application/json")
        assert result.body["error_uri"] == PAGE.replace("{decision}", result.decision_id)
        assert result.body.keys() <= {"error", "error_description", "error_uri", "max_age", "acr_values"}
    else:
        assert (result.status, result.reason) == (public.status, public.name)
    for name, value in case.spec.get("challenge", {}).items():
        assert str(result.body[name]) == str(value)


def _assert_granted(result: Result, case: Case, transport: str) -> None:
    for name, value in case.spec.get("granted", {}).items():
        assert result.body.get(name) == value, (name, result.body)
    if case.spec.get("granted") == {"active": False}:
        assert result.body == {"active": False}
    if "claims" in case.spec:
        claims = json.loads(_decoded(result.body["access_token"].split(".")[1]))
        for name, value in case.spec["claims"].items():
            assert claims.get(name) == value, (name, claims)
    assert ("refresh_token" in result.body) == (case.rpc == "refresh" and transport == "http")
    assert "id_token" not in result.body


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
