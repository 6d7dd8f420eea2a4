"""Simulating the active bundle changes nothing; a changed rule changes what deciding anew
says, and nothing else. No outcome is in the engine's sight."""

from __future__ import annotations

from typing import Any

import pytest

import company_
import decided_
from grantd_server.simulation.replay.case import read_record
from grantd_server.simulation.replay.engine import replay

CHUNKS, WORLDS, EACH = 10, 7, 740
"""More than 50,000 decisions in all."""


def world(chunk: int, number: int) -> tuple[dict[str, Any], list[decided_.Recorded]]:
    chance = company_.seeded(f"{chunk}/{number}")
    content = company_.document(chance, chance.choice([3, 8, 16, 40]), tenants=number % 3 == 0)
    _, snapshot = decided_.compiled(content)
    return content, decided_.happenings(snapshot, chance, EACH)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_simulating_the_active_bundle_changes_nothing(chunk: int) -> None:
    seen: set[bytes] = set()
    ended_how: set[tuple[str, bool]] = set()
    for number in range(WORLDS):
        content, records = world(chunk, number)
        active = decided_.candidate(content)
        active.learn(active.snapshot.version, content)
        for record in records:
            case, ended = read_record(record.body, active.names)
            answer = replay(active, case)
            assert not answer.open, (record, answer)
            assert answer.granted == ended.granted, record
            seen.add(decided_.distinct(record))
            ended_how.add((str(case.leg), bool(ended.granted)))
    assert len(seen) * CHUNKS >= 50_000
    assert len(ended_how) == 4, "both legs, granted and refused"
