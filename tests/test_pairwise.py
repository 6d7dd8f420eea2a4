"""Pairwise subjects: a person is somebody else at each authorization server, for ever the
same there, and a block finds them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

import organisation as org
from case_files import changed
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing
from grantd_server.keys.own.rotation import Rotation, RotationRefused, Schedule
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.keys.pairwise import Pairwise, Sector
from leg_one import exchanging
from leg_two import DESK
from test_namespaces import SECOND, SECOND_KEY, grant, redeemed, two_directories
from test_tenants import active

if TYPE_CHECKING:
    from pathlib import Path

    from house import House

NOW = 1_795_000_000


def pairwise() -> dict[str, Any]:
    return changed(org.bundle(), {"identity_providers.corp.subject": "pairwise"})


async def issued_for(house: House, audience: str, **token: Any) -> Any:
    resource = [org.TICKETS] if audience == org.SERVER else []
    request = exchanging(
        house, audience=[audience], resource=resource, scope=None, subject_token=house.id_token(**token)
    )
    answer = await house.stub().ExchangeIdentity(request)
    return jws.read(answer.token).unverified_claims["sub"]


@pytest.mark.req("A-55", "A-40", "X-5")
async def test_a_person_is_somebody_else_at_each_server_and_always_the_same_there(house: House) -> None:
    await house.apply(pairwise())
    here = await issued_for(house, org.SERVER)
    assert len(here) == 32
    assert "u-18f2" not in here
    assert await issued_for(house, org.SERVER) == here
    assert await issued_for(house, org.FOREIGN_SERVER) != here
    assert await issued_for(house, org.SERVER, sub="u-2") != here
    assert await redeemed(house, await grant(house)) == f"grants|{here}"


@pytest.mark.req("A-56", "A-55")
async def test_rules_and_records_know_the_person_by_the_name_in_the_directory(house: House) -> None:
    document = pairwise()
    document["grants"]["grants"][0]["subjects"] = {"users": ["corp:u-18f2"]}
    await house.apply(document)
    assert await grant(house)
    with pytest.raises(grpc.aio.AioRpcError):
        await grant(house, sub="u-2", groups=["nobody"])


@pytest.mark.req("A-38", "B-38", "G-43", "C-39")
async def test_a_block_finds_a_person_behind_the_pairwise_name(house: House) -> None:
    await house.apply(pairwise())

    async def token(assertion: str) -> str:
        message = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=assertion)
        return str((await house.stub().RedeemGrant(message)).access_token)

    mine, other = await token(await grant(house)), await token(await grant(house, sub="u-2"))
    waiting = await grant(house)
    assert (await active(house, mine)).active
    await house.block("user", "other:u-18f2")
    await house.block("client", "corp:u-18f2")
    assert (await active(house, mine)).active
    await house.block("user", "corp:u-18f2")
    assert not (await active(house, mine)).active
    assert (await active(house, other)).active
    with pytest.raises(grpc.aio.AioRpcError):
        await token(waiting)
    with pytest.raises(grpc.aio.AioRpcError):
        await grant(house)
    await house.unblock("user", "corp:u-18f2")
    assert (await active(house, mine)).active
    await house.block("user", f"grants|{await issued_for(house, org.SERVER)}")
    assert not (await active(house, mine)).active


@pytest.mark.req("A-56", "G-24")
async def test_two_directories_with_pairwise_subjects_never_make_one_person_of_two(house: House) -> None:
    await house.apply(two_directories("pairwise"))
    ours = await redeemed(house, await grant(house))
    theirs = await redeemed(house, await grant(house, key=SECOND_KEY, iss=SECOND))
    assert ours != theirs


def ring_of(folder: Path) -> tuple[KeyRing, Rotation]:
    directory = KeyDirectory(folder / "keys")
    directory.make()
    return KeyRing(directory), Rotation(directory, Schedule())


HERE = Sector("https://as.example", "corp", None)


@pytest.mark.req("A-56")
def test_the_key_outlives_restarts_and_every_rotation(tmp_path: Path) -> None:
    ring, rotation = ring_of(tmp_path)
    with pytest.raises(SignerUnavailable):
        Pairwise(ring).subject(HERE, "u-1")
    key = rotation.create("", Purpose.PAIRWISE, "HS256", NOW)
    ring.reload()
    before = Pairwise(ring).subject(HERE, "u-1")
    rotation.by_age(NOW + 20 * 365 * 86_400)
    with pytest.raises(RotationRefused, match="everybody would be a stranger"):
        rotation.publish("", Purpose.PAIRWISE, NOW)
    restarted, _ = ring_of(tmp_path)
    assert Pairwise(restarted).subject(HERE, "u-1") == before
    assert [each.kid for each in restarted.keys] == [key.kid]


@pytest.mark.req("A-55", "A-56")
def test_everything_that_tells_people_apart_is_in_the_subject(tmp_path: Path) -> None:
    ring, rotation = ring_of(tmp_path)
    rotation.create("", Purpose.PAIRWISE, "HS256", NOW)
    ring.reload()
    subjects = Pairwise(ring)
    people = [
        (HERE, "u-1"), (HERE, "u-2"), (HERE._replace(server="https://as2.example"), "u-1"),
        (HERE._replace(provider="bought"), "u-1"), (HERE._replace(tenant="north"), "u-1"),
        (HERE._replace(tenant="south"), "u-1"), (HERE._replace(tenant=""), "u-1"),
        (HERE, 'u-1","'), (Sector("https://as.example", 'corp","x', None), "u-1"),
    ]  # fmt: skip
    assert len({subjects.subject(*person) for person in people}) == len(people)


def test_who_is_blocked_is_derived_again_only_when_blocks_or_keys_move(tmp_path: Path) -> None:
    ring, rotation = ring_of(tmp_path)
    rotation.create("", Purpose.PAIRWISE, "HS256", NOW)
    ring.reload()
    subjects, asked = Pairwise(ring), []

    def names() -> list[str]:
        asked.append(1)
        return ["corp:u-1", "bought:u-1", "grants|u-1"]

    one = subjects.subject(HERE, "u-1")
    assert subjects.blocked(HERE, one, names, 1) == "corp:u-1"
    assert subjects.blocked(HERE, "another", names, 1) is None
    assert subjects.blocked(HERE, subjects.subject(HERE, "bought:u-1"), names, 1) is None
    assert len(asked) == 1
    assert subjects.blocked(HERE, one, list, 2) is None
    assert subjects.blocked(HERE, one, names, 3) == "corp:u-1"
    for number in range(600):
        assert subjects.blocked(HERE._replace(tenant=f"t{number}"), one, names, 3) is None
        assert len(subjects._blocked) <= 256
    ring.generation += 1
    before = len(asked)
    assert subjects.blocked(HERE, one, names, 3) == "corp:u-1"
    assert len(asked) == before + 1


def test_without_blocks_no_key_is_needed(tmp_path: Path) -> None:
    ring, _ = ring_of(tmp_path)
    assert Pairwise(ring).blocked(HERE, "x", list, 1) is None


@pytest.mark.req("B-15", "B-17", "A-40")
@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("pairwise", '"passthrough", "aud_sub" or a mapping such as {claim: oid} is expected'),
        ({"email": ["Partner.example"]}, "is not a domain in lower case"),
        ({"email": []}, "a list of 1 to 1000 values is expected"),
        ({"claim": "oid", "email": ["partner.example"]}, "exactly one of claim, email and saml_nameid is expected"),
        ({"saml_nameid": "https://idp.example"}, "a list is expected"),
        ({"nameid": ["x"]}, 'the key "nameid" is not known here'),
        ({}, "exactly one of claim, email and saml_nameid is expected"),
        (["aud_sub"], '"passthrough", "aud_sub" or a mapping'),
    ],
)
def test_an_account_is_declared_by_one_rule(tmp_path: Path, subject: Any, sentence: str) -> None:
    document = changed(org.bundle(), {"authorization_servers.tools.trusts.partner.subject": subject})
    with pytest.raises(BundleError) as refused:
        parse_directory(org.write(tmp_path, document))
    assert sentence in str(refused.value)


@pytest.mark.req("A-40")
@pytest.mark.parametrize("subject", ["aud_sub", {"email": ["corp.example"]}, {"saml_nameid": ["x"]}, "pair"])
def test_a_provider_has_no_rule_of_a_trust(tmp_path: Path, subject: Any) -> None:
    with pytest.raises(BundleError, match=r"subject"):
        parse_directory(org.write(tmp_path, changed(org.bundle(), {"identity_providers.corp.subject": subject})))
