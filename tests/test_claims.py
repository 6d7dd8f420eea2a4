"""Pure checks on claims: a table of valid claims with one change each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd import claims
from grantd.strict import Fault
from tokens import NOW, UNHURRIED

ODD = [None, True, False, 0, 1, 1.5, -1, "", [], {}, [None], [[]], {"a": 1}]
ODD_IDS = [repr(value) for value in ODD]
UNPRINTABLE = ["\0", "a\0", "\n", "a\tb", "\x7f", "\x85", "\ud800", "a\udfff", "\u202e", "\u2066x", "\u2028"]


def fault_of(read, *args, **kwargs) -> Fault:
    with pytest.raises(Fault) as caught:
        read(*args, **kwargs)
    return caught.value


@pytest.mark.req("G-09", "G-13")
@pytest.mark.parametrize("value", [*ODD, *UNPRINTABLE, "x" * 257], ids=repr)
@pytest.mark.parametrize("read", [claims.text, claims.optional_text])
def test_a_text_is_one_to_256_printable_characters(read, value):
    fault = fault_of(read, {"sub": value}, "sub")
    assert fault.check == "claim:sub"
    if isinstance(value, str) and value:
        assert value not in fault.got + fault.expected


def test_a_missing_text_is_told_from_null_and_only_an_optional_one_may_be_missing():
    assert fault_of(claims.text, {}, "sub").got == "nothing"
    assert fault_of(claims.text, {"sub": None}, "sub").got == "null"
    assert claims.optional_text({}, "sub") is None


@pytest.mark.parametrize("value", ["a", "zo\u00eb", "\U0001f600", "x" * 256, " ", "00u1", "https://a/?b#c", "\u200d"])
def test_an_ordinary_text_is_returned_as_it_is(value):
    assert claims.text({"sub": value}, "sub") == value
    assert claims.optional_text({"sub": value}, "sub") == value


def test_the_limit_of_a_text_is_the_callers():
    assert claims.text({"a": "xxx"}, "a", 3) == "xxx"
    assert fault_of(claims.text, {"a": "xxxx"}, "a", 3).got == "a text of 4 characters"


@pytest.mark.parametrize(
    "got", ["https://idp.example/", "https://IDP.example", "https://idp.example ", "https://idp.exampl"]
)
def test_an_issuer_is_compared_byte_for_byte(got):
    fault = fault_of(claims.exactly, {"iss": got}, "iss", "https://idp.example")
    assert (fault.check, fault.expected, fault.got) == ("claim:iss", "'https://idp.example'", f"'{got}'")
    assert claims.exactly({"iss": got}, "iss", got).check == "claim:iss"


@pytest.mark.parametrize("value", [*ODD, "x" * 300, 7, ["https://idp.example"]], ids=repr)
def test_an_exact_claim_of_another_type_is_refused(value):
    assert fault_of(claims.exactly, {"iss": value}, "iss", "https://idp.example").check == "claim:iss"


@pytest.mark.req("G-08", "G-13")
@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, 0.0, -1, "", "1795000000", [], {}, [1795000000], 253402300800, 253402300800.0,
        1_795_000_000_000, 10**400, -(10**400), 10**5000, float("nan"), float("inf"), float("-inf"), 1e300,
    ],
    ids=lambda value: repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "huge",
)  # fmt: skip
@pytest.mark.parametrize("read", [claims.date, claims.optional_date])
def test_a_date_is_a_number_of_seconds_before_the_year_10000(read, value):
    assert fault_of(read, {"exp": value}, "exp").check == "claim:exp"


@pytest.mark.parametrize("value", [1, 0.5, NOW, NOW + 0.25, 253402300799])
def test_a_sane_date_is_returned_as_it_is(value):
    assert claims.date({"exp": value}, "exp") == value
    assert claims.optional_date({"exp": value}, "exp") == value
    assert claims.optional_date({}, "exp") is None


@pytest.mark.req("G-12")
@pytest.mark.parametrize("value", ["https://as.example", ["https://as.example"]])
def test_a_sole_audience_is_a_text_or_a_list_of_one(value):
    assert claims.sole_audience({"aud": value}) == "https://as.example"


@pytest.mark.req("G-12")
@pytest.mark.parametrize(
    "value",
    [*ODD, ["a", "b"], ["a", "a"], ["a", None], ["a", 1], [""], {"a": "b"}, ["\0"], [["a"]], "x" * 2049],
    ids=repr,
)
def test_anything_else_is_no_sole_audience(value):
    assert fault_of(claims.sole_audience, {"aud": value}).check == "claim:aud"
    assert fault_of(claims.sole_audience, {}).check == "claim:aud"


def test_several_audiences_are_returned_in_order_and_every_one_is_checked():
    assert claims.audiences({"aud": ["b", "a"]}) == ("b", "a")
    assert claims.audiences({"aud": "a"}) == ("a",)
    for value in [["a", 1], ["a", ""], [], None, {}, ["a"] * 1025]:
        assert fault_of(claims.audiences, {"aud": value}).check == "claim:aud"


@pytest.mark.parametrize(
    "value", [None, True, 0, "", "a", {}, [1], [None], [""], ["a", []], ["\0"], ["a"] * 1025, ["x" * 257]]
)
@pytest.mark.parametrize("read", [claims.text_list, claims.optional_text_list])
def test_a_list_of_texts_is_nothing_else(read, value):
    assert fault_of(read, {"groups": value}, "groups").check == "claim:groups"


def test_a_list_of_texts_may_be_empty_and_an_optional_one_missing():
    assert claims.text_list({"groups": []}, "groups") == ()
    assert claims.text_list({"groups": ["a", "b"]}, "groups") == ("a", "b")
    assert len(claims.text_list({"groups": ["a"] * 1024}, "groups")) == 1024
    assert claims.optional_text_list({"groups": ["a"]}, "groups") == ("a",)
    assert claims.optional_text_list({}, "groups") is None
    assert fault_of(claims.text_list, {}, "groups").got == "nothing"


VALID = {"iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 200}


@pytest.mark.req("G-14")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({}, None),
        ({"exp": NOW - 29}, None),
        ({"exp": NOW - 30}, "expired"),
        ({"exp": NOW - 29.9}, None),
        ({"nbf": NOW + 30}, None),
        ({"nbf": NOW + 31}, "time:nbf"),
        ({"iat": NOW + 30}, None),
        ({"iat": NOW + 30.5}, "time:iat"),
        ({"iat": NOW + 8, "nbf": NOW + 8}, None),
        ({"iat": NOW + 10, "exp": NOW + 10}, "time:exp"),
        ({"iat": NOW + 10, "exp": NOW + 5}, "time:exp"),
        ({"exp": NOW + 201}, "time:life"),
        ({"iat": NOW - 101}, "time:life"),
    ],
)
def test_the_dates_of_a_token_hold_within_one_skew(change, check):
    token = VALID | change
    if check is None:
        times = claims.check_times(token, NOW, max_lifetime=300)
        assert (times.exp, times.iat, times.nbf) == (token["exp"], token["iat"], token["nbf"])
        assert [passed.check for passed in times.passed] == ["expired", "time:nbf", "time:iat", "time:exp", "time:life"]
    else:
        assert fault_of(claims.check_times, token, NOW, max_lifetime=300).check == check


@pytest.mark.req("G-08", "G-13")
@pytest.mark.parametrize("value", [None, True, False, "", "1795000000", [], {}, 0], ids=repr)
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_date_of_another_type_is_refused_also_where_it_is_optional(name, value):
    assert fault_of(claims.check_times, VALID | {name: value}, NOW, require_iat=False).check == f"claim:{name}"


def test_iat_is_required_unless_said_otherwise_and_nbf_is_not():
    token = {"exp": NOW + 200}
    assert fault_of(claims.check_times, token, NOW).check == "claim:iat"
    times = claims.check_times(token, NOW, require_iat=False)
    assert (times.iat, times.nbf) == (None, None)
    assert fault_of(claims.check_times, {}, NOW, require_iat=False).check == "claim:exp"


def test_a_token_without_iat_lives_no_longer_than_one_with():
    assert claims.check_times({"exp": NOW + 330}, NOW, max_lifetime=300, require_iat=False)
    fault = fault_of(claims.check_times, {"exp": NOW + 331}, NOW, max_lifetime=300, require_iat=False)
    assert fault.check == "time:life"


@pytest.mark.req("G-14")
def test_the_skew_is_30_seconds_and_never_above_60():
    assert claims.SKEW == 30
    token = VALID | {"exp": NOW - 59}
    assert claims.check_times(token, NOW, skew=60).exp == NOW - 59
    assert fault_of(claims.check_times, token, NOW).check == "expired"
    assert fault_of(claims.check_times, VALID | {"exp": NOW - 61}, NOW, skew=60).check == "expired"
    assert claims.check_times(VALID, NOW, skew=0).exp == NOW + 200
    for skew in (61, -1, float("nan")):
        with pytest.raises(ValueError, match="clock skew"):
            claims.check_times(VALID, NOW, skew=skew)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.mark.req("G-15")
@UNHURRIED
@given(st.dictionaries(st.sampled_from(["aud", "exp", "iat", "nbf", "sub"]), JSON))
def test_any_claims_are_read_or_a_fault(found):
    readers = [
        lambda: claims.audiences(found),
        lambda: claims.sole_audience(found),
        lambda: claims.text(found, "sub"),
        lambda: claims.text_list(found, "sub"),
        lambda: claims.check_times(found, NOW, max_lifetime=300, require_iat=False),
    ]
    for read in readers:
        try:
            assert read() is not None
        except Fault as fault:
            assert fault.got  # noqa: PT017  # the fault is the answer here, not an error
