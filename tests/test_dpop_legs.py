"""Key-bound grants and tokens from sign-in to MCP call, over HTTP: nonces, replays, and that
a bound thing never becomes an unbound one."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

import organisation as org
from case_files import changed
from case_tokens import nonce_of
from grantd import dpop
from grantd.dpop.nonce import LIFE
from grantd.dpop.proof import key_members
from grantd.dpop.prover import Prover
from grantd_server.keys.own.purpose import Purpose
from grantd_server.store import Space
from grantd_server.wiring.needs import needed_keys
from house import House, running
from leg_one import exchange_form, reason_of
from leg_two import fresh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

URN = "urn:ietf:params:oauth:"
ON = {"grant_issuers.grants.dpop": "optional", "authorization_servers.tools.dpop": "optional"}
PLAIN = {**ON, "grant_issuers.grants.dpop_nonces": False, "authorization_servers.tools.dpop_nonces": False}
GRANTS_URL, SERVER_URL = f"{org.GRANTS}/token", f"{org.SERVER}/token"


@pytest.fixture
async def nonced(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path, changed(org.bundle(), ON)) as house:
        yield house


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[House]:
    """A house that takes proofs and wants no nonce."""
    async with running(tmp_path, changed(org.bundle(), PLAIN)) as house:
        yield house


def prover(house: House) -> Prover:
    return Prover(org.HOLDER_KEY.private, "ES256", now=lambda: house.now)


async def leg_one(house: House, *proofs: str) -> httpx2.Response:
    form = exchange_form(house, scope="tickets:read")
    return await post(house, GRANTS_URL, form, ("desk-agent", org.DESK_SECRET), proofs)


async def leg_two(house: House, grant: str, *proofs: str, **more: str) -> httpx2.Response:
    form = {"grant_type": URN + "grant-type:jwt-bearer", "assertion": grant, **more}
    return await post(house, SERVER_URL, form, ("cli_desk", org.TOOLS_SECRET), proofs)


async def post(
    house: House, url: str, form: dict[str, str], auth: tuple[str, str], proofs: tuple[str, ...]
) -> httpx2.Response:
    return await house.http.post(url, data=form, auth=auth, headers=[("dpop", proof) for proof in proofs])


async def introspected(house: House, token: str) -> dict[str, Any]:
    answer = await house.http.post(
        f"{org.SERVER}/introspect", data={"token": token}, auth=("rs-tickets", org.RS_SECRET)
    )
    return dict(answer.json())


def payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.mark.req("A-23", "A-67", "A-72", "B-23", "C-09", "C-14", "C-20", "F-19", "F-26", "G-33", "G-34")
async def test_a_key_goes_from_the_sign_in_to_the_mcp_call(nonced: House) -> None:
    key = prover(nonced)

    first = await leg_one(nonced, key.proof("POST", GRANTS_URL))
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    (nonce,) = first.headers.get_list("dpop-nonce")
    granted = await leg_one(nonced, key.proof("POST", GRANTS_URL, nonce=nonce))
    assert granted.status_code == 200, granted.text
    assert granted.headers.get_list("dpop-nonce") == [nonce]
    assert granted.json()["token_type"] == "N_A"
    grant = granted.json()["access_token"]
    assert payload(grant)["cnf"] == {"jkt": key.jkt}

    # The nonce of one server is none of another's.
    foreign = await leg_two(nonced, grant, key.proof("POST", SERVER_URL, nonce=nonce))
    assert foreign.json()["error"] == "use_dpop_nonce"
    (nonce,) = foreign.headers.get_list("dpop-nonce")
    redeemed = await leg_two(nonced, grant, key.proof("POST", SERVER_URL, nonce=nonce))
    assert redeemed.status_code == 200, redeemed.text
    assert redeemed.json()["token_type"] == "DPoP"
    token = redeemed.json()["access_token"]
    assert payload(token)["cnf"] == {"jkt": key.jkt}

    told = await introspected(nonced, token)
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", {"jkt": key.jkt})

    at_server = key.proof("POST", org.TICKETS, access_token=token)
    held = dpop.verify([at_server], method="POST", url=org.TICKETS, now=nonced.now, access_token=token)
    assert held.jkt == told["cnf"]["jkt"]


@pytest.mark.req("A-67", "B-24", "C-20")
async def test_who_sends_no_proof_gets_bearer_tokens_as_before(nonced: House) -> None:
    grant = (await leg_one(nonced)).json()["access_token"]
    redeemed = await leg_two(nonced, grant)
    assert "cnf" not in payload(grant)
    assert redeemed.json()["token_type"] == "Bearer"
    assert "dpop-nonce" not in redeemed.headers
    told = await introspected(nonced, redeemed.json()["access_token"])
    assert (told["token_type"], "cnf" in told) == ("Bearer", False)


@pytest.mark.req("B-23", "F-44", "G-36")
@pytest.mark.hostile("C29", "C30")
async def test_a_stolen_bound_grant_is_worth_nothing_without_its_key(plain: House) -> None:
    key, thief = prover(plain), Prover.generate()
    grant = (await leg_one(plain, key.proof("POST", GRANTS_URL))).json()["access_token"]
    for proofs in ((), (thief.proof("POST", SERVER_URL),)):
        refused = await leg_two(plain, grant, *proofs)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    # A refusal uses up no grant: its holder still redeems it.
    assert (await leg_two(plain, grant, key.proof("POST", SERVER_URL))).status_code == 200


@pytest.mark.req("G-30")
@pytest.mark.hostile("H19")
async def test_two_proofs_are_refused(plain: House) -> None:
    key = prover(plain)
    refused = await leg_one(plain, key.proof("POST", GRANTS_URL), key.proof("POST", GRANTS_URL))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    record = await plain.record(refused.headers["x-grantd-decision-id"])
    assert record["checks"][-1][1:] == ["dpop.header", False, "one DPoP header", "2 headers"]


@pytest.mark.req("G-21", "G-18")
@pytest.mark.hostile("C30")
async def test_of_fifty_uses_of_one_proof_at_once_one_succeeds(plain: House) -> None:
    proof = prover(plain).proof("POST", GRANTS_URL)
    answers = await asyncio.gather(*(leg_one(plain, proof) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    refused = [answer for answer in answers if answer.status_code == 400]
    assert {answer.json()["error"] for answer in refused} == {"invalid_dpop_proof"}
    assert {await reason_of(plain, answer) for answer in refused} == {"PROOF_REPLAYED"}


@pytest.mark.req("G-21", "B-21")
async def test_a_refused_call_uses_up_its_proof_and_not_its_grant(plain: House) -> None:
    key = prover(plain)
    proof, grant = key.proof("POST", SERVER_URL), plain.partner_grant(jti=fresh())
    first = await leg_two(plain, grant, proof, scope="tickets:write")
    assert await reason_of(plain, first) == "SCOPE_NOT_GRANTED"
    again = await leg_two(plain, grant, proof, scope="tickets:write")
    assert (again.json()["error"], await reason_of(plain, again)) == ("invalid_dpop_proof", "PROOF_REPLAYED")
    assert (await plain.record(again.headers["x-grantd-decision-id"]))["checks"][-1][1] == "dpop.first_use"
    honest = await leg_two(plain, grant, proof)
    assert await reason_of(plain, honest) == "PROOF_REPLAYED"
    assert (await leg_two(plain, grant, key.proof("POST", SERVER_URL))).status_code == 200


@pytest.mark.req("G-20", "G-21")
async def test_a_used_proof_is_remembered_until_no_clock_takes_it(plain: House) -> None:
    made = plain.now + 25
    proof = Prover(org.HOLDER_KEY.private, "ES256", now=lambda: made).proof("POST", GRANTS_URL)
    assert (await leg_one(plain, proof)).status_code == 200
    plain.later(75)
    late = await leg_one(plain, proof)
    assert await reason_of(plain, late) == "PROOF_REPLAYED"
    with closing(sqlite3.connect(plain.folder / "grantd.db")) as database:
        (until,) = database.execute("SELECT until FROM marks WHERE space = ?", (Space.DPOP,)).fetchone()
    # A replica whose clock is behind, and another that is ahead.
    assert until > made + dpop.MAX_AGE + 2 * 30


@pytest.mark.req("G-18")
async def test_the_id_of_a_proof_is_its_keys_own_at_one_issuer(plain: House) -> None:
    mine, other = prover(plain), Prover.generate()
    for key in (mine, other):
        for url, ask in ((GRANTS_URL, lambda p: leg_one(plain, p)), (SERVER_URL, lambda p: grant_with(plain, p))):
            assert (await ask(same_id(key, url, plain.now))).status_code == 200
    assert (await leg_one(plain, same_id(mine, GRANTS_URL, plain.now))).status_code == 400


async def grant_with(house: House, proof: str) -> httpx2.Response:
    return await leg_two(house, house.partner_grant(jti=fresh()), proof)


def same_id(key: Prover, url: str, now: int) -> str:
    """A proof by this key whose jti another key has, too."""
    data = {"jti": "the-same", "htm": "POST", "htu": url, "iat": now}
    private = vars(key)["_private"]
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key_members(private.public_key(), "ES256")}
    return org.SigningKey("any", "ES256", private).sign_raw(header, data)


@pytest.mark.req("G-34", "F-26")
@pytest.mark.parametrize("off", [-LIFE, 120], ids=["too old", "of the future"])
async def test_a_nonce_out_of_time_is_renewed(nonced: House, off: int) -> None:
    key, stale = prover(nonced), nonce_of(nonced, org.GRANTS, later=off)
    refused = await leg_one(nonced, key.proof("POST", GRANTS_URL, nonce=stale))
    assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
    (nonce,) = refused.headers.get_list("dpop-nonce")
    assert nonce != stale
    assert (await leg_one(nonced, key.proof("POST", GRANTS_URL, nonce=nonce))).status_code == 200


@pytest.mark.req("G-34")
async def test_a_nonce_outlives_the_process_that_gave_it_out(tmp_path: Path) -> None:
    document = changed(org.bundle(), ON)
    async with running(tmp_path, document) as before:
        first = await leg_one(before, prover(before).proof("POST", GRANTS_URL))
    async with running(tmp_path, document) as after:
        nonce = first.headers["dpop-nonce"]
        assert (await leg_one(after, prover(after).proof("POST", GRANTS_URL, nonce=nonce))).status_code == 200


async def test_without_its_key_for_nonces_the_service_cannot_decide(nonced: House) -> None:
    del vars(nonced.parts.world.ring)["_view"].secrets[Purpose.DPOP_NONCE]
    failed = await leg_one(nonced, prover(nonced).proof("POST", GRANTS_URL))
    assert (failed.status_code, await reason_of(nonced, failed)) == (503, "SIGNER_UNAVAILABLE")


async def test_a_key_for_nonces_is_needed_where_nonces_are_wanted(plain: House) -> None:
    def wanted() -> bool:
        return Purpose.DPOP_NONCE in {need.purpose for need in needed_keys(plain.parts.world.governed())}

    assert not wanted()
    for party in ("grant_issuers.grants", "authorization_servers.tools"):
        await plain.apply(changed(org.bundle(), {f"{party}.dpop": "required"}))
        assert wanted()
    await plain.apply(org.bundle())
    assert not wanted()


@pytest.mark.req("E-15", "B-25")
async def test_metadata_says_dpop_exactly_where_it_is_on(tmp_path: Path) -> None:
    edits = {"grant_issuers.grants.dpop": "required", "authorization_servers.tools.dpop": "off"}
    async with running(tmp_path, changed(org.bundle(), edits)) as house:
        grants, tools = [await metadata(house, issuer) for issuer in (org.GRANTS, org.SERVER)]
        assert grants["dpop_signing_alg_values_supported"] == ["ES256", "ES384", "ES512", "EdDSA", "PS256"]
        assert "dpop_signing_alg_values_supported" not in tools
        assert URN + "grant-type:jwt-dpop" not in tools["grant_types_supported"]
    edits = {"authorization_servers.tools.dpop": "optional", "authorization_servers.tools.jwt_dpop_grant": True}
    async with running(tmp_path, changed(org.bundle(), edits)) as house:
        tools = await metadata(house, org.SERVER)
        assert tools["grant_types_supported"] == [URN + "grant-type:jwt-bearer", URN + "grant-type:jwt-dpop"]
        assert "dpop_signing_alg_values_supported" in tools
        assert "dpop_signing_alg_values_supported" not in await metadata(house, org.GRANTS)


async def metadata(house: House, issuer: str) -> dict[str, Any]:
    answer = await house.http.get(f"{issuer}/.well-known/oauth-authorization-server")
    return dict(answer.json())


@pytest.mark.req("C-20")
async def test_introspection_asks_for_no_proof_and_looks_at_none(plain: House) -> None:
    proof = prover(plain).proof("POST", SERVER_URL)
    token = (await leg_two(plain, plain.partner_grant(jti=fresh()), proof)).json()["access_token"]
    answer = await plain.http.post(
        f"{org.SERVER}/introspect",
        data={"token": token},
        auth=("rs-tickets", org.RS_SECRET),
        headers={"dpop": "a.b.c"},
    )
    assert answer.json()["cnf"] == {"jkt": prover(plain).jkt}
