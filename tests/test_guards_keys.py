"""Keys: what lies beside their files, issuers side by side, the memory of verifications."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from grantd import jws
from grantd.strict import Fault
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, View
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.keys.own.stored import KeyFileFault, State
from grantd_server.keys.own.verified import VerifiedTokens

if TYPE_CHECKING:
    from pathlib import Path

IDP = "https://idp.example/acme"
OTHER = "https://idp.example/umbrella"
SERVER = "https://as.example"
NOW = 1_700_000_000


@pytest.fixture
def directory(tmp_path: Path) -> KeyDirectory:
    found = KeyDirectory(tmp_path / "keys")
    found.make()
    Rotation(found, Schedule()).create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    return found


@pytest.mark.parametrize("name", ["README", "grant.json.bak", ".grant.json", ".grant.json.swp", "..2026_11_21"])
def test_what_is_no_key_file_is_left_alone(directory: KeyDirectory, name: str) -> None:
    (directory.path / name).write_text("no key")

    assert len(directory.read()) == 1
    assert (directory.path / name).read_text() == "no key"


def test_keys_that_cannot_be_locked_are_read_and_not_changed(directory: KeyDirectory) -> None:
    lock = directory.path / ".lock"
    lock.unlink()
    lock.mkdir()  # cannot be opened as a lock, as in a directory that is mounted read-only

    assert len(directory.read()) == 1
    with pytest.raises(KeyFileFault, match="cannot be changed"):
        Rotation(directory, Schedule()).create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    assert len(directory.read()) == 1


def test_two_issuers_rotate_apart(directory: KeyDirectory) -> None:
    schedule = Schedule()
    rotation = Rotation(directory, schedule)
    other = rotation.create(OTHER, Purpose.GRANT_SIGNING, "ES256", NOW + schedule.lead)
    due = NOW + schedule.ages[Purpose.GRANT_SIGNING] - schedule.lead

    (published,) = rotation.by_age(due)
    activated, *retired = rotation.by_age(due + schedule.lead)

    assert published.removeprefix("published ") == activated.removeprefix("activated ")
    assert retired == [f"published {kid}" for kid in _waiting(directory, OTHER)]
    assert [key.kid for key in directory.read() if key.issuer == OTHER and key.state is State.ACTIVE] == [other.kid]


def test_a_key_file_holds_nothing_that_is_not_known(directory: KeyDirectory) -> None:
    (file,) = directory.path.glob("*.json")

    assert None not in json.loads(file.read_text()).values()


def test_a_key_is_made_for_an_algorithm_that_we_sign_with_only(directory: KeyDirectory) -> None:
    for alg in ("ES384", "PS256", "none", "HS256"):
        with pytest.raises(KeyFileFault, match="only"):
            Rotation(directory, Schedule()).create(OTHER, Purpose.ACCESS_TOKEN, alg, NOW)

    assert len(directory.read()) == 1


def test_only_secrets_are_kept_as_secrets(directory: KeyDirectory) -> None:
    Rotation(directory, Schedule()).create("", Purpose.PSEUDONYM, "HS256", NOW)

    assert View(directory.read()).secrets.keys() == {Purpose.PSEUDONYM}


def _waiting(directory: KeyDirectory, issuer: str) -> list[str]:
    return [key.kid for key in directory.read() if key.issuer == issuer and key.state is State.PUBLISHED]


class TestVerifiedTokens:
    """The memory of verifications."""

    @pytest.fixture
    def ring(self, directory: KeyDirectory) -> KeyRing:
        Rotation(directory, Schedule()).create(SERVER, Purpose.ACCESS_TOKEN, "ES256", NOW)
        return KeyRing(directory)

    async def token(self, ring: KeyRing, jti: str, **claims: object) -> str:
        signer = ring.signer(SERVER, Purpose.ACCESS_TOKEN)
        data = jws.signing_input({"jti": jti, **claims}, alg=signer.alg, kid=signer.kid, typ="at+jwt")
        return jws.compact(data, await signer.sign(data))

    @pytest.mark.parametrize(
        ("raw", "check"),
        [("a" * (jws.LIMIT + 1), "length"), ("a.b.c\u0661", "characters"), ("\ud800", "characters")],
        ids=["long", "letters", "surrogate"],
    )
    def test_what_is_too_long_or_no_ascii_is_refused(self, ring: KeyRing, raw: str, check: str) -> None:
        with pytest.raises(Fault) as fault:
            VerifiedTokens(ring).read(SERVER, raw, NOW)

        assert fault.value.check == check

    async def test_it_forgets_the_oldest_and_still_tells_the_truth(self, ring: KeyRing) -> None:
        memory = VerifiedTokens(ring, most=2)
        tokens = [await self.token(ring, str(number)) for number in range(4)]

        for token in tokens:
            memory.read(SERVER, token, NOW)

        assert len(memory._claims) == 2
        assert [memory.read(SERVER, token, NOW)["jti"] for token in tokens] == ["0", "1", "2", "3"]

    async def test_it_forgets_what_is_out_of_time_as_others_come(self, ring: KeyRing) -> None:
        memory = VerifiedTokens(ring)
        for number in range(6):
            memory.read(SERVER, await self.token(ring, str(number), exp=NOW + 900), NOW)
        memory.read(SERVER, await self.token(ring, "no exp"), NOW)
        assert len(memory._claims) == 7

        for number in range(3):
            memory.read(SERVER, await self.token(ring, f"in time {number}", exp=NOW + 1800), NOW + 900)
        assert len(memory._claims) == 10, "at its very end a token is still in time"
        for number in range(4):
            memory.read(SERVER, await self.token(ring, f"new {number}", exp=NOW + 1800), NOW + 901)

        held = [claims["jti"] for claims in memory._claims.values()]
        assert held == [
            "no exp",
            *(f"in time {number}" for number in range(3)),
            *(f"new {number}" for number in range(4)),
        ]
