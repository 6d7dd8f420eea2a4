"""A walk carries proofs of possession where somebody wants them, by one key on both legs."""

from __future__ import annotations

import json

import httpx2
import pytest

from doctor_walk import Walk
from doctor_world import world
from grantd import jws
from grantd_server.doctor import report
from grantd_server.doctor.findings import Severity
from grantd_server.doctor.probing.proofs import Proofs, demanded
from grantd_server.doctor.reading.exchanges import Exchange
from grantd_server.keys.foreign.fetch import Answer

ES256 = ["ES256"]
BOTH = {
    "issuer.metadata": {"json": {"dpop_signing_alg_values_supported": ES256}},
    "server.metadata": {"json": {"dpop_signing_alg_values_supported": ES256}},
}
RESOURCE = {
    "resource.metadata": {"json": {"dpop_signing_alg_values_supported": ES256}},
    "resource.root": {"json": {"dpop_signing_alg_values_supported": ES256}},
}
LEGS = ("issuer.token", "server.token")
CALLED = "resource.called-with-token"


async def walked(fault, plant=None):
    async with world({"plant": plant or {}}) as here:
        here.walk = Walk(fault)
        return await here.examined(), here.walk, here.requests


def codes(found):
    return {finding.code for finding in found.findings}


def serious(found):
    return [finding for finding in found.findings if finding.severity is not Severity.NOTE]


@pytest.mark.req("A-67", "B-23", "F-26")
@pytest.mark.parametrize("how", ["nonce", "required", "in words"])
@pytest.mark.parametrize("metadata", [BOTH | RESOURCE, {}], ids=["announced", "not announced"])
async def test_a_proof_that_is_wanted_is_carried_on_both_legs_and_to_the_mcp_server(how, metadata):
    found, walk, _ = await walked({"dpop": {"issuer.token": how, "server.token": how, CALLED: "nonce"}}, metadata)
    assert serious(found) == []
    assert codes(found) >= {"probe.proofs", "resource.opened", "replay.once", "revocation.done"}
    assert len(walk.keys) == 1
    assert set(walk.proofs) == {*LEGS, CALLED}


async def test_proofs_that_are_announced_are_sent_unasked():
    found, walk, requests = await walked({}, BOTH | RESOURCE)
    assert serious(found) == []
    assert [len(walk.proofs[name]) for name in LEGS] == [1, 2]
    assert [sorted(form) for form in walk.sent[1:]] == [["assertion", "grant_type", "resource"]] * 2
    assert (
        sum(request.startswith(b"POST /mcp") and b"\r\nauthorization: dpop" in request.lower() for request in requests)
        == 2
    )


@pytest.mark.parametrize(
    ("plant", "proven"),
    [
        ({}, set()),
        (BOTH, set()),
        ({**BOTH, "resource.called": {"headers": {"WWW-Authenticate": "DPoP algs=ES256"}}}, {*LEGS, CALLED}),
        ({"issuer.metadata": BOTH["issuer.metadata"], **RESOURCE}, set()),
        ({"server.metadata": BOTH["server.metadata"], **RESOURCE}, {"server.token", CALLED}),
    ],
    ids=["nobody", "not the MCP server", "by its challenge", "the issuer alone", "the server alone"],
)
async def test_a_proof_goes_unasked_to_those_only_who_take_it(plant, proven):
    unsupported = {name: "unsupported" for name in LEGS if name not in proven}
    _, walk, _ = await walked({"dpop": unsupported}, plant)
    assert set(walk.proofs) == proven
    assert walk.access_token


async def test_what_the_metadata_of_the_mcp_server_demand_is_kept_to():
    demand = {"json": {"dpop_bound_access_tokens_required": True}}
    _, walk, _ = await walked({}, {**BOTH, "resource.metadata": demand, "resource.root": demand})
    assert set(walk.proofs) == {*LEGS, CALLED}


async def test_a_grant_that_must_be_bound_is_asked_for_again_with_a_proof():
    found, walk, _ = await walked({"dpop": {"server.token": "of the grant"}})
    assert serious(found) == []
    assert set(walk.proofs) == {*LEGS, CALLED}
    assert [("subject_token" in form) for form in walk.sent] == [True, False, False, True, False, False]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "ES384", "ES512", "PS256"])
async def test_the_key_is_of_an_algorithm_that_all_take(algorithm):
    taken = {"dpop_signing_alg_values_supported": ["HS1", algorithm]}
    plant = {name: {"json": taken} for name in ("issuer.metadata", "server.metadata", *RESOURCE)}
    found, _, _ = await walked({}, plant)
    assert [each.evidence for each in found.findings if each.code == "probe.proofs"] == [algorithm]


