"""What is told and kept of a person: docs/privacy.md, held to the code."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
from deploy.demo.unverified import claims_of

import organisation as org
from case_transports import GRANT_TYPES
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.store import StoreUnavailable
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.store.upgrading import upgrade_file

if TYPE_CHECKING:
    from pathlib import Path

    from house import House

PERSON = {
    "sub": "u-privacy-5521",
    "email": "ada.lovelace@corp.example",
    "email_verified": True,
    "name": "Ada Lovelace",
    "given_name": "Ada-Given",
    "family_name": "Lovelace-Family",
    "preferred_username": "adal-5521",
    "phone_number": "+44 20 7946 0991",
    "picture": "https://corp.example/ada.png",
    "address": {"formatted": "12 St James's Square"},
    "birthdate": "1815-12-10",
}
HIDDEN = (
    "u-privacy-5521",
    "ada.lovelace@corp",
    "Ada Lovelace",
    "Ada-Given",
    "Lovelace-Family",
    "adal-5521",
    "7946 0991",
    "corp.example/ada.png",
    "St James's Square",
    "1815-12-10",
)
"""Long enough that no random text holds one by chance."""

GRANT = {"iss", "sub", "aud", "client_id", "jti", "iat", "exp", "resource", "scope", "acr", "amr", "auth_time"}
ACCESS = {"iss", "sub", "aud", "client_id", "jti", "iat", "exp", "scope", "acr", "amr", "auth_time"}
ANSWER = ACCESS | {"active", "token_type"}


async def journey(house: House) -> dict[str, Any]:
    """Sign-in to introspection of somebody of whom much is known."""
    told: dict[str, Any] = {}

    async def post(path: str, **form: str) -> dict[str, Any]:
        answer = await house.http.post(path, data=form)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        told.setdefault("decisions", []).append(answer.headers["x-grantd-decision-id"])
        return dict(answer.json())

    granted = await post(
        f"{org.GRANTS}/token",
        grant_type=GRANT_TYPES["exchange"],
        requested_token_type="urn:ietf:params:oauth:token-type:id-jag",
        audience=org.SERVER,
        resource=org.TICKETS,
        scope="tickets:read",
        subject_token=house.id_token(**PERSON),
        subject_token_type="urn:ietf:params:oauth:token-type:id_token",
        client_id="desk-agent",
        client_secret=org.DESK_SECRET,
    )
    redeemed = await post(
        f"{org.SERVER}/token",
        grant_type=GRANT_TYPES["redeem"],
        assertion=granted["access_token"],
        client_id="cli_desk",
        client_secret=org.TOOLS_SECRET,
    )
    told["answer"] = await post(
        f"{org.SERVER}/introspect", token=redeemed["access_token"], client_id="rs-tickets", client_secret=org.RS_SECRET
    )
    told["grant"], told["access"] = claims_of(granted["access_token"]), claims_of(redeemed["access_token"])
    return told


@pytest.mark.req("G-39", "A-63")
async def test_tokens_and_answers_say_of_a_person_what_was_declared_and_no_more(house: House) -> None:
    told = await journey(house)
    assert told["grant"].keys() <= GRANT
    assert told["access"].keys() <= ACCESS
    assert told["answer"].keys() <= ANSWER
    assert PERSON["sub"] in told["grant"]["sub"]
    for name in HIDDEN[1:]:
        assert name not in repr([told["grant"], told["access"], told["answer"]])


@pytest.mark.req("G-39")
async def test_what_is_kept_names_nobody(house: House) -> None:
    told = await journey(house)
    await house.parts.world.ledger.flush()
    kept = b"".join(file.read_bytes() for file in house.folder.glob("grantd.db*"))
    shown = house.log.getvalue() + "".join(span.to_json() for span in house.spans.get_finished_spans())
    metrics = house.metrics.get_metrics_data()
    for name in HIDDEN:
        assert name.encode() not in kept
        assert name not in shown
        assert metrics is None or name not in metrics.to_json()
    subjects = {(await house.record(decision))["subject"] for decision in told["decisions"][:2]}
    assert all(re.fullmatch("[0-9a-f]{32}", subject) for subject in subjects)


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.req("G-39")
@pytest.mark.parametrize("make", [SqliteStore.open, upgrade_file], ids=["serve", "db upgrade"])
async def test_the_database_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, make: Any) -> None:
    before = os.umask(0)
    try:
        store = make(tmp_path / "grantd.db")
        if isinstance(store, SqliteStore):
            await store.live_state(0)
            assert modes_in(tmp_path) == {"grantd.db": 0o600, "grantd.db-shm": 0o600, "grantd.db-wal": 0o600}
            await store.close()
    finally:
        os.umask(before)
    assert set(modes_in(tmp_path).values()) == {0o600}


async def test_a_database_that_was_given_a_mode_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "grantd.db"
    path.touch(mode=0o640)
    path.chmod(0o640)
    store = SqliteStore.open(path)
    await store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("make", [SqliteStore.open, upgrade_file])
def test_a_database_that_cannot_be_made_is_a_fault_of_the_store(tmp_path: Path, make: Any) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        make(tmp_path / "missing" / "grantd.db")


@pytest.mark.req("G-39")
async def test_key_files_are_for_their_owner_alone_whatever_the_umask(house: House, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        directory = KeyDirectory(tmp_path / "keys")
        directory.make()
        (key, *_) = KeyDirectory(house.folder / "keys").read()
        with directory.changing():
            directory.write(key)
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert set(modes_in(directory.path).values()) == {0o600}
