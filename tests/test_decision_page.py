"""`error_uri`: the organisation's page about one refusal, with the decision id in it and nothing else."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.audit.record import new_decision_id
from grantd_server.model.decision_page import check_decision_page, decision_page
from grantd_server.refusals import Public
from grantd_server.settings import Serving, Settings, SettingsError, check, load
from grantd_server.shim import ShimLimits
from grantd_server.shim.answer.refusal import ABOUT_THE_SHIM
from grantd_server.wiring.http import shim_limits
from openapi_ import ABOUT_ADMINISTRATORS, check_answer, document
from shim_fakes import IDP, REDEEM, Refuse, basic, fronted

PAGE = "https://help.corp.example/grantd?decision={decision}"
FORM = {"grant_type": REDEEM, "assertion": "x"}
ONE_A_STATUS = {
    public.http: public for public in Public if public not in ABOUT_THE_SHIM | ABOUT_ADMINISTRATORS
}.values()
"""Of every reason the case files ask."""
ERROR_URI = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 section 5.2."""
ID = "d01a2029ad3ec1cbab77e4322c033865f"


@pytest.mark.parametrize(
    "template",
    [
        PAGE,
        "https://help.corp.example?decision={decision}",
        "https://help.corp.example/{decision}",
        "https://help.corp.example:8443/grantd/{decision}/why?lang=en&team=%C3%A9",
        "http://127.0.0.1:8000/{decision}",
        "http://[::1]/{decision}",
        "http://localhost/{decision}",
    ],
)
def test_an_address_with_one_place_for_the_decision_is_taken(template: str) -> None:
    check_decision_page(template)
    told = decision_page(template, ID)
    assert told == template.replace("{decision}", ID)
    assert ERROR_URI.fullmatch(told)


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("", "an address is expected that has {decision} in it once"),
        ("https://help.corp.example/grantd", "an address is expected that has {decision} in it once"),
        ("https://help.corp.example/{decision}/{decision}", "an address is expected that has {decision} in it once"),
        ("https://help.corp.example/{id}", "an address is expected that has {decision} in it once"),
        ("https://help.corp.example/{decision}?sub={sub}", "it has a character that no URI has"),
        ("https://help.corp.example{decision}", "{decision} belongs into the path or the query"),
        ("https://help.corp.example:{decision}", "{decision} belongs into the path or the query"),
        ("https://help.corp.example:84{decision}/", "{decision} belongs into the path or the query"),
        ("https://{decision}.corp.example/", "it has no host"),
        ("https://{decision}@corp.example/", "it has no host"),
        ("https://ada:pass@corp.example/{decision}", "it has user information"),
        ("{decision}://corp.example/", "it has a character that no URI has"),
        ("/grantd/{decision}", "it is not absolute"),
        ("http://help.corp.example/{decision}", "http is for loopback hosts only"),
        ("http://127.0.0.1.corp.example/{decision}", "http is for loopback hosts only"),
        ("javascript:alert({decision})", "it must begin with https://"),
        ("ftp://help.corp.example/{decision}", "it must begin with https://"),
        ("https://help.corp.example/#{decision}", "it has a fragment"),
        ("https://help.corp.example/{decision}#why", "it has a fragment"),
        ("https://help.corp.example/%{decision}", "broken percent-encoding"),
        ("https://help.corp.example/%4{decision}", "broken percent-encoding"),
        ("https://help.corp.example/{decision}%", "broken percent-encoding"),
        ('https://help.corp.example/"{decision}"', "it has a character that no URI has"),
        ("https://help.corp.example/\\{decision}", "it has a character that no URI has"),
        ("https://help.corp.example/ {decision}", "it has a character that no URI has"),
        ("https://help.corp.example/{decision}\n", "it has a character that no URI has"),
        ("https://help.corp.example/é{decision}", "it has a character that no URI has"),
        (f"https://help.corp.example/{'a' * 2000}/{{decision}}", "it is longer than 2048 characters"),
    ],
)
def test_any_other_is_one_sentence_at_the_start(template: str, sentence: str, tmp_path) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        check_decision_page(template)
    file = tmp_path / "grantd.yaml"
    file.write_text(json.dumps({"http": {"error_uri": template}}))
    with pytest.raises(SettingsError) as refused:
        load(file, {})
    (told,) = refused.value.problems
    assert told.startswith(f"{file}:1: http.error_uri: ")
    assert sentence in told
    assert told.endswith(".")


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_is_taken_keeps_its_host_and_the_characters_of_error_uri(before: str, after: str) -> None:
    template = f"https://help.corp.example{before}{{decision}}{after}"
    try:
        check_decision_page(template)
    except ValueError:
        return
    told = decision_page(template, ID)
    assert ERROR_URI.fullmatch(told)
    assert urlsplit(told).hostname == urlsplit(decision_page(template, "")).hostname
    assert urlsplit(told).fragment == ""


