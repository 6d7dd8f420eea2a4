"""The form reader: strict where other readers guess."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.request.form import PARAMETERS, form_decoded, read_form

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def fault_of(raw: bytes, most: int = 64) -> pb.WireFault.ValueType:
    with pytest.raises(WireRefused) as refused:
        read_form(raw, most)
    return refused.value.fault


@pytest.mark.req("F-07")
def test_plus_is_a_space_and_percent_2b_is_a_plus():
    form = read_form(b"scope=a+b%20c%2Bd", 64)
    assert form.one("scope") == "a b c+d"


@pytest.mark.req("F-05")
@pytest.mark.parametrize("raw", [b"", b"scope=", b"scope", b"&scope=&", b"=x", b"&&&"])
def test_an_empty_value_counts_as_absent(raw):
    form = read_form(raw, 64)
    assert form.one("scope") is None
    assert form.many("scope") == []
    form.refuse_repeated()


@pytest.mark.req("F-05", "F-06")
def test_an_empty_value_is_no_repetition():
    form = read_form(b"scope=&scope=a&scope=", 64)
    form.refuse_repeated()
    assert form.one("scope") == "a"


@pytest.mark.req("F-02")
@pytest.mark.parametrize(
    "raw",
    [b"a=%", b"a=%4", b"a=%zz", b"a=%u0041", b"%4=a", b"a=%ff", b"a=\xff", b"a=%c3%28", b"a=%ed%a0%80", b"\xfe=a"],
)
def test_what_is_damaged_is_refused_and_not_repaired(raw):
    assert fault_of(raw) == pb.WIRE_FAULT_FORM


@pytest.mark.req("F-02")
@pytest.mark.parametrize("raw", [b"a=%00", b"a=b\0c", b"a%00=b", b"a\0=b"])
def test_nul_is_refused(raw):
    assert fault_of(raw) == pb.WIRE_FAULT_FORM


def test_more_fields_than_the_limit_are_refused():
    assert read_form(b"&".join([b"a=1"] + [b"b="] * 3), 4).one("a") == "1"
    assert fault_of(b"&".join([b"a=1"] + [b"b="] * 4), 4) == pb.WIRE_FAULT_FORM


@pytest.mark.req("F-06")
def test_a_repeated_parameter_is_refused_by_its_protocol_name_only():
    for raw, named in ((b"scope=a&scope=a", "scope"), (b"s3cr3t=a&s3cr3t=b", None)):
        with pytest.raises(WireRefused) as refused:
            read_form(raw, 64).refuse_repeated({"resource"})
        assert (refused.value.fault, refused.value.parameter) == (pb.WIRE_FAULT_REPEATED_PARAMETER, named)
    read_form(b"resource=a&resource=b", 64).refuse_repeated({"resource"})


def test_values_of_one_name_keep_their_order():
    assert read_form(b"resource=b&x=1&resource=a", 64).many("resource") == ["b", "a"]


def test_parameter_names_are_case_sensitive():
    form = read_form(b"Scope=a&scope=b", 64)
    form.refuse_repeated()
    assert form.one("scope") == "b"


@pytest.mark.req("F-09", "F-10")
def test_the_known_names_are_those_of_the_specifications():
    leg_1 = (
        "grant_type, requested_token_type, audience, resource, scope, authorization_details, subject_token, "
        "subject_token_type, actor_token, actor_token_type, client_id, client_secret, client_assertion_type, "
        "client_assertion"
    )
    leg_2 = "grant_type, assertion, scope, resource"
    others = {"refresh_token", "token", "token_type_hint"}
    assert set(leg_1.split(", ")) | set(leg_2.split(", ")) | others == PARAMETERS


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT.filter(bool)), max_size=20))
def test_a_valid_form_reads_back_as_urllib_wrote_it(pairs):
    raw = urlencode(pairs).encode()
    form = read_form(raw, 64)
    assert [(n, v) for n, v in parse_qsl(raw.decode(), strict_parsing=bool(raw))] == pairs
    for name in {name for name, _ in pairs}:
        assert form.many(name) == [value for other, value in pairs if other == name]


@given(TEXT)
def test_one_value_survives_percent_encoding(text):
    assert form_decoded(quote(text, safe="").encode()) == text


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_refusal(raw):
    fault, values = None, {}
    try:
        values = read_form(raw, 64)._values
    except WireRefused as refused:
        fault = refused.fault
    assert fault in {None, pb.WIRE_FAULT_FORM}
    assert all("\0" not in value for several in values.values() for value in several)
