"""Faults that only a walk can show are found, each with its severity, its party and its words."""

from __future__ import annotations

import pytest

from doctor_judging import found_by, meeting
from doctor_world import faults

PLANTED = faults("doctor_faults_fresh_walk")


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_fault_on_the_way_is_found_with_its_severity_its_party_and_its_words(row):
    found = await found_by(row, walked=True)
    assert meeting(row, found), found
