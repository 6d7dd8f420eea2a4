"""Details that belong to one of several resources, and how much of them is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_files import changed
from grantd_server.flows.terms.details import LONGEST
from leg_one import exchanged

if TYPE_CHECKING:
    from house import House

TICKET, PAGE, SAFE = ({"type": name, "name": "a"} for name in ("ticket", "page", "safe"))
BOTH = [org.TICKETS, org.WIKI]


def kind(name: str, resource: str, scope: str) -> dict[str, Any]:
    fields = {"type": {"const": name}, "name": {"maxLength": 8}}
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {"type": name, "resource": resource, "scope": scope, "schema": schema}


def bundle(**edits: Any) -> dict[str, Any]:
    """Tickets and pages, each read with the scope that their resources share."""
    document = org.bundle()
    document["detail_types"] = {
        "tickets": kind("ticket", "tickets", "shared:read"),
        "pages": kind("page", "wiki", "shared:read"),
        "safes": kind("safe", "vault", "vault:read"),
    }
    document["grants"]["grants"][0]["details"] = {"tickets": {}}
    document["grants"]["grants"][2]["details"] = {"pages": {}}
    return changed(document, edits)


async def granted(house: House, *details: dict[str, Any], **more: Any) -> Any:
    asked = {"resource": BOTH, "scope": "shared:read", "authorization_details": json.dumps(details), **more}
    return await exchanged(house, **asked)


@pytest.mark.req("A-18")
async def test_the_details_of_a_resource_that_is_not_granted_are_not_granted_either(house: House) -> None:
    deny = {
        "id": "no-wiki", "effect": "deny", "subjects": {"groups": ["corp:eng"]},
        "clients": ["desk"], "resources": ["wiki"], "scopes": ["shared:read"],
    }  # fmt: skip
    document = bundle()
    await house.apply(document)
    whole = await granted(house, TICKET, PAGE)
    document["grants"]["grants"].append(deny)
    await house.apply(document)
    found = await granted(house, TICKET, PAGE)

    assert json.loads(whole.answer.authorization_details) == [TICKET, PAGE]
    assert list(found.answer.resource) == [org.TICKETS]
    assert json.loads(found.answer.authorization_details) == [TICKET]


@pytest.mark.req("A-16", "A-18")
async def test_a_detail_asks_for_its_scope_at_its_own_resource_only(house: House) -> None:
    await house.apply(bundle(**{"resources.wiki.default_scopes": ["wiki:read"]}))

    found = await granted(house, TICKET, scope="")

    assert found.status == "OK"
    assert list(found.answer.resource) == [org.TICKETS], "nobody asked for shared:read at the wiki"


@pytest.mark.req("A-17")
async def test_who_sends_an_unknown_type_is_told_the_types_of_that_server(house: House) -> None:
    await house.apply(bundle())

    found = await granted(house, SAFE)

    assert found.record["checks"][-1][3:] == ["page, ticket", "safe"]


@pytest.mark.req("A-17")
@pytest.mark.parametrize(("length", "status"), [(LONGEST, "OK"), (LONGEST + 1, "INVALID_ARGUMENT")])
async def test_details_have_a_greatest_length(house: House, length: int, status: str) -> None:
    await house.apply(bundle())

    found = await granted(house, authorization_details=json.dumps([TICKET]).ljust(length), resource=[org.TICKETS])

    assert found.status == status


@pytest.mark.req("A-18")
@pytest.mark.parametrize(
    "whose",
    [
        {"clients": ["robot"]},
        {"subjects": {"groups": ["corp:leads"]}},
        {"expires": "2020-01-31T00:00:00Z"},
        {"require": {"acr": ["phrh"]}},
    ],
    ids=["another client", "another group", "expired", "a stronger sign-in"],
)
async def test_details_of_a_rule_that_does_not_hold_are_not_granted(house: House, whose: dict[str, Any]) -> None:
    document = bundle()
    del document["grants"]["grants"][0]["details"]
    del document["grants"]["grants"][2]["details"]
    rule = {
        "id": "with-tickets", "effect": "allow", "subjects": {"groups": ["corp:eng"]},
        "clients": ["desk"], "resources": ["tickets"], "scopes": ["shared:read"], "details": {"tickets": {}},
    }  # fmt: skip
    document["grants"]["grants"].append(rule)
    await house.apply(document)
    mine = await granted(house, TICKET, resource=[org.TICKETS])
    rule |= whose
    await house.apply(document)
    theirs = await granted(house, TICKET, resource=[org.TICKETS])

    assert mine.status == "OK"
    assert theirs.reason == "DETAILS_NOT_GRANTED"


async def test_a_refusal_of_details_names_the_objects_and_not_the_scopes_beside_them(house: House) -> None:
    document = bundle()
    del document["grants"]["grants"][0]["details"]
    del document["grants"]["grants"][2]["details"]
    await house.apply(document)

    found = await granted(house, TICKET, resource=[org.TICKETS], scope="shared:read tickets:write")

    assert found.reason == "DETAILS_NOT_GRANTED"
    assert "tickets tickets:write" in found.record["refused_scopes"]
    *_, got = [got for _, check, _, _, got in found.record["checks"] if check == "policy.details"]
    assert got == f"{TICKET['type']}[0]: no_rule"
