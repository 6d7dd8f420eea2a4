"""The record of an administrative act: who did what, when and why."""

from __future__ import annotations

from grantd_server.audit.canonical import canonical
from grantd_server.audit.record import FORMAT, new_decision_id
from grantd_server.store import Entry


def act(rpc: str, now: float, **facts: str) -> Entry:
    """An entry for an act that no caller asked for over the wire; `now` is the wall clock."""
    decision_id = new_decision_id(now)
    body = {"v": FORMAT, "id": decision_id, "time": now, "rpc": rpc, "outcome": "applied", "facts": facts}
    return Entry(
        id=decision_id,
        time_us=int(now * 1_000_000),
        rpc=rpc,
        outcome="applied",
        reason="",
        issuer="",
        client="",
        subject="",
        chain="",
        body=canonical(body),
    )
