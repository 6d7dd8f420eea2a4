"""A walk that ends on the way says how far it came, and whose answer ended it."""

from __future__ import annotations

import pytest

from doctor_walk import SECRETS, Walk
from doctor_world import world
from grantd_server.doctor import report


async def walked(fault, plant=None):
    async with world({"plant": plant or {}}) as here:
        here.walk = Walk(fault)
        return await here.examined(), here.walk


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"refuse1": {"error": "access_denied"}},
         ("grant issuer", "done: nothing; the first leg was answered by the grant issuer at https://grants.corp.example/corp/token: status 400")),
        ({"leg1": {"access_token": None}}, ("grant issuer", "done: nothing; the first leg")),
        ({"refuse2": {"error": "invalid_grant"}},
         ("authorization server", "done: the first leg; the second leg was answered by the authorization server at https://as.tools.example/as/token: status 400")),
        ({"leg2": {"access_token": None}}, ("authorization server", "done: the first leg; the second leg")),
        ({"opened": 503},
         ("MCP server", "done: the first leg and the second leg; the MCP server was answered by the MCP server at https://mcp.tools.example/mcp: status 503")),
    ],
)  # fmt: skip
async def test_it_is_told_how_far_the_walk_came_and_who_ended_it(fault, told):
    found, _ = await walked(fault)
    party, evidence = told
    ended = [each for each in found.findings if each.code == "probe.ended"]
    assert [(each.party.value, each.evidence[: len(evidence)]) for each in ended] == [(party, evidence)]


async def test_a_walk_to_the_end_says_nothing_of_it():
    found, _ = await walked({})
    assert "probe.ended" not in {each.code for each in found.findings}


@pytest.mark.parametrize("page", ["issuer.token", "server.token"])
async def test_an_endpoint_that_breaks_off_ends_the_walk_and_shows_no_token(page):
    async def broken(writer, _over):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")
        await writer.drain()

    async with world() as here:
        walk = here.walk = Walk()
        honest = walk.answer

        def answer(name, headers, body):
            page_of = honest(name, headers, body)
            if page_of is not None and name == page:
                page_of.script = broken
            return page_of

        walk.answer = answer
        found = await here.examined()
    told = report.text(found)
    assert "the connection failed" in "".join(each.evidence for each in found.findings if each.code == "probe.ended")
    secrets = (walk.subject_token(), walk.access_token, *walk.grants, *SECRETS)
    assert not any(part in told for secret in secrets for part in secret.split(".") if part)
