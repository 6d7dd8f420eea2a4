"""Faults of set-ups in the field are found, each with its severity, its party and its words."""

from __future__ import annotations

import pytest

from doctor_judging import found_by, meeting
from doctor_world import faults

PLANTED = faults("doctor_faults_fresh")


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_fault_of_the_field_is_found_with_its_severity_its_party_and_its_words(row):
    found = await found_by(row)
    assert meeting(row, found), found
