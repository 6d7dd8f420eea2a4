"""What administrators are answered, as messages; what would be too long is counted instead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grantd.v1 import governance_pb2 as pb
from grantd_server.governance.analysis.difference.rows import GAINED
from grantd_server.governance.diff import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.administration.applying import Applied
    from grantd_server.administration.versions import Difference
    from grantd_server.governance.analysis.difference.rows import Change as AccessChange
    from grantd_server.governance.diff import Change
    from grantd_server.governance.testing.report import CaseResult
    from grantd_server.store import Withdrawal
    from grantd_server.store.governed import StoredBundle

KINDS: Mapping[int, str] = {
    pb.BLOCK_KIND_USER: "user",
    pb.BLOCK_KIND_CLIENT: "client",
    pb.BLOCK_KIND_RESOURCE_SERVER: "resource_server",
    pb.BLOCK_KIND_ISSUER: "issuer",
    pb.BLOCK_KIND_RESOURCE: "resource",
}
_NUMBERS = {name: number for number, name in KINDS.items()}

ROOM = 40 * 1024
"""Bytes that each list of an answer may take."""
LONGEST_VALUE = 2000
"""Characters of one value before or after."""


def applied_of(applied: Applied) -> pb.ApplyBundleResponse:
    """What came of an apply."""
    found = applied.candidate
    if found.faults:
        return pb.ApplyBundleResponse(faults=_fitting(found.faults)[0])
    failures, _ = _fitting([_failure(each) for each in found.tests.failing])
    return pb.ApplyBundleResponse(
        version=found.version,
        epoch=applied.epoch,
        activated=applied.activated,
        compared_epoch=applied.before.epoch,
        diff=diff_of(applied.before.version, found.version, applied.difference),
        replay=None
        if applied.replayed is None
        else pb.ReplayCount(changed=applied.replayed[0], undetermined=applied.replayed[1]),
        tests=pb.PolicyTestReport(total=found.tests.total, failed=len(found.tests.failing), failures=failures),
    )


def diff_of(older: str, newer: str, found: Difference) -> pb.BundleDiff:
    """The difference of two versions."""
    fields, more = _fitting([_field(each) for each in found.fields])
    access, more_access = _fitting([_access(each) for each in found.access])
    return pb.BundleDiff(
        from_version=older,
        to_version=newer,
        fields=fields,
        more_fields=more,
        access=access,
        more_access=more_access,
    )


def bundle_of(stored: StoredBundle, active: str) -> pb.BundleVersion:
    """One version in a list."""
    return pb.BundleVersion(
        version=stored.version,
        stored=stored.written,
        author=stored.author,
        reason=stored.why,
        active=stored.version == active,
        epoch=stored.epoch,
        activated=stored.activated,
        activated_by=stored.activated_by,
    )


def block_of(withdrawal: Withdrawal) -> pb.BlockInForce:
    """One block in a list."""
    kind: Any = _NUMBERS.get(withdrawal.kind, pb.BLOCK_KIND_UNSPECIFIED)
    return pb.BlockInForce(
        kind=kind,
        name=withdrawal.name,
        reason=withdrawal.reason,
        until=withdrawal.until or 0,
        author=withdrawal.author,
        since=withdrawal.written,
    )


def _field(change: Change) -> pb.FieldChange:
    whole = not change.field
    before, after = ("", "") if whole else (_value(change.before), _value(change.after))
    return pb.FieldChange(
        kind=change.kind, section=change.section, name=change.name, field=change.field, before=before, after=after
    )


def _access(change: AccessChange) -> pb.AccessChange:
    return pb.AccessChange(
        gained=change.change == GAINED,
        subject=change.subject,
        client=change.client,
        resource=change.resource,
        scope=change.scope,
        rules_before=change.before,
        rules_after=change.after,
        when=change.when,
        issuer=change.issuer,
    )


def _value(value: Any) -> str:
    if value == HIDDEN:
        return HIDDEN
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)[:LONGEST_VALUE]


def _failure(case: CaseResult) -> pb.PolicyTestFailure:
    expected = "; ".join(f"{each.scope}: {each.expected}" for each in case.differences)
    got = "; ".join(f"{each.scope}: {each.got}" for each in case.differences)
    because = [line for each in case.differences for line in each.because]
    return pb.PolicyTestFailure(
        name=f"{case.suite}: {case.name}",
        place=case.place,
        expected=expected[:LONGEST_VALUE],
        got=(got or case.error)[:LONGEST_VALUE],
        because=[line[:LONGEST_VALUE] for line in because[:10]],
    )


def _fitting(rows: list[Any]) -> tuple[list[Any], int]:
    """As many rows as there is room for, and how many are left out."""
    room = ROOM
    for number, row in enumerate(rows):
        room -= len(row.encode()) if isinstance(row, str) else row.ByteSize()
        if room < 0:
            return rows[:number], len(rows) - number
    return rows, 0