@given(st.floats(min_value=0, max_value=2**38, allow_nan=False))
def test_a_decision_id_is_safe_in_a_url_by_the_way_it_is_made(now: float) -> None:
    made = new_decision_id(now)
    assert quote(made, safe="") == made
    assert urlsplit(f"https://h/{made}").path == f"/{made}"
    assert parse_qs(f"decision={made}") == {"decision": [made]}


def test_an_id_of_a_service_of_another_making_stays_one_value_of_the_query() -> None:
    told = decision_page(PAGE, 'd1&next=https://evil.example/#"\\ \r\n')
    assert ERROR_URI.fullmatch(told)
    assert (urlsplit(told).netloc, urlsplit(told).fragment) == ("help.corp.example", "")
    assert parse_qs(urlsplit(told).query) == {"decision": ['d1&next=https://evil.example/#"\\ \r\n']}


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_plain_http_on_this_machine_is_for_development(scheme: str) -> None:
    page = f"{scheme}://127.0.0.1/{{decision}}"
    for development in (False, True):
        settings = Settings.model_validate({"development": development, "http": {"error_uri": page}})
        with pytest.raises(SettingsError) as refused:
            check(settings, Serving.BOTH, {})
        told = [problem for problem in refused.value.problems if "error_uri" in problem]
        assert told == ([] if development else ["http.error_uri uses plain http, which needs development: true."])


def test_a_page_over_https_is_safe_without_development() -> None:
    with pytest.raises(SettingsError) as refused:
        check(Settings.model_validate({"http": {"error_uri": PAGE}}), Serving.BOTH, {})
    assert [problem for problem in refused.value.problems if "error_uri" in problem] == []


def test_the_setting_reaches_the_http_side_and_is_off_unless_set() -> None:
    assert shim_limits(Settings()).error_uri is None
    assert shim_limits(load(None, {"GRANTD__HTTP__ERROR_URI": PAGE})).error_uri == PAGE


@pytest.mark.req("F-23")
@pytest.mark.parametrize("public", ONE_A_STATUS, ids=str)
async def test_a_refusal_on_record_names_the_page(public: Public) -> None:
    async with fronted(ShimLimits(error_uri=PAGE)) as front:
        front.service.answers["RedeemGrant"] = Refuse(public)
        answer = await front.post("/as/token", FORM, authorization=basic("cli", "s"))
    assert answer.json() == {
        "error": public.oauth_error,
        "error_description": public.sentence,
        "error_uri": "https://help.corp.example/grantd?decision=dec-1",
    }
    check_answer(document()["paths"]["/token"]["post"], answer)
    # The challenge of RFC 7617 has no members for errors: they are in the body alone.
    assert "error" not in answer.headers.get("www-authenticate", "")


@pytest.mark.req("F-23")
@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/as/token", {"grant_type": "password"}),
        ("/as/token", {"grant_type": [REDEEM, REDEEM]}),
        ("/as/introspect", {"token": ["x", "y"]}),
        ("/as/revoke", "token=%"),
        ("/as/authorize", {}),
        (f"/{IDP.rpartition('/')[2]}/token", {}),
    ],
)
async def test_so_does_a_request_that_no_call_came_of(path: str, form: object) -> None:
    async with fronted(ShimLimits(error_uri=PAGE)) as front:
        answer = await front.post(path, form)
    assert answer.json()["error_uri"] == PAGE.replace("{decision}", answer.headers["x-grantd-decision-id"])


async def test_what_is_not_on_record_names_no_page() -> None:
    async with fronted(ShimLimits(error_uri=PAGE)) as front:
        front.service.answers["RedeemGrant"] = Refuse(trailers=())
        answer = await front.post("/as/token", FORM)
        elsewhere = await front.post("/nowhere", FORM)
    assert (answer.status_code, answer.json().keys()) == (500, {"error", "error_description"})
    assert elsewhere.text == "not found\n"


async def test_an_answer_that_is_no_refusal_names_no_page() -> None:
    async with fronted(ShimLimits(error_uri=PAGE)) as front:
        token = await front.post("/as/token", FORM)
        inactive = await front.post("/as/introspect", {"token": "x"})
    assert "error_uri" not in token.json()
    assert inactive.json() == {"active": False}
