"""Faults as administrators make them, planted one by one into rules that are well, with
what the linter has to call them. Written down before the linter was run on them; where two
rules say the same, which of them is told is the linter's to choose."""

from __future__ import annotations

from typing import Any, NamedTuple

from policy_world import redemption, rule

ENG = {"groups": ["corp:eng"]}
FIN = {"groups": ["corp:fin"]}
NIGHT = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "20:00", "to": "06:00", "timezone": "UTC"}
WEEK = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00", "timezone": "UTC"}
OPEN = {"clients": ["*"], "resources": ["*"], "scopes": ["*"]}
PAST, NEXT_YEAR = "2026-11-20T00:00:00Z", "2027-11-01T00:00:00Z"

WELL = [
    rule("eng-reads", subjects=ENG, clients=["desk", "robot"]),
    rule("leads-write", subjects={"groups": ["corp:eng"], "roles": ["corp:lead"]}, scopes=["ledger.write"]),
    rule("fin-reads", subjects=FIN, clients=["desk", "robot"]),
    rule("wiki", subjects={"groups": ["corp:eng", "guest:eng"]}, resources=["wiki"], scopes=["wiki.read"]),
    rule("night", subjects=FIN, scopes=["ledger.write"], require={"time": NIGHT}),
    rule("leavers-out", "deny", subjects={"groups": ["corp:out"]}, **OPEN),
]
CEILINGS = [
    redemption("ours", clients=["desk", "robot"], resources=["ledger", "wiki", "mcp-1"], scopes=["*"]),
]
DIRECTORY = {
    "corp": {
        "missing": "disabled",
        "users": {
            "u-1": {"groups": ["eng"], "roles": ["lead"]},
            "u-2": {"groups": ["fin"], "roles": []},
            "u-3": {"groups": ["out"], "roles": [], "active": False},
            "u-4": {"groups": ["out", "ops"], "roles": ["boss"]},
        },
    }
}


class Planted(NamedTuple):
    """One fault: rules that are added, and what else is changed, by path."""

    name: str
    kind: str
    """`shadowed`, `denied`, `unreachable`, `over-broad`, `expired` or `never-matching`."""
    rule: str
    grants: tuple[dict[str, Any], ...] = ()
    ceilings: tuple[dict[str, Any], ...] = ()
    changed: tuple[tuple[tuple[str, ...], Any], ...] = ()
    instead: tuple[dict[str, Any], ...] | None = None
    """Ceilings in place of those that are well."""


