"""The semantic difference against the engine: whatever anybody can notice is told, and
nothing is told of rules that say the same in other words."""

from __future__ import annotations

import random
from functools import cache
from itertools import product
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analysis_world import CLIENTS, NOW, PLACES, world
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.analysis.judging.judge import Judge
from grantd_server.governance.analysis.judging.moments import Moment
from grantd_server.governance.analysis.judging.open_ways import Place
from grantd_server.governance.analysis.judging.somebody import Somebody
from grantd_server.governance.snapshot import Snapshot
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, GrantInputs, RedemptionInputs, State
from grantd_server.policy import decide_grant, decide_redemption
from policy_rules import (
    ADDRESSES,
    DEPARTMENT_CLAIMS,
    GROUPS,
    ROLES,
    SIGN_INS,
    TARGETS,
    USERS,
    attempts,
    redemption_texts,
    rule_texts,
    some,
)
from policy_world import RESOURCES, redemption, rule

QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def _renamed(texts: list[dict[str, Any]], mark: str) -> list[dict[str, Any]]:
    return [{**text, "id": f"{mark}-{number}"} for number, text in enumerate(texts) if _is_known(text)]


def _without_tenants(texts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The issuers of this world have none, and a rule that asks for one is refused."""
    return [text for text in texts if "tenants" not in text.get("require", {})]


def _is_known(text: dict[str, Any]) -> bool:
    """Rules about resources and clients that the world of these tests has."""
    clients = any(one in {"*", "agent-*", *CLIENTS} for one in text["clients"])
    return clients and "agent-2" not in text["clients"]


grants = st.lists(rule_texts(), max_size=4).map(lambda texts: _renamed(texts, "g"))
ceilings = st.lists(redemption_texts(), max_size=2).map(lambda texts: _renamed(_without_tenants(texts), "c"))


def granted(snapshot: Snapshot, inputs: GrantInputs) -> frozenset[str]:
    """Through both legs, as the flows ask."""
    first = decide_grant(snapshot.grant_rules("home"), inputs).granted
    second = RedemptionInputs(
        "home", inputs.client, inputs.resource, tuple(first), inputs.sign_in, inputs.tenant, inputs.now
    )
    return frozenset(decide_redemption(snapshot.redemption_rules("tools"), second).granted)


def attempt(chance: random.Random) -> GrantInputs:
    """One of those that `policy_rules` draws, quickly."""
    resource, scopes = chance.choice(TARGETS)
    provider = chance.choice(["corp", "guest"])

    def of(values: list[str]) -> Attribute:
        """A sign-in tells what its own provider knows."""
        theirs = some([value for value in values if value.startswith(provider)])
        return chance.choice([UNKNOWN, Attribute.of(frozenset()), *(Attribute.of(frozenset(each)) for each in theirs)])

    users, groups, roles = of(USERS), of(GROUPS), of(ROLES)
    return GrantInputs(
        identity_provider=provider,
        users=users,
        groups=groups,
        roles=roles,
        claims=chance.choice(DEPARTMENT_CLAIMS),
        client=chance.choice(CLIENTS),
        resource=resource,
        scopes=scopes,
        sign_in=chance.choice(SIGN_INS),
        address=chance.choice([None, *ADDRESSES]),
        now=chance.choice([NOW - 1, NOW, NOW + 1, NOW + 43200]),
    )


@QUICK
@given(grants, grants, ceilings, ceilings, st.integers(0, 10**9))
def test_whatever_an_attempt_can_notice_is_told(
    old: list[dict[str, Any]],
    new: list[dict[str, Any]],
    old_ceilings: list[dict[str, Any]],
    new_ceilings: list[dict[str, Any]],
    seed: int,
) -> None:
    before, after = world(old, old_ceilings or None), world(new, new_ceilings or None)
    told = {(c.change, c.client, c.resource, c.scope) for c in semantic_diff(before, after, NOW - 1)}

    chance = random.Random(seed)  # noqa: S311 - what is tried, nothing that is secret
    for each in (attempt(chance) for _ in range(200)):
        was, is_ = granted(before, each), granted(after, each)
        for change, scopes in (("gained", is_ - was), ("lost", was - is_)):
            for scope in scopes:
                assert (change, each.client, each.resource, scope) in told, (each, change, scope)


def _known(found: Attribute) -> frozenset[str]:
    return frozenset() if found.state is State.UNKNOWN else found.values


@QUICK
@given(grants, ceilings, attempts())
def test_a_representative_person_is_judged_as_the_engine_decides(
    texts: list[dict[str, Any]], ceiling: list[dict[str, Any]], each: GrantInputs
) -> None:
    snapshot = world(texts, ceiling or None)
    mine = f"{each.identity_provider}:"
    users, groups, roles = (
        frozenset(value for value in _known(found) if value.startswith(mine))
        for found in (each.users, each.groups, each.roles)
    )
    department = _known(each.claims.get("department", Attribute.of(frozenset())))
    inputs = GrantInputs(
        each.identity_provider, Attribute.of(users), Attribute.of(groups), Attribute.of(roles),
        {"department": Attribute.of(department)}, each.client, each.resource, tuple(RESOURCES[each.resource]),
        each.sign_in, each.address, each.now,
    )  # fmt: skip
    somebody = Somebody(each.identity_provider, groups, roles, users, frozenset(("department", v) for v in department))
    place = Place("home", each.identity_provider, each.client, each.resource)
    moment = Moment(each.now, each.sign_in.acr, each.sign_in.amr, each.sign_in.auth_time, each.address)

    judge = Judge(snapshot)
    found = {
        scope
        for scope in RESOURCES[each.resource]
        if judge.terms(place, scope, somebody).allow(moment, moment.inputs())
    }

    assert found == granted(snapshot, inputs)


@cache
def _plain() -> list[dict[str, Any]]:
    """Rules that can be written in other words."""
    return [
        rule("reads", subjects={"groups": GROUPS}, clients=["*"], resources=["*"], scopes=["*.read"]),
        rule(
            "uses", subjects={"roles": ROLES}, resources=["mcp-1"], scopes=["mcp.use"], require={"acr": ["pwd", "mfa"]}
        ),
        rule(
            "never",
            "deny",
            subjects={"groups": ["guest:eng", "corp:fin"]},
            scopes=["ledger.*"],
            clients=["desk", "robot"],
        ),
    ]


def _split(text: dict[str, Any]) -> list[dict[str, Any]]:
    """The same rule as several, one for each client, resource and scope."""
    clients = [c for c in CLIENTS if "*" in text["clients"] or c in text["clients"]]
    places = [p for p in PLACES if "*" in text["resources"] or p in text["resources"]]
    kind, values = next(iter(text["subjects"].items()))
    return [
        {**text, "clients": [client], "resources": [place], "scopes": [scope],
         "subjects": {kind: [value]}}
        for client, place, value in product(clients, places, values)
        for scope in RESOURCES[place]
        if any(scope == s or (s == "*.read" and scope.endswith(".read")) or (s == "ledger.*" and scope.startswith("ledger."))
               for s in text["scopes"])
    ]  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_same_rules_in_other_words_are_no_difference(names: random.Random) -> None:
    split = [each for text in _plain() for each in _split(text)]
    names.shuffle(split)
    split = [{**text, "id": f"r-{number}"} for number, text in enumerate(split)]

    assert semantic_diff(world(_plain()), world(split), NOW) == []
    assert semantic_diff(world(split), world(_plain()), NOW) == []


def test_rules_that_add_nothing_are_no_difference() -> None:
    more = [
        rule("also", subjects={"groups": ["corp:eng"]}, clients=["desk"], resources=["wiki"], scopes=["wiki.read"]),
        rule("less", "deny", subjects={"groups": ["corp:fin"]}, scopes=["ledger.write"], require={"acr": ["mfa"]}),
        rule("shadow", "deny", scopes=["ledger.read"], shadow=True),
        rule("past", subjects="everyone", clients=["*"], resources=["*"], scopes=["*"], expires="2026-01-01T00:00:00Z"),
    ]

    assert semantic_diff(world(_plain()), world(_plain() + more), NOW) == []


def test_order_and_names_are_no_difference() -> None:
    other = [{**text, "id": f"other-{text['id']}"} for text in reversed(_plain())]

    assert semantic_diff(world(_plain(), [redemption("a", issuers=["*"], clients=["*"], resources=["*"], scopes=["*"])]),
                         world(other), NOW) == []  # fmt: skip
