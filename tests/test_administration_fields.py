"""The typed client gives and takes every field of the contract."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from grantd.administration import AsyncDecisions, AsyncGovernance, DecisionFilter, Decisions, Governance
from grantd.administration.decisions import results as decided
from grantd.administration.governance import results as governed
from grantd.administration.governance.calls import Kind
from grantd.v1 import decision_pb2 as decision
from grantd.v1 import governance_pb2 as governance

Names = dict[str, str | None]

ANSWERS: list[tuple[type, Any, Names]] = [
    (governed.FieldChange, governance.FieldChange, {}),
    (governed.AccessChange, governance.AccessChange, {}),
    (governed.BundleDiff, governance.BundleDiff, {}),
    (governed.PolicyTestFailure, governance.PolicyTestFailure, {}),
    (governed.PolicyTests, governance.PolicyTestReport, {}),
    (governed.ReplayCount, governance.ReplayCount, {}),
    (governed.Applied, governance.ApplyBundleResponse, {"faults": None}),
    (governed.Activated, governance.ActivateBundleResponse, {"faults": None}),
    (governed.BundleVersion, governance.BundleVersion, {}),
    (governed.Bundle, governance.GetBundleResponse, {}),
    (governed.Progress, governance.SimulationProgress, {}),
    (governed.SimulatedChange, governance.SimulatedChange, {}),
    (
        governed.Simulation,
        governance.SimulationResult,
        {"undetermined": "undetermined_by", "undetermined_decisions": "undetermined"},
    ),
    (governed.Block, governance.BlockInForce, {}),
    (governed.Revoked, governance.RevokeChainResponse, {}),
    (decided.Decision, decision.Decision, {"time_us": "time"}),
    (decided.Check, decision.Check, {}),
    (decided.NearMiss, decision.NearMiss, {}),
    (decided.IntrospectedToken, decision.IntrospectedToken, {}),
    (decided.ChainNode, decision.ChainNode, {"time_us": "time", "last_us": "last"}),
    (decided.Explanation, decision.ExplainDecisionResponse, {}),
    (decided.Chain, decision.TraceChainResponse, {}),
    (decided.Followed, decision.FollowDecisionsResponse, {}),
    (decided.AccessUse, decision.AccessUse, {}),
    (DecisionFilter, decision.DecisionFilter, {}),
]


@pytest.mark.parametrize(("kind", "message", "renamed"), ANSWERS, ids=lambda value: getattr(value, "__name__", None))
def test_every_field_of_an_answer_is_given(kind: type, message: Any, renamed: Names) -> None:
    declared: Any = kind
    ours = {field.name for field in fields(declared)} - {"decision_id"}
    assert ours == {renamed.get(field.name, field.name) for field in message.DESCRIPTOR.fields} - {None}
    assert kind.__doc__


@pytest.mark.parametrize(
    ("method", "message", "renamed"),
    [
        (Governance.apply_bundle, governance.ApplyBundleOptions, {}),
        (Governance.activate_bundle, governance.ActivateBundleRequest, {}),
        (Governance.simulate, governance.SimulateOptions, {}),
        (Governance.block, governance.BlockRequest, {}),
        (Governance.unblock, governance.UnblockRequest, {}),
        (Governance.revoke_chain, governance.RevokeChainRequest, {"id": "name"}),
        (Governance.diff_bundles, governance.DiffBundlesRequest, {"from_version": "older", "to_version": "newer"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_field_of_a_request_can_be_said(method: Any, message: Any, renamed: Names) -> None:
    ours = set(inspect.signature(method).parameters) - {"self", "directory", "progress"}
    assert ours == {renamed.get(field.name, field.name) for field in message.DESCRIPTOR.fields}


def test_every_kind_that_can_be_blocked_has_its_name() -> None:
    prefix = len("BLOCK_KIND_")
    assert set(Kind.__args__) == {name[prefix:].lower() for name in governance.BlockKind.keys()[1:]}


@pytest.mark.parametrize("client", [Governance, AsyncGovernance, Decisions, AsyncDecisions])
def test_everything_public_is_typed_and_nothing_of_it_is_a_message(client: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if name.startswith("_"):
            continue
        said = inspect.signature(method)
        given = [each.annotation for each in said.parameters.values() if each.name != "self"]
        assert inspect.Parameter.empty not in given, name
        assert said.return_annotation is not inspect.Signature.empty, name
        assert not any("pb" in str(each) or "Any" in str(each) for each in (*given, said.return_annotation)), name
        assert method.__doc__, name
