"""Groups and roles of a sign-in: where they are found, and when they are unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantd_server.model.bundle.rules import UNKNOWN, Attribute, State
from grantd_server.subjects.attributes import MOST_VALUES, list_claim
from test_remembered import CORP

PATH = ("realm_access", "roles")
ENG = Attribute.of(frozenset({"corp:eng"}))


@pytest.mark.req("A-41")
@pytest.mark.parametrize(
    ("claims", "path", "found"),
    [
        ({"groups": ["eng"]}, ("groups",), ENG),
        ({"groups": "eng"}, ("groups",), ENG),
        ({"groups": []}, ("groups",), Attribute(State.EMPTY)),
        ({"a": {"b": {"c": ["eng"]}}}, ("a", "b", "c"), ENG),
        ({"a.b": ["eng"], "a": {"b": ["sales"]}}, ("a.b",), ENG),
        ({"realm_access": {"roles": ["eng"]}}, PATH, ENG),
        ({"realm_access": {"roles": ["eng"]}}, None, UNKNOWN),
        ({"realm_access": {}}, PATH, UNKNOWN),
        ({}, PATH, UNKNOWN),
        ({"realm_access": [{"roles": ["eng"]}]}, PATH, UNKNOWN),
        ({"realm_access": "roles"}, PATH, UNKNOWN),
        ({"realm_access": None}, PATH, UNKNOWN),
        ({"realm_access": {"roles": {"eng": True}}}, PATH, UNKNOWN),
        ({"realm_access": {"roles": [["eng"]]}}, PATH, UNKNOWN),
        ({"groups": ["eng"] * MOST_VALUES}, ("groups",), ENG),
        ({"groups": ["eng"] * (MOST_VALUES + 1)}, ("groups",), UNKNOWN),
    ],
)
def test_a_list_is_found_where_its_path_leads_and_nowhere_else(
    claims: dict[str, Any], path: tuple[str, ...] | None, found: Attribute
) -> None:
    assert list_claim(CORP, claims, path) == found


MARKERS: list[dict[str, Any]] = [
    {"_claim_names": {"roles": "src1"}},
    {"_claim_names": {"realm_access": "src1"}},
    {"hasroles": True},
    {"hasroles": "true"},
    {"hasrealm_access": True},
    {"roles:overage": 1},
]


@pytest.mark.req("A-41")
@pytest.mark.parametrize("marker", MARKERS, ids=str)
def test_a_list_that_the_provider_left_out_is_unknown_wherever_it_says_so(marker: dict[str, Any]) -> None:
    inside = {"roles": ["eng"]}
    assert list_claim(CORP, {"realm_access": inside, **marker}, PATH) == UNKNOWN
    assert list_claim(CORP, {"realm_access": {**inside, **marker}}, PATH) == UNKNOWN
    assert list_claim(CORP, {**inside, **marker}, ("roles",)) == (UNKNOWN if "roles" in str(marker) else ENG)


@pytest.mark.parametrize(
    "marker", [{"_claim_names": {"email": "src1"}}, {"_claim_names": ["roles"]}, {"hasroles": False}]
)
def test_a_marker_about_something_else_is_none(marker: dict[str, Any]) -> None:
    assert list_claim(CORP, {"realm_access": {"roles": ["eng"], **marker}}, PATH) == ENG


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "hasb", "x"]), below, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.req("A-41")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["a", "b", "_claim_names"]), json, max_size=3),
    st.sampled_from([("a",), ("a", "b")]),
)
def test_whatever_is_sent_is_read_or_unknown(claims: dict[str, Any], path: tuple[str, ...]) -> None:
    found = list_claim(CORP, claims, path)
    assert all(value.startswith("corp:") and len(value) > 5 for value in found.values)
    assert (found.state is State.KNOWN) == bool(found.values)
