"""`grantd explain`, `chain`, `decisions` and `access`: at a store, and at a running service."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import organisation as org
from grantd.administration.decisions.answers import explained as read
from grantd.v1 import decision_pb2 as pb
from grantd_server.audit.explaining.shown import shown
from grantd_server.cli.app import app
from grantd_server.cli.recorded.access import COLUMNS
from grantd_server.cli.terminal.answered import _text, explained
from grantd_server.governance.analysis.exporting import cell
from grantd_server.model.caller import Role
from grantd_server.rpc.server import Listener, RpcServer
from grantd_server.rpc.server.aio import Peers
from leg_one import desk, exchanged
from leg_two import redeemed
from store_values import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from house import House


@pytest.fixture(params=["here", "--server"])
async def ask(request: pytest.FixtureRequest, house: House) -> Any:
    """Runs a command, at the store of the house or at a port for administrators."""
    (house.folder / "grantd.yaml").write_text("development: true\nstore: {url: 'sqlite:///grantd.db'}\n")
    server = RpcServer(house.parts.endpoints, Peers({}, Role.AUDITOR), [Listener("127.0.0.1:0")])
    await server.start()
    environ: dict[str, str | None] = {"GRANTD_CONFIG": str(house.folder / "grantd.yaml"), "GRANTD_SERVER": None}
    if request.param == "--server":
        environ["GRANTD_SERVER"] = f"127.0.0.1:{server.ports[0]}"

    def run(*arguments: str, code: int = 0) -> str:
        found = CliRunner(env=environ).invoke(app, list(arguments))
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == code, found.output
        return found.output

    async def asked(*arguments: str, code: int = 0) -> str:
        return await asyncio.to_thread(run, *arguments, code=code)

    yield asked
    await server.grpc.stop(None)


async def test_a_decision_is_explained_as_a_role_may_see_it(house: House, ask: Callable[..., Any]) -> None:
    found = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    text = await ask("explain", found.id)
    assert text.splitlines()[:2] == [f"decision {found.id}", "  outcome       refused: POLICY_NO_RULE"]
    assert f"  subject       {found.record['subject']}" in text
    assert "rule engineers-tickets failed at subjects.groups" in text
    assert text.endswith("whose job: the identity administrator\n")
    narrow = await ask("explain", found.id, "--role", "observer")
    assert found.record["subject"] not in narrow
    assert "corp:staff" not in narrow
    least = await ask("explain", found.id, "--role", "client")
    assert "refused: POLICY_DENIED" in least
    assert "desk" not in least
    parsed = json.loads(await ask("explain", found.id, "--json"))
    assert parsed["checks"][-1]["name"] == "policy.rule"
    assert parsed["inputs"][0]["groups"]["values"] == ["corp:staff"]


async def test_a_chain_is_told(house: House, ask: Callable[..., Any]) -> None:
    granted = await exchanged(house)
    issued = await redeemed(house, granted.answer.token)
    text = (await ask("chain", issued.id)).splitlines()
    assert text[0] == f"chain {granted.record['chain']}"
    assert [line.split("─ ")[-1].split()[1] for line in text[1:]] == ["sign-in", "grant", "token"]
    parsed = json.loads(await ask("chain", granted.record["chain"], "--json"))
    assert [node["kind"] for node in parsed["nodes"]] == ["sign-in", "grant", "token"]


async def test_what_is_not_on_record_is_a_sentence(ask: Callable[..., Any]) -> None:
    assert "There is no record of d\\x1b[2J" in await ask("explain", "d\x1b[2J", code=1)
    assert "There is no chain" in await ask("chain", "00", code=1)


async def test_decisions_are_listed(house: House, ask: Callable[..., Any]) -> None:
    found = await exchanged(house)
    denied = await exchanged(house, subject_token=house.id_token(groups=["staff"]))
    lines = (await ask("decisions", "list", "--client", "desk", "--since", "1h")).splitlines()
    assert [line.split("  ")[1] for line in lines] == [denied.id, found.id]
    assert "refused: POLICY_NO_RULE  by desk  at" not in lines[0] or org.TICKETS in lines[0]
    only = await ask("decisions", "list", "--outcome", "refused", "--limit", "1", "--json")
    assert json.loads(only)["id"] == denied.id
    assert "--since" in await ask("decisions", "list", "--since", "tomorrow", code=2)


async def test_a_list_without_a_decision_says_so_and_asks_what_was_meant(house: House, ask: Callable[..., Any]) -> None:
    await exchanged(house, desk("not the secret"))
    nothing = "no decision on record is like that"
    assert await ask("decisions", "list", "--client", "nobody") == f"{nothing}\n"
    assert await ask("decisions", "list", "--reason", "KEYS_UNAVAILABLE") == f"{nothing}\n"
    misspelt = await ask("decisions", "list", "--reason", "policy_norule")
    assert misspelt == f"{nothing}; is the reason POLICY_NO_RULE?\n"
    assert await ask("decisions", "list", "--reason", "7") == f"{nothing}; reasons are in docs/refusals.md\n"
    assert await ask("decisions", "list", "--client", "nobody", "--json") == ""


async def test_access_is_reported_as_text_csv_and_json(house: House, ask: Callable[..., Any]) -> None:
    granted = await exchanged(house)
    await redeemed(house, granted.answer.token)
    text = await ask("access", "report")
    assert "desk at tickets\n  1 users, 1 grants, 1 tokens, last 20" in text
    assert "  never used  shared:read tickets:write" in text
    rows = list(csv.DictReader(io.StringIO(await ask("access", "report", "--csv", "--since", "30d"))))
    assert tuple(rows[0]) == COLUMNS
    (row,) = [row for row in rows if (row["client"], row["resource"]) == ("desk", "tickets")]
    assert (row["users"], row["scopes"], row["unused_scopes"]) == ("1", "tickets:read", "shared:read; tickets:write")
    parsed = json.loads(await ask("access", "report", "--json"))
    assert [(use["client"], use["resource"]) for use in parsed] == [(row["client"], row["resource"]) for row in rows]
    assert "not both" in await ask("access", "report", "--json", "--csv", code=2)


async def test_hostile_names_drive_neither_terminal_nor_spreadsheet(house: House, ask: Callable[..., Any]) -> None:
    hostile = "=cmd\x1b[2J\u202e"
    body = {"id": "d1", "client": hostile, "audience": "a", "resources": [hostile], "scopes_granted": [hostile]}
    body |= {"rpc": "RedeemGrant", "outcome": "granted", "facts": {hostile: hostile}, "subject": "x"}
    columns = {"client": hostile, "body": json.dumps(body).encode()}
    await house.store.write(write("d1", columns=columns))
    for command in (
        ["explain", "d1"], ["explain", "d1", "--json"], ["decisions", "list"], ["decisions", "list", "--json"],
        ["access", "report", "--since", "2020-01-01T00:00:00Z"],
    ):  # fmt: skip
        text = await ask(*command)
        assert "\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\uff1dcmd", "\uff0b1", "\uff0d1", "\uff20x"])
def test_a_spreadsheet_runs_no_cell(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell([text, "b"]).startswith("'")
    assert cell("plain") == "plain"


@given(st.text(max_size=40))
def test_what_a_service_escaped_is_read_as_it_was(text: str) -> None:
    assert _text(shown(text)) == text
    assert isinstance(_text(text), str)


def test_what_has_no_order_in_a_message_is_told_in_one():
    facts = dict.fromkeys("hgfedcba", "")
    assert list(explained(read(pb.ExplainDecisionResponse(facts=facts), None)).facts) == list("abcdefgh")
