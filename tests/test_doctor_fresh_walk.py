"""Faults that only a walk can show are found, each with its severity, its party and its words; sound ways are left alone."""

from __future__ import annotations

import pytest

from doctor_judging import found_by, meeting
from doctor_world import faults
from grantd_server.doctor.findings import Severity

PLANTED = faults("doctor_faults_fresh_walk")
SOUND = faults("doctor_sound_walks")


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_fault_on_the_way_is_found_with_its_severity_its_party_and_its_words(row):
    found = await found_by(row, walked=True)
    assert meeting(row, found), found


@pytest.mark.parametrize("row", SOUND, ids=[row["sound"] for row in SOUND])
async def test_nothing_is_wrong_with_a_walk_through_a_sound_set_up_of_another_make(row):
    found = await found_by(row, walked=True)
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []
