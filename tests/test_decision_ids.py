"""Decision ids: they sort by time, and nobody guesses one."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from grantd_server.audit.record import Record, new_decision_id

SECONDS = st.floats(min_value=0, max_value=2**38, allow_nan=False)


@given(SECONDS, SECONDS)
def test_ids_sort_by_the_millisecond_of_their_decision(one, other):
    earlier, later = sorted((one, other))
    if int(earlier * 1000) < int(later * 1000):
        assert new_decision_id(earlier) < new_decision_id(later)


def test_two_ids_of_one_instant_differ_in_eighty_random_bits():
    made = {new_decision_id(1_795_311_659.25) for _ in range(200)}

    assert len(made) == 200
    assert len({text[13:] for text in made}) == 200
    assert all(re.fullmatch(r"d[0-9a-f]{32}", text) for text in made)


def test_a_record_draws_its_id_at_its_own_time_and_keeps_one_that_it_is_given():
    drawn = Record("RedeemGrant", 1_795_311_659.25)

    assert drawn.id[:13] == new_decision_id(1_795_311_659.25)[:13]
    assert Record("RedeemGrant", 1_795_311_659.25, id="d1").id == "d1"
