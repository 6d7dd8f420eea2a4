"""What a refused redemption tells: nothing of who is trusted, known or blocked (G-41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
import pytest_asyncio

import organisation as org
from case_files import changed
from case_tokens import KEYS, own_grant
from grantd.v1 import authorization_pb2 as pb
from grantd_server.governance.faults import BundleError
from grantd_server.keys.own.purpose import Purpose
from house import House, running
from leg_two import DESK, bury, fresh, redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

INNER = "https://inner.tools.example"
SAME_DOMAIN = {
    "identity_providers.inner-directory": {
        "issuer": "https://login.tools.example",
        "keys": {"jwks": org.jwks_of(KEYS["stranger"])},
        "algorithms": ["ES256"],
        "subject": "passthrough",
    },
    "grant_issuers.inner": {"issuer": INNER, "trust_domain": "tools", "identity_providers": ["inner-directory"]},
}
"""A grant issuer of ours in the trust domain of the authorization server."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    known = {"authorization_servers.tools.trusts.partner.known_subjects": ["p-77", "p-blocked"]}
    async with running(tmp_path_factory.mktemp("hall"), changed(org.bundle(), SAME_DOMAIN | known)) as house:
        await house.block("user", "partner|p-blocked")
        yield house


async def _withdrawn(house: House) -> str:
    await house.block("issuer", org.GRANTS)
    return await own_grant(house)


async def _same_domain(house: House) -> str:
    claims = {"iss": INNER, "sub": "p-77", "aud": org.SERVER, "client_id": "cli_desk", "jti": fresh()}
    claims |= {"iat": house.now, "exp": house.now + 100, "resource": org.TICKETS, "scope": "tickets:read"}
    return await house.signed(INNER, Purpose.GRANT_SIGNING, claims, typ="oauth-id-jag+jwt")


async def _revoked_chain(house: House) -> str:
    jti = fresh()
    await bury(house, org.PARTNER, jti)
    return house.partner_grant(jti=jti)


async def refused_grants(house: House) -> dict[str, str]:
    """By internal reason and what is wrong, one grant each."""

    def partner(**changed_claims: Any) -> str:
        return house.partner_grant(**{"jti": fresh(), **changed_claims})

    return {
        "ASSERTION_ISSUER of a stranger": partner(iss="https://id.stranger.example", key=KEYS["stranger"]),
        "ASSERTION_SIGNATURE of a trusted issuer": partner(key=KEYS["impostor"]),
        "ASSERTION_KEY of a trusted issuer": partner(key=KEYS["stranger"]),
        "ASSERTION_BLOCKED issuer, withdrawn": await _withdrawn(house),
        "ASSERTION_SAME_DOMAIN": await _same_domain(house),
        "ASSERTION_AUDIENCE": partner(aud=org.OTHER_SERVER),
        "ASSERTION_CLIENT": partner(client_id="cli_other"),
        "ASSERTION_EXPIRED": partner(iat=house.now - 200, exp=house.now - 40),
        "ASSERTION_WRONG_KIND": partner(typ="JWT"),
        "ASSERTION_RESOURCE": partner(resource=org.VAULT),
        "ASSERTION_SCOPE": partner(scope="vault:read"),
        "ASSERTION_SUBJECT": partner(sub="p-unknown"),
        "ASSERTION_BLOCKED user": partner(sub="p-blocked"),
        "ASSERTION_BLOCKED chain": await _revoked_chain(house),
        "ASSERTION_POLICY": partner(scope="shared:read"),
        "ASSERTION_CONSTRAINT": partner(act={"sub": "x"}),
        "ASSERTION_TENANT": partner(tenant="t-1"),
        "ASSERTION_CLAIM": partner(exp="soon"),
        "ASSERTION_MALFORMED": "x",
    }


@pytest.mark.req("B-42", "G-41", "G-40", "B-12", "F-24", "F-40", "F-41", "F-42")
@pytest.mark.hostile("C07", "C08", "H16")
async def test_bad_assertions_cannot_be_told_apart_on_the_wire(hall: House) -> None:
    over_grpc, over_http = set(), set()
    grants = await refused_grants(hall)
    for wrong, grant in grants.items():
        seen, reason = await _grpc_bytes(hall, grant)
        assert reason == wrong.split()[0], wrong
        over_grpc.add(seen)
        over_http.add(await _http_bytes(hall, grant))
    await hall.unblock("issuer", org.GRANTS)
    assert len(grants) == 19
    assert len(over_grpc) == 1
    assert len(over_http) == 1
    status, _, _ = next(iter(over_http))
    assert status == 400


async def _grpc_bytes(house: House, grant: str) -> tuple[tuple[object, ...], str]:
    """All that a gRPC caller gets, without the decision id; and the internal reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.stub().RedeemGrant(pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant))
    error = caught.value
    trailers = sorted((name, value) for name, value in error.trailing_metadata() or ())
    decision_id = str(dict(trailers)["x-grantd-decision-id"])
    plain = repr(trailers).replace(decision_id, "ID")
    record = await house.record(decision_id)
    return (error.code(), error.details(), plain, repr(list(error.initial_metadata() or ()))), record["reason"]


async def _http_bytes(house: House, grant: str) -> tuple[int, str, bytes]:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": grant,
        "client_id": "cli_desk",
        "client_secret": org.TOOLS_SECRET,
    }
    answer = await house.http.post(f"{org.SERVER}/token", data=form)
    decision_id = answer.headers["x-grantd-decision-id"]
    headers = repr(sorted((name, value) for name, value in answer.headers.multi_items() if name != "date"))
    return answer.status_code, headers.replace(decision_id, "ID"), answer.content


@pytest.mark.req("G-40", "B-12")
async def test_a_bundle_whose_server_trusts_an_issuer_of_its_own_domain_is_not_put_in_force(hall: House) -> None:
    trust = {"authorization_servers.tools.trusts.inner": {"resources": ["tickets"], "subject": "passthrough"}}
    epoch = hall.parts.active.epoch
    with pytest.raises(BundleError, match="must not redeem grants of its own domain"):
        await hall.apply(changed(org.bundle(), SAME_DOMAIN | trust))
    assert hall.parts.active.epoch == epoch


@pytest.mark.req("G-40")
@pytest.mark.hostile("C08")
async def test_an_issuer_of_the_same_domain_is_refused_although_it_is_ours(hall: House) -> None:
    found = await redeemed(hall, await _same_domain(hall))
    assert found.reason == "ASSERTION_SAME_DOMAIN"
    assert found.record["checks"][-1][1:3] == ["assertion.iss", False]


@pytest.mark.req("B-42", "F-45")
async def test_a_replay_says_only_that_it_is_one(hall: House) -> None:
    """The holder of a grant knows that it had one; the first use was a success."""
    grant = hall.partner_grant(jti=fresh())
    assert (await redeemed(hall, grant)).status == "OK"
    first, second = await _grpc_bytes(hall, grant), await _grpc_bytes(hall, grant)
    assert first == second
    assert (first[0][0], first[1]) == (grpc.StatusCode.FAILED_PRECONDITION, "ASSERTION_REPLAYED")
