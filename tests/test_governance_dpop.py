"""What a bundle says of DPoP: defaults, values, and what cannot go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import northwind
from grantd_server.governance.faults import BundleError
from grantd_server.model.bundle.governed import DpopPolicy

if TYPE_CHECKING:
    from pathlib import Path

ISSUER = "    identity_providers: [corp]\n"
SERVER = "    trust_domain: tools\n"
AT_ISSUER = "        sso: {corp: [desk-sso]}\n"
AT_SERVER = "        grant_types: [jwt-bearer]\n"
FOREIGN = "      vendor: {client_id: northwind-desk}\n"
OFF = "dpop is off here, so that no nonce is given out"


def with_lines(**after: str) -> str:
    text = northwind.BUNDLE
    for name, more in after.items():
        line = globals()[name]
        assert text.count(line) == 1, name
        text = text.replace(line, line + more)
    return text


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("", None),
        ("    dpop: off\n", None),
        ("    dpop: optional\n", DpopPolicy(required=False, nonces=True)),
        ("    dpop: required\n", DpopPolicy(required=True, nonces=True)),
        ("    dpop: required\n    dpop_nonces: false\n", DpopPolicy(required=True, nonces=False)),
    ],
)
def test_each_party_says_what_it_does_with_proofs(tmp_path: Path, written: str, policy: DpopPolicy | None) -> None:
    at_issuer = northwind.snapshot(tmp_path, with_lines(ISSUER=written))
    assert at_issuer.grant_issuers["https://grants.northwind.example"].dpop == policy
    assert at_issuer.authorization_servers["https://tools.northwind.example"].dpop is None
    at_server = northwind.snapshot(tmp_path, with_lines(SERVER=written))
    assert at_server.grant_issuers["https://grants.northwind.example"].dpop is None
    assert at_server.authorization_servers["https://tools.northwind.example"].dpop == policy


@pytest.mark.req("B-25")
def test_the_second_grant_type_is_offered_on_purpose(tmp_path: Path) -> None:
    on = northwind.snapshot(tmp_path, with_lines(SERVER="    dpop: optional\n    jwt_dpop_grant: true\n"))
    assert on.authorization_servers["https://tools.northwind.example"].jwt_dpop
    off = northwind.snapshot(tmp_path, with_lines(SERVER="    dpop: optional\n"))
    assert not off.authorization_servers["https://tools.northwind.example"].jwt_dpop


@pytest.mark.req("G-35")
def test_a_client_is_held_to_proofs_where_it_is_registered_for_them(tmp_path: Path) -> None:
    bound = "        dpop_bound_access_tokens: true\n"
    text = with_lines(ISSUER="    dpop: optional\n", AT_ISSUER=bound)
    snapshot = northwind.snapshot(tmp_path, text)
    at_issuer = snapshot.registration_of("desk", "https://grants.northwind.example")
    at_server = snapshot.registration_of("desk", "https://tools.northwind.example")
    assert at_issuer is not None
    assert at_server is not None
    assert (at_issuer.dpop_bound, at_server.dpop_bound) == (True, False)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ({"ISSUER": "    dpop: true\n"}, "grant_issuers.northwind.dpop: one of off, optional, required is expected"),
        ({"SERVER": "    dpop: [off]\n"}, "authorization_servers.tools.dpop: one of off, optional, required is expected"),
        ({"ISSUER": "    dpop: optional\n    dpop_nonces: yes\n"}, 'grant_issuers.northwind.dpop_nonces: true or false is expected, not "yes"'),
        ({"ISSUER": "    dpop_nonces: true\n"}, f"grant_issuers.northwind.dpop_nonces: {OFF}"),
        ({"SERVER": "    dpop: off\n    dpop_nonces: false\n"}, f"authorization_servers.tools.dpop_nonces: {OFF}"),
        ({"SERVER": "    jwt_dpop_grant: true\n"}, "authorization_servers.tools.jwt_dpop_grant: dpop is off here, and the grant type is for grants that are bound to a key"),
        ({"ISSUER": "    jwt_dpop_grant: true\n"}, 'grant_issuers.northwind: the key "jwt_dpop_grant" is not known here'),
        ({"AT_ISSUER": "        dpop_bound_access_tokens: true\n"}, "clients.desk.at.northwind: dpop is off at northwind, so that this client could never be served"),
        ({"AT_SERVER": "        dpop_bound_access_tokens: true\n"}, "clients.desk.at.tools: dpop is off at tools, so that this client could never be served"),
        ({"AT_SERVER": "        dpop_bound_access_tokens: 1\n"}, 'clients.desk.at.tools.dpop_bound_access_tokens: true or false is expected, not 1 (write "1" in quotes if a text is meant)'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, lines: dict[str, str], sentence: str) -> None:
    (told,) = northwind.faults(tmp_path, with_lines(**lines))
    place, _, said = told.partition(": ")
    assert said == sentence
    file, line, column = place.split(":")
    assert (file, line.isdigit(), column.isdigit()) == ("b.yaml", True, True)


def test_of_a_foreign_server_nothing_of_dpop_is_said(tmp_path: Path) -> None:
    text = northwind.changed(
        "{client_id: northwind-desk}", "{client_id: northwind-desk, dpop_bound_access_tokens: true}"
    )
    with pytest.raises(BundleError, match="vendor is foreign"):
        northwind.parse(tmp_path, text)
    text = northwind.changed("    foreign: true\n", "    foreign: true\n    dpop: optional\n")
    with pytest.raises(BundleError, match='the key "dpop" is not known here'):
        northwind.parse(tmp_path, text)


def test_a_broken_issuer_is_told_without_blaming_its_clients(tmp_path: Path) -> None:
    text = with_lines(AT_ISSUER="        dpop_bound_access_tokens: true\n", ISSUER="    dpop: maybe\n")
    assert len(northwind.faults(tmp_path, text)) == 1
