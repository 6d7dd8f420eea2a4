"""People of several directories stay apart, and blocks reach them by every name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from typer.testing import CliRunner

import organisation as org
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd_server.cli.app import app
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from house import House, act
from leg_one import exchanging
from leg_two import DESK
from tokens import signing_key

if TYPE_CHECKING:
    from pathlib import Path


SECOND = "https://login.bought.example"
SECOND_KEY = signing_key("ES256", "bought-1")


def two_directories(subject: str = "qualified") -> dict[str, Any]:
    document = org.bundle()
    document["identity_providers"]["corp"]["subject"] = subject
    document["identity_providers"]["bought"] = {
        "issuer": SECOND,
        "keys": {"jwks": org.jwks_of(SECOND_KEY)},
        "algorithms": ["ES256"],
        "subject": subject,
        "groups_claim": "groups",
    }
    document["grant_issuers"]["grants"]["identity_providers"] = ["corp", "bought"]
    document["clients"]["desk"]["at"]["grants"]["sso"]["bought"] = ["desk-sso"]
    document["grants"]["grants"][0]["subjects"]["groups"].append("bought:eng")
    return document


async def grant(house: House, **token: Any) -> str:
    request = exchanging(house, scope=None, subject_token=house.id_token(**token))
    return str((await house.stub().ExchangeIdentity(request)).token)


async def redeemed(house: House, assertion: str) -> str:
    answer = await house.stub().RedeemGrant(pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=assertion))
    return str(jws.read(answer.access_token).unverified_claims["sub"])


@pytest.mark.req("A-40", "A-56", "G-24")
def test_several_directories_behind_one_issuer_must_qualify_their_people(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="accepts several providers, so that corp needs subject: qualified"):
        parse_directory(org.write(tmp_path, two_directories("passthrough")))
    parse_directory(org.write(tmp_path, two_directories()))


@pytest.mark.req("A-55", "A-56", "G-24")
async def test_one_identifier_in_two_directories_is_two_people(house: House) -> None:
    await house.apply(two_directories())
    ours = await grant(house)
    theirs = await grant(house, key=SECOND_KEY, iss=SECOND)
    assert jws.read(ours).unverified_claims["sub"] == "corp:u-18f2"
    assert jws.read(theirs).unverified_claims["sub"] == "bought:u-18f2"
    assert await redeemed(house, ours) == "grants|corp:u-18f2"
    assert await redeemed(house, theirs) == "grants|bought:u-18f2"


@pytest.mark.req("B-38", "C-39")
async def test_a_block_of_one_of_them_leaves_the_other_alone(house: House) -> None:
    await house.apply(two_directories())
    ours, theirs = await grant(house), await grant(house, key=SECOND_KEY, iss=SECOND)
    await house.block("user", "corp:u-18f2")
    with pytest.raises(grpc.aio.AioRpcError):
        await redeemed(house, ours)
    with pytest.raises(grpc.aio.AioRpcError):
        await grant(house)
    assert await redeemed(house, theirs) == "grants|bought:u-18f2"


def test_a_deny_rule_names_nobody_by_address(tmp_path: Path) -> None:
    document = org.bundle()
    rule = document["grants"]["grants"][3]
    rule["subjects"] = {"users": ["corp:mailto:eve@corp.example"]}
    with pytest.raises(BundleError, match="a deny names people by their identifier"):
        parse_directory(org.write(tmp_path, document))
    rule["effect"] = "allow"
    parse_directory(org.write(tmp_path, document))


async def test_a_process_that_cannot_use_the_active_bundle_says_that_it_is_not_ready(house: House) -> None:
    assertion = await grant(house)
    await house.store.put_bundle("b-other", b'{"format":0}', "test", "test")
    active = await house.store.active_bundle()
    assert active is not None
    await house.store.activate("b-other", active[0], act())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await redeemed(house, assertion)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert house.counted("grantd.refused", rpc="RedeemGrant", reason="NOT_READY") == 1
    assert house.parts.active.problem.startswith("bundle b-other cannot be used")


@pytest.mark.req("B-15")
@pytest.mark.parametrize(
    ("subject", "sentence"),
    [({"claim": "email"}, "an address changes hands"), ("qualified", "accounts are qualified by the issuer's name")],
)
def test_an_account_is_not_declared_by_what_changes_or_repeats(tmp_path: Path, subject: Any, sentence: str) -> None:
    document = org.bundle()
    document["authorization_servers"]["tools"]["trusts"]["partner"]["subject"] = subject
    with pytest.raises(BundleError, match=sentence):
        parse_directory(org.write(tmp_path, document))


def test_nobody_is_blocked_by_address() -> None:
    done = CliRunner().invoke(app, ["block", "user", "corp:mailto:eve@corp.example", "--reason", "left"])
    assert done.exit_code == 2
    assert "Block a user by identifier" in done.output
