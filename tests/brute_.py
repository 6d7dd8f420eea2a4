"""Small random worlds, and everybody who can ask in them at every moment that matters: what
the engine grants, found by asking it, one request after the other."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations, product
from typing import Any, NamedTuple

from analysis_world import CLIENTS, HONOUR, content
from grantd_server.governance.asking.answering import answer
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.asking.question import Person, Question, attributes_of
from grantd_server.governance.document import canonical
from grantd_server.governance.snapshot import Snapshot
from grantd_server.model.bundle.rules import SignIn
from policy_world import NOW, redemption, rule

PLACES = {"ledger": ["ledger.read", "ledger.write"], "wiki": ["wiki.read", "shared.read"],
          "mcp-1": ["shared.read", "mcp.use"], "files": ["files:read", "files:write"]}  # fmt: skip
SUBJECTS: list[Any] = [
    "everyone",
    *({"groups": list(names)} for names in (["corp:eng"], ["corp:fin"], ["corp:out"], ["corp:eng", "corp:fin"],
                                            ["guest:eng"], ["corp:eng", "guest:eng"])),
    {"roles": ["corp:lead"]}, {"users": ["corp:u-1"]}, {"users": ["corp:u-1", "corp:u-2"]},
    {"claims": {"corp:department": ["hr"]}}, {"claims": {"corp:department": ["hr", "finance"]}},
]  # fmt: skip
JOINED = [
    {"groups": ["corp:eng"], "roles": ["corp:lead"]},
    {"groups": ["corp:fin"], "claims": {"corp:department": ["hr"]}},
]
HOURS = [("00:00", "24:00"), ("08:00", "20:00"), ("20:00", "08:00"), ("19:00", "21:00"), ("22:00", "06:00")]
KINDS = {
    "acr": [["pwd"], ["mfa"], ["pwd", "mfa"]],
    "amr": [["otp"], ["hwk"], ["otp", "hwk"]],
    "max_auth_age": ["1m", "1h"],
    "network": [["10.0.0.0/8"], ["10.1.0.0/16"], ["192.0.2.0/24"], ["10.0.0.0/8", "192.0.2.0/24"]],
    "time": [{"days": days, "from": since, "to": until, "timezone": "UTC"}
             for days in (["sat"], ["fri", "sun"], ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]) for since, until in HOURS],
    "tenants": [["north"], ["south"], ["north", "south"]],
}  # fmt: skip
EXPIRIES = ["2026-11-21T19:00:00Z", "2026-11-22T02:00:00Z"]


class World(NamedTuple):
    """A bundle as it is written."""

    content: dict[str, Any]

    @property
    def snapshot(self) -> Snapshot:
        return snapshot_of(canonical(self.content))

    def rules(self) -> list[dict[str, Any]]:
        return [*self.content.get("grants", {}).get("home", []), *self.content.get("redemptions", {}).get("tools", [])]

    def without(self, name: str) -> World:
        """The same without one rule."""
        lists = {
            s: {k: [r for r in v if r["id"] != name] for k, v in self.content.get(s, {}).items()}
            for s in ("grants", "redemptions")
        }
        return World({**self.content, **lists})


def _some(chance: random.Random, values: list[str], every: float = 0.3) -> list[str]:
    return ["*"] if chance.random() < every else chance.sample(values, chance.choice([1, 1, 2]))


def _require(chance: random.Random, kinds: list[str]) -> dict[str, Any]:
    chosen = [kind for kind in kinds if chance.random() < 0.4]
    return {"require": {kind: chance.choice(KINDS[kind]) for kind in chosen}} if chosen else {}


def _about(chance: random.Random, places: list[str]) -> dict[str, Any]:
    resources = _some(chance, places)
    offered = sorted({s for name in (places if resources == ["*"] else resources) for s in PLACES[name]})
    scopes = chance.choice(
        [
            ["*"],
            ["*"],
            chance.sample(offered, 1),
            chance.sample(offered, min(2, len(offered))),
            [offered[0].split(".")[0].split(":")[0] + "*"],
        ]
    )
    expires = {"expires": chance.choice(EXPIRIES)} if chance.random() < 0.12 else {}
    shadow = {"shadow": True} if chance.random() < 0.05 else {}
    return {"clients": _some(chance, list(CLIENTS)), "resources": resources, "scopes": scopes, **expires, **shadow}


def grant(chance: random.Random, name: str, kinds: list[str]) -> dict[str, Any]:
    deny = chance.random() < 0.35
    subjects = chance.choice(SUBJECTS if deny else [*SUBJECTS, *JOINED])
    return rule(
        name, "deny" if deny else "allow", subjects=subjects, **_about(chance, list(PLACES)), **_require(chance, kinds)
    )


def ceiling(chance: random.Random, name: str, kinds: list[str]) -> dict[str, Any]:
    effect = "deny" if chance.random() < 0.25 else "allow"
    issuers = chance.choice([["*"], ["home"], ["partner"]])
    mine = [kind for kind in kinds if kind in {"acr", "tenants"}]
    return redemption(
        name, effect, issuers=issuers, **_about(chance, ["ledger", "wiki", "mcp-1"]), **_require(chance, mine)
    )


def world(chance: random.Random) -> World:
    """Up to seven rules, a circumstance or two, and sometimes a closed way, a directory, tenants."""
    kinds = chance.sample(sorted(set(KINDS) - {"tenants"}), chance.choice([0, 1, 2]))
    tenants = chance.random() < 0.15
    kinds += ["tenants"] if tenants else []
    grants = [grant(chance, f"g-{n}", kinds) for n in range(chance.randint(1, 6))]
    ceilings = [ceiling(chance, f"c-{n}", kinds) for n in range(chance.randint(0, 3))]
    whole = content(grants, ceilings or [HONOUR])
    if tenants:
        _tenants(whole)
    if chance.random() < 0.3:
        del whole["clients"][chance.choice(CLIENTS)]["at"][chance.choice(["home", "tools"])]
    if chance.random() < 0.2:
        whole["clients"]["desk"]["at"].get("home", {})["sso"] = {"guest": ["desk"]}
    if chance.random() < 0.2 and "acr" in kinds:
        whole["resources"]["ledger"]["sign_in"] = {"ledger.read": {"acr": ["mfa"]}}
    if chance.random() < 0.3:
        whole["directories"] = {"corp": _directory(chance)}
    return World(whole)


def _tenants(whole: dict[str, Any]) -> None:
    whole["grant_issuers"]["home"]["tenants"] = ["north", "south"]
    whole["identity_providers"]["corp"]["tenant"] = "north"
    whole["identity_providers"]["guest"]["tenant"] = {"claim": "tid"}
    trusts = whole["authorization_servers"]["tools"]["trusts"]
    trusts["home"] = {**trusts["home"], "tenants": ["north", "south"]}


def _directory(chance: random.Random) -> dict[str, Any]:
    users = {}
    for name in ("u-1", "u-2", "u-3"):
        listed: dict[str, Any] = {"groups": chance.sample(["eng", "fin", "out"], chance.randint(0, 2))}
        listed |= {"roles": chance.sample(["lead"], chance.randint(0, 1))} if chance.random() < 0.7 else {}
        users[name] = listed | ({"active": False} if chance.random() < 0.2 else {})
    return {"missing": chance.choice(["disabled", "unknown"]), "users": users}


def changed(chance: random.Random, before: World) -> World:
    """The same with a rule less, more or other; or with another directory."""
    whole = {**before.content, "grants": {"home": list(before.content["grants"]["home"])}}
    rules = whole["grants"]["home"]
    kinds = sorted({kind for each in before.rules() for kind in each.get("require", {})})
    place = chance.randrange(len(rules))
    match chance.randrange(4):
        case 0:
            del rules[place]
        case 1:
            rules.append(grant(chance, "g-new", kinds))
        case 2:
            rules[place] = grant(chance, rules[place]["id"], kinds)
        case 3 if "directories" in whole:
            whole["directories"] = {"corp": _directory(chance)}
        case _:
            rules[place] = {**rules[place], "clients": _some(chance, list(CLIENTS))}
    return World({section: below for section, below in whole.items() if below})


@dataclass(frozen=True)
class Asker:
    """Somebody who asks for everything of a resource, with a client, at a moment."""

    person: Person
    client: str
    resource: str
    sign_in: SignIn
    address: str | None
    now: int

    def granted(self, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
        """What both legs grant, and by which rules."""
        asked = Question(self.client, self.resource, tuple(PLACES[self.resource]), self.now, self.person,
                         "home", None, self.sign_in, self.address)  # fmt: skip
        return {scope: found.rules for scope, found in answer(snapshot, asked).scopes.items() if found.granted}


def has(snapshot: Snapshot, person: Person) -> frozenset[str]:
    """What rules know of a person, in the words of the analyses."""
    known = attributes_of(snapshot, person)
    words = {
        f"{kind} {name}"
        for kind, found in (("group", known.groups), ("role", known.roles), ("user", known.users))
        for name in found.values
    }
    words |= {
        f"claim {person.provider}:{claim} = {value}" for claim, found in known.claims.items() for value in found.values
    }
    return frozenset(words)


def is_listed(world: World, person: Person) -> bool:
    """Whether a directory says what they have."""
    return person.sub in world.content.get("directories", {}).get(person.provider, {}).get("users", {})


def refused(snapshot: Snapshot, person: Person) -> bool:
    """Whether a directory refuses them altogether."""
    return not attributes_of(snapshot, person).active


def words(subject: str) -> frozenset[str]:
    """The attributes of a subject as an analysis tells it."""
    return (
        frozenset()
        if subject.startswith("everyone of ")
        else frozenset(re.split(" and (?=group |role |user |claim )", subject))
    )


def people(*worlds: World) -> list[Person]:
    """Everybody who differs in what the rules read; None is not known."""
    text = str([each.rules() for each in worlds])
    tenanted = "tenants" in worlds[0].content["grant_issuers"]["home"]
    named = [name for name in ("eng", "fin", "out") if f"corp:{name}" in text]
    groups: list[Any] = [
        None,
        *(frozenset(g) for g in chain.from_iterable(combinations(named, n) for n in range(len(named) + 1))),
    ]
    roles = [None, frozenset[str](), frozenset({"lead"})] if "corp:lead" in text else [frozenset[str]()]
    users = (
        ["u-1", "u-2", "u-3", "u-9"]
        if "corp:u-" in text or any("directories" in w.content for w in worlds)
        else ["u-9"]
    )
    claims: list[dict[str, frozenset[str]]] = [{"department": frozenset()}]
    if "corp:department" in text:
        claims += [{}, {"department": frozenset({"hr"})}, {"department": frozenset({"finance"})}]
    corp = [Person("corp", *parts) for parts in product(users, groups, roles, claims)]
    guests = [Person("guest", "u-9", frozenset(g), frozenset(), {"department": frozenset()}) for g in ([], ["eng"])]
    guests = [replace(one, tenant=t) for one in guests for t in (["north", "south"] if tenanted else [None])]
    return [*corp, *guests, replace(guests[0], groups=None)]


def circumstances(*worlds: World) -> list[tuple[SignIn, str | None, int]]:
    """Every sign-in, address and time that rules of these worlds can tell apart."""
    text = str([each.content for each in worlds])
    acrs = [None, "pwd", "mfa", "other"] if "'acr'" in text else [None]
    amrs: list[Any] = [None, (), ("otp",), ("hwk",), ("hwk", "otp")] if "'amr'" in text else [None]
    ages = [None, 0, 600, 86400] if "max_auth_age" in text else [None]
    addresses = [None, "10.1.2.3", "10.2.2.3", "192.0.2.7", "198.51.100.1"] if "network" in text else [None]
    nows = sorted({NOW, *(_hours() if "'time'" in text else ()), *([NOW + 6 * 3600] if "'expires'" in text else ())})
    return [
        (SignIn(acr, amr, None if age is None else now - age), address, now)
        for acr, amr, age, address, now in product(acrs, amrs, ages, addresses, nows)
    ]


def _hours() -> Iterator[int]:
    """Hours of the week to come between all ends of the windows, on days of each kind."""
    for day in (0, 1, 2, 6):
        for hour in (1, 7, 10, 19.5, 20.5, 21.5, 23):
            moment = NOW - 20 * 3600 + day * 86400 + int(hour * 3600)
            if moment >= NOW:
                yield moment


def askers(*worlds: World) -> Iterator[Asker]:
    for person, client, resource in product(people(*worlds), CLIENTS, PLACES):
        for circumstance in circumstances(*worlds):
            yield Asker(person, client, resource, *circumstance)
