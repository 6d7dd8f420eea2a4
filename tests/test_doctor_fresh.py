"""Faults of set-ups in the field are found, each with its severity, its party and its words;
sound set-ups of other makes have neither errors nor warnings."""

from __future__ import annotations

import pytest

from doctor_judging import found_by, meeting
from doctor_world import faults
from grantd_server.doctor.findings import Severity

PLANTED = faults("doctor_faults_fresh")
SOUND = faults("doctor_sound")


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_fault_of_the_field_is_found_with_its_severity_its_party_and_its_words(row):
    found = await found_by(row)
    assert meeting(row, found), found


@pytest.mark.parametrize("row", SOUND, ids=[row["sound"] for row in SOUND])
async def test_nothing_is_wrong_with_a_sound_set_up_of_another_make(row):
    found = await found_by(row)
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []
