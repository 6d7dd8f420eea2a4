"""Answers of GovernanceService, read."""

from __future__ import annotations

from grantd.administration.governance import results
from grantd.administration.governance.refusals import BundleInvalid, PolicyTestsFailed
from grantd.administration.reading import given, read
from grantd.client.calling.call import Page
from grantd.errors import Unavailable
from grantd.v1 import governance_pb2 as pb

_PREFIX = "BLOCK_KIND_"


def applied(answer: pb.ApplyBundleResponse, decision_id: str | None, options: pb.ApplyBundleOptions) -> results.Applied:
    """Raises BundleInvalid, or PolicyTestsFailed where they kept it from being put in force."""
    if answer.faults:
        raise BundleInvalid(answer.faults, decision_id)
    found = read(
        results.Applied,
        answer,
        diff=diff(answer.diff),
        tests=_tests(answer.tests),
        replay=read(results.ReplayCount, answer.replay) if answer.HasField("replay") else None,
        decision_id=decision_id,
    )
    was_in_force = answer.version == answer.diff.from_version
    if found.tests.failed and not (options.dry_run or options.force or was_in_force):
        raise PolicyTestsFailed(found)
    return found


def diff(answer: pb.BundleDiff) -> results.BundleDiff:
    """The difference of two versions."""
    return read(
        results.BundleDiff,
        answer,
        fields=tuple(read(results.FieldChange, change) for change in answer.fields),
        access=tuple(read(results.AccessChange, change) for change in answer.access),
    )


def _tests(answer: pb.PolicyTestReport) -> results.PolicyTests:
    failures = tuple(read(results.PolicyTestFailure, failure) for failure in answer.failures)
    return read(results.PolicyTests, answer, failures=failures)


def activated(answer: pb.ActivateBundleResponse, decision_id: str | None) -> results.Activated:
    """Raises BundleInvalid where the service cannot use the version."""
    if answer.faults:
        raise BundleInvalid(answer.faults, decision_id)
    return read(results.Activated, answer, decision_id=decision_id)


def versions(answer: pb.ListBundlesResponse, _: str | None) -> Page[results.BundleVersion]:
    """A page of versions."""
    rows = (
        read(results.BundleVersion, row, epoch=given(row.epoch), activated=given(row.activated))
        for row in answer.bundles
    )
    return Page(tuple(rows), answer.next_page_token)


def simulated(answer: pb.SimulateResponse, _: str | None) -> results.Progress | results.Simulation:
    """Raises BundleInvalid where the candidate is no bundle."""
    match answer.WhichOneof("part"):
        case "faults":
            raise BundleInvalid(answer.faults.faults)
        case "result":
            told = answer.result
            return read(
                results.Simulation,
                told,
                changes=tuple(read(results.SimulatedChange, change) for change in told.changes),
                undetermined=told.undetermined_decisions,
                undetermined_by=dict(sorted(told.undetermined.items())),
            )
    return read(results.Progress, answer.progress)


def no_result() -> Unavailable:
    """A stream that ended well, and too early."""
    return Unavailable("UNAVAILABLE", description="the service ended before there was a result")


def blocks(answer: pb.ListBlocksResponse, _: str | None) -> Page[results.Block]:
    """A page of blocks."""
    rows = (read(results.Block, row, kind=_kind(row.kind), until=given(row.until)) for row in answer.blocks)
    return Page(tuple(rows), answer.next_page_token)


def revoked(answer: pb.RevokeChainResponse, decision_id: str | None) -> results.Revoked:
    """A chain that is revoked."""
    return read(results.Revoked, answer, decision_id=decision_id)


def number_of(kind: str) -> pb.BlockKind.ValueType:
    """What can be blocked, as the contract numbers it. ValueError on anything else."""
    return pb.BlockKind.Value(_PREFIX + kind.upper())


def _kind(number: pb.BlockKind.ValueType) -> str:
    if number not in pb.BlockKind.values():
        return f"kind {number}"  # of a newer service than this client
    return pb.BlockKind.Name(number).removeprefix(_PREFIX).lower()
