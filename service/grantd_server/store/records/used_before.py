"""What it means that a one-time mark was used before: the reason, the check, and what
becomes of the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from grantd_server.audit.record import Check
from grantd_server.refusals import Reason
from grantd_server.store import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.store import Lost, Mark

USED_BEFORE: Final[Mapping[Space, tuple[Reason, str]]] = {
    Space.ID_JAG: (Reason.ASSERTION_REPLAYED, "assertion.first_use"),
    Space.REFRESH: (Reason.REFRESH_TOKEN_ROTATED, "subject.current"),
    Space.SAML: (Reason.SUBJECT_TOKEN_USED, "subject.first_use"),
    Space.CLIENT_ASSERTION: (Reason.CLIENT_ASSERTION_REPLAYED, "client.assertion.first_use"),
    Space.DPOP: (Reason.PROOF_REPLAYED, "dpop.first_use"),
}


def replayed(record: Record, step: str, mark: Mark, winner: str) -> Record:
    """The record as it is when a mark turns out to be used: it names the winner. A copy,
    because the window may ask more than once and then find the mark unused."""
    reason, check = USED_BEFORE[mark.space]
    return replace(
        record,
        outcome="refused",
        reason=reason,
        token_hash="",
        expires=0,
        checks=[*record.checks, Check(step, check, False, "not used before", f"used by {winner}")],
        facts={**record.facts, "winner": winner},
    )


def note_replay(record: Record, step: str, lost: Lost) -> Reason:
    """Makes the record what was written in its place; returns the reason to answer with."""
    written = replayed(record, step, lost.mark, lost.winner)
    record.outcome, record.reason = written.outcome, written.reason
    record.token_hash, record.expires = written.token_hash, written.expires
    record.checks, record.facts = written.checks, written.facts
    return USED_BEFORE[lost.mark.space][0]