def _two(first: dict[str, Any], second: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return (first, second)


PLANTED = (
    Planted("a rule copied under another name", "shadowed", "eng-reads-2",
            (rule("eng-reads-2", subjects=ENG, clients=["desk", "robot"]),)),
    Planted("a stricter rule beside the one that it was to replace", "shadowed", "eng-reads-mfa",
            (rule("eng-reads-mfa", subjects=ENG, require={"acr": ["mfa"], "max_auth_age": "1h"}),)),
    Planted("one rule for two groups that have a rule each", "shadowed", "fin-reads",
            (rule("both-read", subjects={"groups": ["corp:eng", "corp:fin"]}, clients=["desk", "robot"]),)),
    Planted("one rule for two scopes that have a rule each", "shadowed", "ops-writes",
            (rule("ops-reads", subjects={"groups": ["corp:ops"]}),
             rule("ops-writes", subjects={"groups": ["corp:ops"]}, scopes=["ledger.write"]),
             rule("ops-all", subjects={"groups": ["corp:ops"]}, scopes=["ledger.*"]))),
    Planted("one rule for two clients that have a rule each", "shadowed", "hr-robot",
            (rule("hr-desk", subjects={"groups": ["corp:hr"]}),
             rule("hr-robot", subjects={"groups": ["corp:hr"]}, clients=["robot"]),
             rule("hr-either", subjects={"groups": ["corp:hr"]}, clients=["desk", "robot"]))),
    Planted("one rule for two groups that have wider rules", "shadowed", "both-read",
            (rule("both-read", subjects={"groups": ["corp:eng", "corp:fin"]}),)),
    Planted("one rule for two scopes that have wider rules", "shadowed", "ops-all",
            (rule("ops-reads", subjects={"groups": ["corp:ops"]}, clients=["desk", "robot"]),
             rule("ops-writes", subjects={"groups": ["corp:ops"]}, clients=["desk", "robot"], scopes=["ledger.write"]),
             rule("ops-all", subjects={"groups": ["corp:ops"]}, scopes=["ledger.*"]))),
    Planted("what two rules with other conditions leave nothing of", "shadowed", "n-mfa",
            (rule("n-early", subjects={"groups": ["corp:ops"]}, require={"time": {**WEEK, "to": "12:00"}}),
             rule("n-late", subjects={"groups": ["corp:ops"]}, require={"time": {**WEEK, "from": "12:00"}}),
             rule("n-mfa", subjects={"groups": ["corp:ops"]}, require={"acr": ["mfa"]}))),
    Planted("one resource of a pattern", "shadowed", "ops-mcp",
            (rule("ops-any", subjects={"groups": ["corp:ops"]}, resources=["*"], scopes=["shared.read"]),
             rule("ops-mcp", subjects={"groups": ["corp:ops"]}, resources=["mcp-*"], scopes=["shared.read"]))),
    Planted("a shift within the night", "shadowed", "late",
            (rule("late", subjects=FIN, scopes=["ledger.write"],
                  require={"time": {**NIGHT, "from": "22:00", "to": "05:00"}}),)),
    Planted("a deny within a deny", "shadowed", "leavers-no-writing",
            (rule("leavers-no-writing", "deny", subjects={"groups": ["corp:out"]}, scopes=["ledger.write"]),)),
    Planted("an exception to a deny, written as an allow", "denied", "leavers-read",
            (rule("leavers-read", subjects={"groups": ["corp:out"]}, resources=["wiki"], scopes=["wiki.read"]),)),
    Planted("two groups, each of which a deny takes", "denied", "old-and-new",
            (rule("old-out", "deny", subjects={"groups": ["corp:old"]}, scopes=["*"]),
             rule("old-and-new", subjects={"groups": ["corp:old", "corp:out"]}))),
    Planted("an office that a deny of networks covers", "denied", "office",
            (rule("no-10", "deny", require={"network": ["10.0.0.0/8"]}, scopes=["*"]),
             rule("office", subjects={"groups": ["corp:ops"]}, require={"network": ["10.1.0.0/16"]}))),
    Planted("a client without an id at the server", "unreachable", "agents",
            (rule("agents", subjects=ENG, clients=["agent-1"]),), (), ((("clients", "agent-1", "at", "tools"), None),)),
    Planted("a client that may not exchange", "unreachable", "agents",
            (rule("agents", subjects=ENG, clients=["agent-1"]),),
            (redemption("agents-too", clients=["agent-1"]),),
            ((("clients", "agent-1", "at", "home", "grant_types"), []),)),
    Planted("an issuer that is not trusted with the resource", "unreachable", "mcp",
            (rule("mcp", subjects=ENG, resources=["mcp-1"], scopes=["mcp.use"]),), (),
            ((("authorization_servers", "tools", "trusts", "home", "resources"), ["ledger", "wiki"]),)),
    Planted("a scope that no ceiling lets through", "unreachable", "writes-wiki",
            (rule("writes-wiki", subjects=ENG, resources=["wiki"], scopes=["shared.read"]),), (), (),
            (redemption("some", clients=["desk", "robot"], scopes=["ledger.*"]),
             redemption("more", resources=["wiki"], scopes=["wiki.read"]))),
    Planted("a ceiling that leaves the client out", "unreachable", "agents",
            (rule("agents", subjects=ENG, clients=["agent-1"]),)),
    Planted("a ceiling that a deny of leg 2 takes away", "unreachable", "uses",
            (rule("uses", subjects=ENG, resources=["mcp-1"], scopes=["mcp.use"]),),
            (redemption("mcp-closed", "deny", clients=["*"], resources=["mcp-1"], scopes=["*"]),)),
    Planted("a ceiling that has expired", "unreachable", "agents",
            (rule("agents", subjects=ENG, clients=["agent-1"]),),
            (redemption("pilot", clients=["agent-1"], expires=PAST),)),
    Planted("people of a provider at which the client has no id", "unreachable", "guests",
            (rule("guests", subjects={"groups": ["guest:ops"]}),), (),
            ((("clients", "desk", "at", "home", "sso"), {"corp": ["desk"]}),)),
    Planted("a client unknown abroad", "unreachable", "abroad",
            (rule("abroad", subjects=ENG, clients=["robot"], resources=["files"], scopes=["files:read"]),)),
    Planted("everything for everyone", "over-broad", "try", (rule("try", **OPEN),)),
    Planted("everyone with every client", "over-broad", "public",
            (rule("public", clients=["*"], resources=["wiki"], scopes=["wiki.read"]),)),
    Planted("a group with everything everywhere", "over-broad", "power",
            (rule("power", subjects={"groups": ["corp:ops"]}, resources=["*"], scopes=["*"]),)),
    Planted("a condition on the time that always holds", "over-broad", "always",
            (rule("always", clients=["*"], resources=["wiki"], scopes=["wiki.read"], require={"time": WEEK}),)),
    Planted("a condition on the network that every address meets", "over-broad", "anywhere",
            (rule("anywhere", clients=["*"], resources=["wiki"], scopes=["wiki.read"],
                  require={"network": ["0.0.0.0/0", "::/0"]}),)),
    Planted("a ceiling that lets everything through", "over-broad", "all",
            (), (redemption("all", issuers=["*"], **OPEN),)),
    Planted("a pilot that is over", "expired", "pilot",
            (rule("pilot", subjects={"groups": ["corp:ops"]}, expires=PAST),)),
    Planted("a ban that has run out", "expired", "ban",
            (rule("ban", "deny", subjects={"users": ["corp:u-9"]}, expires=PAST),)),
    Planted("an end in another time zone", "expired", "pilot",
            (rule("pilot", subjects={"groups": ["corp:ops"]}, expires="2026-11-21T21:59:59+02:00"),)),
    Planted("a ceiling for a while", "expired", "trial", (), (redemption("trial", issuers=["partner"], expires=PAST),)),
    Planted("people of two providers", "never-matching", "mixed",
            (rule("mixed", subjects={"groups": ["corp:eng"], "roles": ["guest:lead"]}),)),
    Planted("a claim of one provider and a group of another", "never-matching", "mixed",
            (rule("mixed", subjects={"groups": ["guest:eng"], "claims": {"corp:department": ["hr"]}}),)),
    Planted("a sign-in that its scope does not accept", "never-matching", "weak",
            (rule("weak", subjects={"groups": ["corp:ops"]}, require={"acr": ["pwd"]}),), (),
            ((("resources", "ledger", "sign_in"), {"ledger.read": {"acr": ["mfa"]}}),)),
    Planted("a sign-in that the ceiling does not accept", "never-matching", "weak",
            (rule("weak", subjects={"groups": ["corp:ops"]}, clients=["agent-1"], require={"acr": ["pwd"]}),),
            (redemption("strict", clients=["agent-1"], require={"acr": ["mfa"]}),)),
    Planted("a ceiling whose sign-in its scope does not accept", "never-matching", "weak-ceiling",
            (rule("agents", subjects=ENG, clients=["agent-1"]),),
            _two(redemption("weak-ceiling", clients=["agent-1"], require={"acr": ["pwd"]}),
                 redemption("strong-ceiling", clients=["agent-1"], require={"acr": ["mfa"]})),
            ((("resources", "ledger", "sign_in"), {"ledger.read": {"acr": ["mfa"]}}),)),
    Planted("a group that is misspelt", "never-matching", "typo",
            (rule("typo", subjects={"groups": ["corp:engg"]}),), (), ((("directories",), DIRECTORY),)),
    Planted("a user who has left", "never-matching", "gone",
            (rule("gone", subjects={"users": ["corp:u-3"]}),), (), ((("directories",), DIRECTORY),)),
    Planted("a group and a role that nobody has both", "never-matching", "nobody",
            (rule("nobody", subjects={"groups": ["corp:fin"], "roles": ["corp:boss"]}, scopes=["ledger.write"]),), (),
            ((("directories",), DIRECTORY),)),
    Planted("a resource without the scope", "never-matching", "slip",
            (rule("slip", subjects={"groups": ["corp:ops"]}, resources=["ledger", "wiki"]),)),
)  # fmt: skip

SOUND = (
    Planted("two groups of which one has a rule", "", "", (rule("n", subjects={"groups": ["corp:fin", "corp:ops"]}),)),
    Planted("a longer night", "", "",
            (rule("n", subjects=FIN, scopes=["ledger.write"], require={"acr": ["mfa"], "time": {**NIGHT, "from": "19:00"}}),)),
    Planted("a deny with an exception by network", "", "",
            (rule("no", "deny", require={"network": ["192.0.2.0/24"]}, scopes=["*"]),)),
    Planted("a role that may do what no group may", "", "",
            (rule("n", subjects={"roles": ["corp:boss"]}, scopes=["ledger.*"]),)),
    Planted("the same for longer", "", "",
            (rule("n", subjects={"groups": ["corp:ops"]}, expires=NEXT_YEAR),
             rule("m", subjects={"groups": ["corp:ops"]}, require={"acr": ["mfa"]}))),
    Planted("a deny of one of two groups", "", "",
            (rule("no", "deny", subjects={"groups": ["corp:old"]}, scopes=["*"]),
             rule("n", subjects={"groups": ["corp:old", "corp:ops"]}))),
    Planted("a deny that holds at night only", "", "",
            (rule("no", "deny", subjects={"groups": ["corp:ops"]}, require={"time": NIGHT}),
             rule("n", subjects={"groups": ["corp:ops"]}))),
    Planted("two sign-ins, one for each ceiling", "", "",
            (rule("n", subjects=ENG, clients=["agent-1"], require={"acr": ["mfa", "pwd"]}),),
            (redemption("a", clients=["agent-1"], require={"acr": ["mfa"]}),
             redemption("b", clients=["agent-1"], require={"acr": ["pwd"]}))),
    Planted("half a day with every client", "", "",
            (rule("n", clients=["*"], resources=["wiki"], scopes=["wiki.read"],
                  require={"time": {**WEEK, "to": "12:00"}}),),
            (redemption("a", clients=["*"], resources=["wiki"], scopes=["*"]),)),
    Planted("weekends with every client", "", "",
            (rule("n", clients=["*"], resources=["wiki"], scopes=["wiki.read"],
                  require={"time": {**WEEK, "days": ["sat", "sun"]}}),),
            (redemption("a", clients=["*"], resources=["wiki"], scopes=["*"]),)),
    Planted("one network with every client", "", "",
            (rule("n", clients=["*"], resources=["wiki"], scopes=["wiki.read"],
                  require={"network": ["10.0.0.0/8"]}),),
            (redemption("a", clients=["*"], resources=["wiki"], scopes=["*"]),)),
    Planted("a deny of people whom the directory does not list", "", "",
            (rule("no", "deny", subjects={"groups": ["corp:suspended"]}, scopes=["*"]),), (),
            ((("directories",), {"corp": {"missing": "unknown", "users": {
                **DIRECTORY["corp"]["users"], "u-5": {"groups": ["suspended"], "roles": []}}}}),)),  # type: ignore[dict-item]  # the users are a mapping
)  # fmt: skip
"""Look-alikes in which nothing is to be found."""
