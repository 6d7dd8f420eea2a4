"""What a bundle offers to clients, beside which an access report puts what was used."""

from __future__ import annotations

from typing import Any

import pytest

import company_
import decided_
from grantd_server.governance.access import report
from grantd_server.governance.analysis.entitlements import who_can
from grantd_server.governance.offering import offered
from grantd_server.store.questions import Use

DESK = {"clients": ["desk"], "resources": ["wiki"]}
READS = {"id": "reads", "effect": "allow", "subjects": "everyone", "scopes": ["wiki.read"], **DESK}
ALL = {"id": "all", "effect": "allow", "issuers": ["*"], "scopes": ["*"], **DESK}

NOBODY = {"id": "nobody", "effect": "deny", "issuers": ["*"], "scopes": ["wiki.read"], **DESK}


def at_the_wiki(grants: list[dict[str, Any]], redemptions: list[dict[str, Any]], now: int = company_.NOW) -> set[str]:
    content = company_.document(company_.seeded("offered"), 1)
    # A grant rule has subjects, a redemption rule issuers.
    content["grants"]["home"] = [{name: value for name, value in rule.items() if value is not None} for rule in grants]
    content["redemptions"]["tools"] = redemptions
    return set(offered(decided_.compiled(content)[1], now).get(("desk", "wiki"), ()))


@pytest.mark.parametrize(
    ("grants", "redemptions", "scopes"),
    [
        pytest.param([READS], [{**ALL, "issuers": ["home"]}], {"wiki.read"}, id="what both legs let through"),
        pytest.param([READS], [], set(), id="nothing that the server does not let through"),
        pytest.param([], [{**ALL, "issuers": ["home"]}], set(), id="nothing that our issuer does not grant"),
        pytest.param(
            [], [{**ALL, "issuers": ["partner"]}], {"wiki.read", "shared.read"}, id="what a partner may grant"
        ),
        pytest.param([], [ALL], {"wiki.read", "shared.read"}, id="any issuer is a partner, too"),
        pytest.param(
            [READS],
            [{**ALL, "issuers": ["home"]}, {**ALL, "id": "p", "issuers": ["partner"], "scopes": ["shared.read"]}],
            {"wiki.read", "shared.read"},
            id="both together",
        ),
        pytest.param([{**READS, "expires": "2026-11-21T20:00:00Z"}], [{**ALL, "issuers": ["home"]}], set(), id="over"),
        pytest.param([READS], [ALL, NOBODY], {"shared.read"}, id="nothing that a deny takes from everybody"),
        pytest.param(
            [READS],
            [{**ALL, "issuers": ["home"]}, {**NOBODY, "issuers": ["partner"]}],
            {"wiki.read"},
            id="another issuer's deny takes nothing",
        ),
        pytest.param(
            [READS],
            [{**ALL, "issuers": ["home"]}, {**NOBODY, "expires": "2026-11-21T20:00:00Z"}],
            {"wiki.read"},
            id="a deny that is over",
        ),
        pytest.param(
            [READS, {**NOBODY, "issuers": None, "subjects": {"groups": ["corp:out"]}}],
            [{**ALL, "issuers": ["home"]}],
            {"wiki.read"},
            id="a deny of some leaves the others",
        ),
        pytest.param(
            [READS, {**NOBODY, "issuers": None, "subjects": "everyone"}],
            [{**ALL, "issuers": ["home"]}],
            set(),
            id="a deny of everyone leaves nobody",
        ),
        pytest.param([{**READS, "shadow": True}], [{**ALL, "issuers": ["home"]}], set(), id="a shadow grants nothing"),
    ],
)
def test_what_is_offered_is_what_some_rule_in_force_lets_a_client_have(
    grants: list[dict[str, Any]], redemptions: list[dict[str, Any]], scopes: set[str]
) -> None:
    assert at_the_wiki(grants, redemptions) == scopes


def test_what_the_bundle_does_not_know_any_more_keeps_its_address() -> None:
    gone = Use("desk", "RedeemGrant", company_.TOOLS, '["https://gone.example/mcp"]', '["wiki.read"]', 3, 5_000_000)
    (row,) = report(None, [gone], [], company_.NOW)
    assert (row.client, row.resource, row.tokens, row.last_used) == ("desk", "https://gone.example/mcp", 3, 5)


@pytest.mark.parametrize("seed", range(12))
def test_nobody_can_have_more_than_is_offered(seed: int) -> None:
    snapshot = decided_.compiled(company_.document(company_.seeded(f"offered {seed}")))[1]
    found = offered(snapshot, company_.NOW)
    rows = who_can(snapshot, "*", "*", company_.NOW)
    assert all(row.scope in found.get((row.client, row.resource), ()) for row in rows)


def test_a_client_that_is_not_known_at_the_server_is_offered_nothing_there() -> None:
    rule = {
        "id": "all",
        "effect": "allow",
        "subjects": "everyone",
        "clients": ["*"],
        "resources": ["far"],
        "scopes": ["*"],
    }
    content = company_.document(company_.seeded("far"), 1)
    content["grants"]["home"] = [rule]
    found = offered(decided_.compiled(content)[1], company_.NOW)
    assert {client for client, resource in found if resource == "far"} == {"desk", "agent-1"}
