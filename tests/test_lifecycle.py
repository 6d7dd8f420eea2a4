"""What rules do over time, while the service goes on: they end by the clock, and shadows only tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_files import changed
from grantd.v1 import decision_pb2 as pb
from house import running
from leg_one import exchanged
from test_decisions_rpc import stub

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_rule_that_ends_while_the_service_runs_grants_no_more_without_any_activation(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        now = house.stop_clock()
        ends = datetime.fromtimestamp(now + 1800, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        epoch = await house.apply(changed(org.bundle(), {"grants.grants.0.expires": ends}))
        token = house.id_token(exp=now + 7200)
        for later, reason in ((0, ""), (1799, ""), (1800, "POLICY_NO_RULE"), (3600, "POLICY_NO_RULE")):
            house.parts.world.clock = lambda later=later: float(now + later)
            found = await exchanged(house, subject_token=token)
            assert (found.reason, found.record["bundle_epoch"]) == (reason, epoch), later


SHADOWS: dict[str, Any] = {
    "deny": {"id": "nobody-soon", "effect": "deny", "clients": ["*"], "resources": ["*"], "scopes": ["*"]}
    | {"subjects": {"groups": ["corp:eng"]}},
    "allow": {
        "id": "more-soon",
        "effect": "allow",
        "clients": ["desk"],
        "resources": ["wiki"],
        "scopes": ["wiki:read"],
        "subjects": {"groups": ["corp:visitors"]},
    },
}


@pytest.mark.parametrize("effect", SHADOWS)
async def test_a_shadow_rule_decides_nothing_and_is_told_by_record_and_explanation(tmp_path: Path, effect: str) -> None:
    shadow = SHADOWS[effect] | {"shadow": True}
    bundle = org.bundle()
    bundle["grants"]["grants"].append(shadow)
    asked: dict[str, Any] = {"deny": {}, "allow": {"resource": [org.WIKI], "scope": "wiki:read"}}[effect]
    groups = {"deny": ["eng"], "allow": ["visitors"]}[effect]
    async with running(tmp_path, bundle) as house:
        found = await exchanged(house, subject_token=house.id_token(groups=groups), **asked)
        assert (found.status == "OK") == (effect == "deny"), "as without the rule"
        assert found.record["shadow"] == {shadow["id"]: effect}
        told = await stub(house).ExplainDecision(pb.ExplainDecisionRequest(id=found.id))
        assert dict(told.shadow) == {shadow["id"]: effect}
        del shadow["shadow"]
        await house.apply(bundle)
        found = await exchanged(house, subject_token=house.id_token(groups=groups), **asked)
        assert (found.status == "OK") == (effect == "allow"), "once it is enforced"
