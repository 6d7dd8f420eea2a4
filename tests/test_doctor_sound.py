"""Sound set-ups of other makes, and walks through them, have neither errors nor warnings."""

from __future__ import annotations

import pytest

from doctor_judging import found_by
from doctor_world import faults
from grantd_server.doctor.findings import Severity

SOUND = faults("doctor_sound")
SOUND_WALKS = faults("doctor_sound_walks")


@pytest.mark.parametrize("row", SOUND, ids=[row["sound"] for row in SOUND])
async def test_nothing_is_wrong_with_a_sound_set_up_of_another_make(row):
    found = await found_by(row)
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []


@pytest.mark.parametrize("row", SOUND_WALKS, ids=[row["sound"] for row in SOUND_WALKS])
async def test_nothing_is_wrong_with_a_walk_through_a_sound_set_up_of_another_make(row):
    found = await found_by(row, walked=True)
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []
