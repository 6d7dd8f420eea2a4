"""Why a request gets to no rule at all: registrations, trust, tenants, directories."""

from __future__ import annotations

from typing import Any

import pytest

from analysis_world import HONOUR, NOW, content
from grantd_server.governance.asking.answering import Unanswerable, answer
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.asking.question import Legs, Person, Question
from grantd_server.governance.document import canonical
from policy_world import rule

ADA = Person("corp", sub="u-1", groups=frozenset({"eng"}), roles=frozenset())
OPEN = [rule("all", clients=["*"], resources=["*"], scopes=["*"])]
DIRECTORY = {"corp": {"missing": "disabled", "users": {"u-1": {"groups": ["eng"]}, "u-2": {"active": False}}}}


def bundle(path: tuple[str, ...] = (), value: object = None) -> dict[str, Any]:
    whole = content(OPEN, [HONOUR])
    place = whole
    for step in path[:-1]:
        place = place[step]
    if path and value is None:
        del place[path[-1]]
    elif path:
        place[path[-1]] = value
    return whole


def asked(whole: dict[str, Any], **changed: Any) -> str:
    question = {
        "client": "desk",
        "resource": "ledger",
        "scopes": ("ledger.read",),
        "now": NOW,
        "person": ADA,
        **changed,
    }
    return answer(snapshot_of(canonical(whole)), Question(**question)).scopes["ledger.read"].reason


def test_an_open_way_leads_to_the_rules() -> None:
    assert asked(bundle()) == "granted"


CLOSED = [
    (("clients", "desk", "at", "home"), None, "client_unknown"),
    (("clients", "desk", "at", "home", "grant_types"), [], "client_grant_not_allowed"),
    (("clients", "desk", "at", "home", "sso"), {"guest": ["desk"]}, "subject_token_audience"),
    (("clients", "desk", "at", "home", "identity_providers"), ["guest"], "identity_provider_not_allowed"),
    (("clients", "desk", "at", "tools"), None, "client_mapping_missing"),
    (("clients", "desk", "at", "tools", "grant_types"), [], "client_grant_not_allowed"),
    (("authorization_servers", "tools", "trusts", "home"), None, "assertion_issuer"),
    (("authorization_servers", "tools", "trusts", "home", "resources"), ["wiki"], "assertion_resource"),
    (("authorization_servers", "tools", "trusts", "home", "known_subjects"), ["corp:u-2"], "assertion_subject"),
    (("authorization_servers", "tools", "trusts", "home", "known_subjects"), ["corp:u-1"], "granted"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "reason"), CLOSED)
def test_a_closed_way_is_told_by_its_obstacle(path: tuple[str, ...], value: object, reason: str) -> None:
    whole = bundle(path, value)
    whole["redemptions"]["tools"][0]["issuers"] = ["*"]

    assert asked(whole, issuer="home") == reason


@pytest.mark.parametrize(
    ("sub", "reason"), [("u-1", "granted"), ("u-2", "subject_disabled"), ("u-3", "subject_disabled")]
)
def test_who_is_not_active_in_the_directory_gets_nowhere(sub: str, reason: str) -> None:
    whole = bundle(("directories",), DIRECTORY)

    assert asked(whole, person=Person("corp", sub=sub)) == reason


def test_a_directory_wins_over_what_is_said_of_groups() -> None:
    whole = content([rule("eng", subjects={"groups": ["corp:eng"]})], [HONOUR], directories=DIRECTORY)

    assert asked(whole, person=Person("corp", sub="u-1", groups=frozenset())) == "granted"


@pytest.mark.parametrize(("audience", "reason"), [("tools", "granted"), ("abroad", "resource_not_governed")])
def test_the_server_that_is_asked_must_govern_the_resource(audience: str, reason: str) -> None:
    assert asked(bundle(), audience=audience) == reason


def test_a_foreign_server_in_the_domain_of_the_issuer_gets_no_grant() -> None:
    whole = bundle(("authorization_servers", "abroad", "trust_domain"), "home")
    question = Question("desk", "files", ("files:read",), NOW, ADA)

    assert answer(snapshot_of(canonical(whole)), question).scopes["files:read"].reason == "audience_same_domain"