async def test_who_hands_out_nonces_is_told():
    found, _, _ = await walked({"dpop": {"server.token": "nonce"}}, BOTH | RESOURCE)
    assert [each.evidence for each in found.findings if each.code == "probe.proofs"] == [
        "ES256; nonces of 'https://as.tools.example'"
    ]


@pytest.mark.parametrize(
    ("fault", "code", "severity"),
    [
        ({"grant": {"cnf": None}, "access": {}}, "grant.unbound", Severity.WARNING),
        ({"access": {"cnf": None}}, "access.unbound", Severity.ERROR),
        ({"access": {"cnf": {"jkt": "another"}}}, "access.unbound", Severity.ERROR),
        ({"access": {"cnf": {"x5t#S256": "of a certificate"}}}, "access.unbound", Severity.ERROR),
        ({"access": {"cnf": "a text"}}, "access.unbound", Severity.ERROR),
        ({"leg2": {"token_type": "Bearer"}}, "access.bearer", Severity.WARNING),
        ({"unproven": 200}, "resource.unproven", Severity.ERROR),
    ],
)
async def test_what_is_not_bound_to_the_key_is_told(fault, code, severity):
    found, _, _ = await walked(fault, BOTH | RESOURCE)
    assert (code, severity) in {(each.code, each.severity) for each in found.findings}


async def test_nothing_is_said_of_what_an_opaque_token_is_bound_to():
    found, _, _ = await walked({"leg2": {"access_token": "opaque"}}, BOTH | RESOURCE)
    assert "access.opaque" in codes(found)
    assert "access.unbound" not in codes(found)


@pytest.mark.parametrize(("status", "wanted"), [(200, False), (400, True), (401, True), (403, False), (503, False)])
@pytest.mark.parametrize(
    ("members", "header"),
    [
        ({"error": "use_dpop_nonce"}, ""),
        ({"error_description": "no DPoP proof"}, ""),
        ({}, 'DPoP error="invalid_token"'),
    ],
)
def test_only_a_refusal_asks_for_a_proof(status, wanted, members, header):
    headers = httpx2.Headers({"WWW-Authenticate": header})
    assert demanded(Exchange(URL, 0, 0, Answer(status, headers, b""), members=members)) is wanted


async def test_an_issuer_that_takes_no_proofs_need_not_bind_the_grant():
    found, _, _ = await walked({"grant": {"cnf": None}}, {"server.metadata": BOTH["server.metadata"], **RESOURCE})
    assert "grant.unbound" not in codes(found)


async def test_a_server_that_asks_for_ever_new_nonces_is_asked_twice():
    class Restless(Walk):
        def _proof(self, name, headers):
            page = super()._proof(name, headers)
            if name == "server.token":
                page.headers["DPoP-Nonce"] = f"nonce-{len(self.proofs.get(name, ()))}"
            return page

    async with world({"plant": BOTH | RESOURCE}) as here:
        here.walk = Restless({"dpop": {"server.token": "nonce"}})
        found = await here.examined()
    assert len(here.walk.proofs["server.token"]) == 2
    assert "leg2.refused" in codes(found)


async def test_no_proof_and_no_key_is_printed():
    found, walk, _ = await walked({"dpop": {"server.token": "nonce", CALLED: "nonce"}}, BOTH | RESOURCE)
    told = report.text(found) + json.dumps(report.document(found)) + repr(found)
    assert not any(jti in told for proofs in walk.proofs.values() for jti in proofs)
    assert walk.access_token not in told


URL = "https://as.example/token"


def answered(status=400, nonce="n-2"):
    headers = httpx2.Headers([] if nonce is None else [(b"DPoP-Nonce", nonce.encode("latin-1"))])
    return Exchange(URL, 0, 0, Answer(status, headers, b""))


def nonce_in(proof):
    return jws.read(proof["DPoP"]).unverified_claims.get("nonce")


@pytest.mark.parametrize(
    ("answer", "again", "kept"),
    [
        (answered(), True, "n-2"),
        (answered(401), True, "n-2"),
        (answered(200), False, "n-2"),
        (answered(403), False, "n-2"),
        (answered(nonce=None), False, "n-1"),
        (answered(nonce="n-1"), False, "n-1"),
        (answered(nonce="n" * 256), True, "n" * 256),
        (answered(nonce="n" * 257), False, "n-1"),
        (answered(nonce="n\u00e9"), False, "n-1"),
    ],
)
def test_a_nonce_is_kept_and_its_refusal_answered_once(answer, again, kept):
    proofs = Proofs("ES256", lambda: 1_800_000_000.0)
    assert nonce_in(proofs.header("POST", URL)) is None
    assert proofs.asked_again(answered(nonce="n-1"))
    assert proofs.asked_again(answer) is again
    assert nonce_in(proofs.header("POST", "https://as.example/other")) == kept
    assert nonce_in(proofs.header("POST", "https://mcp.example/")) is None
