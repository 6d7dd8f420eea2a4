"""How a client with a metadata document stands in a bundle, and every way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import northwind
from grantd_server.governance.faults import BundleError
from grantd_server.model.registered import DocumentCredential
from grantd_server.model.uris import check_document_url

URL = "https://agent.example/oauth/client.json"
DOCUMENT = {"metadata_document": {"algorithms": ["ES256"]}}
AT = "clients.desk.at.tools"


def bundle(client_id: Any = URL, authentication: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(northwind.BUNDLE)
    place = content["clients"]["desk"]["at"]["tools"]
    place["client_id"] = client_id
    place["authentication"] = [DOCUMENT] if authentication is None else authentication
    return content


def faults(tmp_path: Path, content: dict[str, Any]) -> list[str]:
    with pytest.raises(BundleError) as refused:
        northwind.parse(tmp_path, json.dumps(content))
    return [error.sentence for error in refused.value.errors]


@pytest.mark.req("D-19", "D-23", "E-14")
def test_a_document_client_is_found_by_its_address_at_its_issuer_alone(tmp_path: Path) -> None:
    found = northwind.snapshot(tmp_path, json.dumps(bundle()))
    registration = found.registration("https://tools.northwind.example", URL)
    assert registration is not None
    assert registration.credentials == (DocumentCredential(frozenset({"ES256"})),)
    assert found.registration("https://grants.northwind.example", URL) is None
    assert found.accepts_documents("https://tools.northwind.example")
    assert not found.accepts_documents("https://grants.northwind.example")


def test_one_address_serves_a_client_at_several_issuers(tmp_path: Path) -> None:
    content = bundle()
    content["clients"]["desk"]["at"]["northwind"] |= {"client_id": URL, "authentication": [DOCUMENT]}
    content["clients"]["desk"]["at"]["vendor"]["client_id"] = URL
    northwind.parse(tmp_path, json.dumps(content))


def test_one_address_is_not_two_clients(tmp_path: Path) -> None:
    content = bundle()
    at = {"client_id": URL, "authentication": [DOCUMENT], "grant_types": [], "sso": {"corp": ["x"]}}
    content["clients"]["zed"] = {"at": {"northwind": at}}
    sentence = f"clients.zed.at.northwind: the client desk has the metadata document {URL} already"
    assert faults(tmp_path, content) == [sentence]


@pytest.mark.req("D-19")
@pytest.mark.parametrize(
    ("client_id", "why"),
    [
        ("http://agent.example/client.json", "it must begin with https://"),
        ("HTTPS://agent.example/client.json", "it must begin with https://"),
        ("http://127.0.0.1/client.json", "it must begin with https://"),
        ("agent-7", "it is not absolute; it must begin with a scheme such as https:"),
        ("https:agent", "it has no host"),
        ("https://agent.example", "it has no path"),
        ("https://agent.example?x=/", "it has no path"),
        ("https://agent.example/a#f", "it has a fragment"),
        ("https://agent.example/a#", "it has a fragment"),
        ("https://user@agent.example/a", "it has user information"),
        ("https://user:pw@agent.example/a", "it has user information"),
        ("https://agent.example/a/../b", "it is not in its normal form, https://agent.example/b"),
        ("https://agent.example/./b", "it is not in its normal form, https://agent.example/b"),
        ("https://agent.example/a/..", "it is not in its normal form, https://agent.example/"),
        ("https://agent.example/%2e%2e/b", "it is not in its normal form, https://agent.example/b"),
        ("https://agent.example/%2E/b", "it is not in its normal form, https://agent.example/b"),
        ("https://Agent.example/a", "it is not in its normal form, https://agent.example/a"),
        ("https://agent.example/%61", "it is not in its normal form, https://agent.example/a"),
        ("https://agent.example/a|b", "it has a character that no URI has, or broken percent-encoding"),
        ("https://agent.example/%zz", "it has a character that no URI has, or broken percent-encoding"),
    ],
)
def test_an_address_of_a_document_is_strict(tmp_path: Path, client_id: str, why: str) -> None:
    assert faults(tmp_path, bundle(client_id)) == [f'{AT}.client_id: "{client_id}" is not usable: {why}']


@pytest.mark.req("D-19")
@pytest.mark.parametrize(
    "url", ["https://a.example/", "https://a.example:8443/c.json", "https://a.example/c?v=1", "https://[2001:db8::1]/c", "https://a.example/..."]
)  # fmt: skip
def test_a_path_a_port_and_a_query_may_be_there(url: str) -> None:
    check_document_url(url)


@pytest.mark.req("D-23")
def test_an_approval_is_for_one_address_and_never_for_a_pattern(tmp_path: Path) -> None:
    sentence = f"{AT}.client_id: a client id is no pattern; register each client by its id"
    assert faults(tmp_path, bundle("https://*.example/client.json")) == [sentence]


SECRET = {"secret": {"env": "DESK_TOOLS_SECRET"}}


@pytest.mark.req("D-22")
@pytest.mark.parametrize("beside", [SECRET, {"peer": "a.example.com"}])
def test_nothing_stands_beside_a_document(tmp_path: Path, beside: dict[str, Any]) -> None:
    sentence = f"{AT}.authentication: metadata_document stands alone: such a client has no other way to authenticate"
    assert faults(tmp_path, bundle(authentication=[DOCUMENT, beside])) == [sentence]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, '.metadata_document: the key "algorithms" is missing'),
        ({"algorithms": ["HS256"]}, '.metadata_document.algorithms: "HS256" is not an algorithm'),
        ({"algorithms": ["none"]}, '.metadata_document.algorithms: "none" is not an algorithm'),
        ({"algorithms": ["ES256"], "jwks_uri": "https://a.example/k"}, '.metadata_document: the key "jwks_uri" is not known here'),
        ("yes", ".metadata_document: a mapping is expected, not a text"),
    ],
)  # fmt: skip
def test_a_document_has_its_algorithms_and_nothing_else(tmp_path: Path, document: Any, sentence: str) -> None:
    (found,) = faults(tmp_path, bundle(authentication=[{"metadata_document": document}]))
    assert found.startswith(f"{AT}.authentication[0]{sentence}")


@pytest.mark.req("D-24")
def test_an_address_without_a_document_is_no_client_id(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, bundle(authentication=[SECRET]))
    assert found.startswith(f"{AT}.client_id: a client id that we give must not begin with https://;")
    assert "metadata_document" in found


def test_authentication_that_is_no_list_is_told_as_such(tmp_path: Path) -> None:
    assert f"{AT}.authentication: a list is expected, not a text; put brackets around it" in faults(
        tmp_path, bundle(authentication="yes")
    )


def test_a_resource_server_has_no_document(tmp_path: Path) -> None:
    content = yaml.safe_load(northwind.BUNDLE)
    content["resource_servers"]["ledger-mcp"]["authentication"] = [DOCUMENT]
    (found,) = faults(tmp_path, content)
    assert found.endswith("exactly one of secret, private_key_jwt, peer, tls_client_auth is expected")


@pytest.mark.req("D-14")
def test_two_secrets_are_the_most(tmp_path: Path) -> None:
    secrets = [{"secret": {"sha256": digit * 64}} for digit in "abc"]
    northwind.parse(tmp_path, json.dumps(bundle("agent-7", secrets[:2])))
    sentence = f"{AT}.authentication: at most 2 secrets: take the one away that is used no more"
    assert faults(tmp_path, bundle("agent-7", secrets)) == [sentence]