def tenanted(**client: Any) -> dict[str, Any]:
    """The issuer has two tenants; people of corp are in north, those of guest wherever they say."""
    whole = bundle()
    whole["grant_issuers"]["home"]["tenants"] = ["north", "south"]
    whole["identity_providers"]["corp"]["tenant"] = "north"
    whole["identity_providers"]["guest"]["tenant"] = {"claim": "tid"}
    trusts = whole["authorization_servers"]["tools"]["trusts"]
    trusts["home"] = {**trusts["home"], "tenants": ["north"]}
    whole["clients"]["desk"]["at"]["home"] |= client
    return whole


@pytest.mark.parametrize(
    ("person", "client", "reason"),
    [
        (ADA, {}, "granted"),
        (Person("guest", tenant="north"), {}, "granted"),
        (Person("guest", tenant="south"), {}, "assertion_tenant"),
        (Person("guest", tenant="west"), {}, "subject_tenant"),
        (Person("guest"), {}, "subject_tenant"),
        (ADA, {"tenants": ["south"]}, "tenant_not_allowed"),
        (ADA, {"tenants": ["north"]}, "granted"),
    ],
)
def test_tenants_lead_as_far_as_they_are_trusted(person: Person, client: dict[str, Any], reason: str) -> None:
    assert asked(tenanted(**client), person=person) == reason


@pytest.mark.parametrize(
    "changed",
    [
        {"resource": "nowhere"},
        {"person": Person("nowhere")},
        {"person": None},
        {"person": None, "issuer": "home"},
        {"issuer": "nowhere"},
        {"scopes": ()},
    ],
)
def test_a_question_that_means_nothing_has_no_answer(changed: dict[str, Any]) -> None:
    with pytest.raises(Unanswerable):
        asked(bundle(), **changed)


def test_the_ceiling_alone_is_asked_without_a_person() -> None:
    assert asked(bundle(), person=None, issuer="home", legs=Legs.REDEMPTION) == "granted"
    assert asked(bundle(), person=None, issuer="partner") == "granted"


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("ada@corp.example", "granted"),
        ("ada@CORP.example", "granted"),
        ("bob@corp.example", "no_rule"),
        (None, "no_rule"),
    ],
)
def test_a_verified_address_names_a_person_where_the_provider_speaks_for_it(email: str | None, reason: str) -> None:
    whole = content([rule("ada", subjects={"users": ["corp:mailto:ada@corp.example"]})], [HONOUR])

    assert asked(whole, person=Person("corp", sub="u-1", email=email)) == reason


@pytest.mark.parametrize(
    ("trust", "person", "reason"),
    [
        ({"known_subjects": ["corp:u-2"]}, Person("corp", sub="u-1"), "assertion_subject"),
        ({"known_subjects": ["corp:u-2"]}, Person("corp"), "granted"),
        ({"known_subjects": ["oid-1"], "subject": {"claim": "oid"}}, Person("corp", sub="u-1"), "granted"),
    ],
)
def test_a_stranger_is_told_only_where_the_bundle_alone_can_tell(
    trust: dict[str, Any], person: Person, reason: str
) -> None:
    whole = bundle()
    trusts = whole["authorization_servers"]["tools"]["trusts"]
    trusts["home"] = {**trusts["home"], **trust}

    assert asked(whole, person=person) == reason


def test_of_a_foreign_grant_nobody_is_taken_for_a_stranger() -> None:
    whole = bundle()
    trusts = whole["authorization_servers"]["tools"]["trusts"]
    trusts["partner"] = {**trusts["partner"], "known_subjects": ["u-2"]}

    assert asked(whole, person=None, issuer="partner") == "granted"


def test_where_no_issuer_accepts_the_provider_the_issuer_must_be_said() -> None:
    whole = bundle(("grant_issuers", "home", "identity_providers"), ["corp"])
    for client in whole["clients"].values():
        client["at"]["home"]["sso"] = {"corp": client["at"]["home"]["sso"]["corp"]}

    with pytest.raises(Unanswerable, match="the issuer must be said; those that accept guest: none"):
        asked(whole, person=Person("guest"))
