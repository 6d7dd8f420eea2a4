"""A session goes by the directory of the bundle in force, not by its sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from house import House, running
from leg_one import exchanged
from sessions import a_session, exchanged_session, refreshed, with_sessions

if TYPE_CHECKING:
    from pathlib import Path


def listing(missing: str = "disabled", **users: Any) -> dict[str, Any]:
    """The bundle with sessions and a directory of these people."""
    directory = {"missing": missing, "users": {name.replace("_", "-"): what for name, what in users.items()}}
    return with_sessions(**{"identity_providers.corp.groups_claim": None, "directories": {"corp": directory}})


ENGINEER = {"groups": ["eng"]}


async def renewed(house: House, token: str) -> str:
    return (await exchanged_session(house, token)).reason or "granted"


@pytest.mark.req("A-37", "A-38", "A-49")
async def test_whoever_changes_group_or_leaves_is_noticed_at_the_next_exchange(tmp_path: Path) -> None:
    async with running(tmp_path, listing(u_18f2=ENGINEER)) as house:
        token = await a_session(house)
        found = await exchanged_session(house, token)
        checks = {name: (expected, got) for _, name, _, expected, got in found.record["checks"]}
        assert checks["subject.attributes"] == ("the directory of corp", "as of now")
        assert found.record["inputs"][0]["groups"] == {"state": "known", "values": ["corp:eng"]}
        await house.apply(listing(u_18f2={"groups": ["sales"]}))
        assert await renewed(house, token) == "POLICY_NO_RULE"
        await house.apply(listing(u_18f2={**ENGINEER, "active": False}))
        assert await renewed(house, token) == "SUBJECT_DISABLED"
        assert (await refreshed(house, token)).reason == "SUBJECT_DISABLED"
        await house.apply(listing(u_other=ENGINEER))
        assert await renewed(house, token) == "SUBJECT_DISABLED"
        await house.apply(listing(u_18f2=ENGINEER))
        assert await renewed(house, token) == "granted", "what was refused was not used up"


@pytest.mark.req("A-37")
async def test_a_session_from_before_the_directory_goes_by_it_and_never_back_to_what_it_said(tmp_path: Path) -> None:
    async with running(tmp_path, with_sessions()) as house:
        token = await a_session(house, groups=["eng"])
        await house.apply(listing(u_18f2={"groups": ["sales"]}))
        assert await renewed(house, token) == "POLICY_NO_RULE"
        newer = (await refreshed(house, token)).answer.token
        await house.apply(with_sessions())
        found = await exchanged_session(house, newer)
        assert found.status == "OK", "the sign-in is kept, not what the directory said of that day"
        assert found.record["inputs"][0]["groups"]["values"] == ["corp:eng"]


@pytest.mark.req("A-37")
async def test_roles_come_from_the_directory_as_well(tmp_path: Path) -> None:
    document = listing(u_18f2={"groups": ["eng"], "roles": ["auditor"]})
    document["grants"]["grants"].append(
        {
            "id": "no-auditors",
            "effect": "deny",
            "subjects": {"roles": ["corp:auditor"]},
            "clients": ["*"],
            "resources": ["tickets"],
            "scopes": ["*"],
        }
    )
    async with running(tmp_path, document) as house:
        assert (await exchanged(house)).record["reason"] == "POLICY_DENY_RULE"
        document["directories"]["corp"]["users"]["u-18f2"]["roles"] = []
        await house.apply(document)
        assert (await exchanged(house)).status == "OK"
        del document["directories"]["corp"]["users"]["u-18f2"]["roles"]
        await house.apply(document)
        assert (await exchanged(house)).record["reason"] == "POLICY_DENY_RULE", "unknown is never no"
