"""What a bundle offers to clients, beside which an access report puts what was used."""

from __future__ import annotations

from typing import Any

import pytest

import company_
import decided_
from grantd_server.governance.access import offered, report
from grantd_server.store.questions import Use

DESK = {"clients": ["desk"], "resources": ["wiki"]}
READS = {"id": "reads", "effect": "allow", "subjects": "everyone", "scopes": ["wiki.read"], **DESK}
ALL = {"id": "all", "effect": "allow", "issuers": ["*"], "scopes": ["*"], **DESK}


def at_the_wiki(grants: list[dict[str, Any]], redemptions: list[dict[str, Any]], now: int = company_.NOW) -> set[str]:
    content = company_.document(company_.seeded("offered"), 1)
    content["grants"]["home"], content["redemptions"]["tools"] = grants, redemptions
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
