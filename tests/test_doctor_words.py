"""How two identifiers differ, which name was meant, and what of foreign text is shown."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor_keys import KEYS
from grantd.jwk import RSA_ALGORITHMS
from grantd_server.doctor.checks.keys.algorithms import signs
from grantd_server.doctor.checks.spelling import difference, nearly
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed, printable
from grantd_server.doctor.reading.exchanges import Exchange
from grantd_server.doctor.reading.issuers import IssuerSeen
from grantd_server.keys.foreign.fetch import Answer
from tokens import UNHURRIED

AS = "https://as.example/tools"


@pytest.mark.req("E-03", "H-04", "G-27")
@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (AS + "/", "slash"),
        (AS + "//", "slash"),
        ("https://as.example/Tools", "case"),
        ("HTTPS://as.example/tools", "case"),
        ("https://as.example:443/tools", "port"),
        ("http://as.example/tools", "scheme"),
        ("https://as.ex\u0430mple/tools", "characters"),
        ("https://as.example/tools\u200b", "characters"),
        ("https://as.example/tools\u00a0", "characters"),
        ("https://as.example/\uff54ools", "characters"),
        ("https://as.example/%74ools", "encoding"),
        ("https://as.example/tools%20", "differs"),
        ("https://as.example:8443/tools", "differs"),
        ("https://as.example/tool", "differs"),
        ("https://as.example.evil/tools", "differs"),
        ("http://as.example:80/tools", "differs"),
        ("https://[", "differs"),
        ("", "differs"),
    ],
)
def test_the_difference_is_told_by_its_kind(got, kind):
    assert difference(AS, got) == kind


@UNHURRIED
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(one, other):
    assert difference(one, other)


@pytest.mark.parametrize(
    ("value", "meant"),
    [("urn:x:id_jag", "urn:x:id-jag"), ("URN:X:ID-JAG", "urn:x:id-jag"), ("urn:x:id-jag", ""), ("urn:x:other", "")],
)
def test_a_name_that_is_nearly_right_leads_to_the_right_one(value, meant):
    assert nearly(value, {"urn:x:id-jag"}) == meant


@UNHURRIED
@given(st.text(max_size=500))
def test_evidence_is_printable_ascii_and_cut(text):
    row = Row("a.b", Severity.ERROR, "A.", "B.")
    found = row.at(Party.SERVER, text, text)
    assert isinstance(found, Finding)
    assert all(" " <= char <= "~" for char in found.subject + found.evidence)


def test_long_text_is_cut_and_says_so():
    assert cut("x" * 120) == f"'{'x' * 120}'"
    assert cut("x" * 121) == f"'{'x' * 120}…' (121 characters)"
    assert printable("x" * 11, 10) == "xxxxxxx..."
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("a\x1b\u202e\ud800", 10) == "a\\x1b\\u202e\\ud800"


def test_a_list_is_cut_and_says_how_many_are_left_out():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(list("abcdefghij")) == "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 2 more"
    assert listed([]) == "nothing"
    assert listed("text") == "'text'"


def test_whose_job_it_is_follows_the_party_unless_the_row_says_otherwise():
    row = Row("a.b", Severity.ERROR, "A.", "B.")
    assert row.at(Party.RESOURCE, "x").whose == "the owner of the MCP server"
    assert Row("a.b", Severity.ERROR, "A.", "B.", "somebody").at(Party.RESOURCE, "x").whose == "somebody"


def without(key, *names):
    return {name: value for name, value in key.items() if name not in names}


RSA, EC = KEYS["idp"], KEYS["issuer"]


@pytest.mark.parametrize(
    ("keys", "stated", "algorithms"),
    [
        ([RSA, EC], None, {"RS256", "ES256"}),
        ([RSA, EC], ["ES256", "EdDSA"], {"ES256"}),
        ([without(RSA, "alg")], None, RSA_ALGORITHMS),
        ([without(RSA, "alg"), EC], ["PS256"], {"PS256"}),
        ([{**without(RSA, "alg"), "e": "AQ", "kid": "weak"}, EC], None, {"ES256"}),
        ([without(EC, "alg")], None, {"ES256"}),
        ([], None, set()),
    ],
)
def test_what_an_issuer_signs_with_is_what_its_usable_keys_are_for(keys, stated, algorithms):
    metadata = {} if stated is None else {"id_token_signing_alg_values_supported": stated}
    answered = Exchange("u", 0, 0, Answer(200, httpx2.Headers(), b""), members=metadata)
    jwks = Exchange("u", 0, 0, Answer(200, httpx2.Headers(), b""), members={"keys": keys})
    seen = IssuerSeen(Party.PROVIDER, "https://idp.example", forms={"OpenID": answered}, jwks=jwks)
    assert signs(seen) == algorithms
