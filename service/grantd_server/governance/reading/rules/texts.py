"""Reads the rules of both legs. What a leg cannot know is no key of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import RuleText, Subjects
from grantd_server.governance.reading.rules.circumstances import read_networks, read_window
from grantd_server.governance.reading.texts import scalars
from grantd_server.policy.clauses.sign_in import Acr, Amr, AuthAge
from grantd_server.policy.clauses.who import Tenants

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node
    from grantd_server.policy.clauses.who import Clause

EVERYONE = Subjects()

_NOT_ON_LEG_1 = "{} is not known on leg 1; decide it in redemptions"
_NOT_ON_LEG_2 = "{} is not known on leg 2, which sees the grant and not the person; decide it in grants"
_LEG_2_ONLY = {"issuers": _NOT_ON_LEG_1.format("issuers")}
_CONDITIONS = {"tenants": "tenants is a condition of a rule; say it below require"}
_LEG_1_ONLY = {
    key: _NOT_ON_LEG_2.format(key)
    for key in ("subjects", "groups", "users", "roles", "claims", "amr", "max_auth_age", "network", "time")
}


def read_grant_rule(fields: Fields) -> RuleText:
    """A rule of `grants`."""
    subjects = _subjects(fields)
    clauses: list[Clause[Any]] = []
    inside = fields.inside("require")
    if inside is not None:
        clauses = _sign_in(inside)
        networks = read_networks(inside)
        window = read_window(inside)
        clauses += [clause for clause in (networks, window) if clause is not None]
        clauses += _tenants(inside)
        inside.close(_LEG_2_ONLY)
    rule = _rule(fields, tuple(clauses), subjects=subjects)
    _check_ambiguous(fields, rule.deny, subjects)
    fields.close(_LEG_2_ONLY | _CONDITIONS)
    return rule


def read_redemption_rule(fields: Fields) -> RuleText:
    """A rule of `redemptions`; its scopes are a ceiling."""
    issuers = fields.each("issuers", scalars.name_pattern)
    clauses: list[Clause[Any]] = []
    inside = fields.inside("require")
    if inside is not None:
        acr = inside.each("acr", scalars.text, required=False)
        clauses = [Acr(acr)] if acr else []
        clauses += _tenants(inside)
        inside.close(_LEG_1_ONLY)
    rule = _rule(fields, tuple(clauses), issuers=issuers)
    fields.close(_LEG_1_ONLY | _CONDITIONS)
    return rule


def _rule(
    fields: Fields,
    clauses: tuple[Clause[Any], ...],
    subjects: Subjects | None = None,
    issuers: tuple[str, ...] = (),
) -> RuleText:
    fields.optional("description", scalars.text, "")
    deny, details = fields.required("effect", _effect, False), _details(fields)
    if deny and details:
        fields.wrong("details", "a deny is about scopes; deny the scope of the type, and its details go with it")
    return RuleText(
        id=fields.required("id", scalars.name, ""),
        deny=deny,
        clients=fields.each("clients", scalars.name_pattern),
        resources=fields.each("resources", scalars.name_pattern),
        scopes=fields.each("scopes", scalars.scope_pattern),
        clauses=clauses,
        shadow=fields.optional("shadow", scalars.flag, False),
        expires=fields.optional("expires", scalars.instant, None),
        subjects=subjects,
        issuers=issuers,
        details=details,
    )


def _details(fields: Fields) -> dict[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """`details`: by type, what its fields may be; `{}` is whatever the schema allows."""
    found = {}
    for name, node in fields.mapping("details").items():
        terms = fields.below(node, f"details.{name}")
        named = node.value if isinstance(node.value, dict) else {}
        found[name] = tuple((field, terms.each(field, scalars.text)) for field in named)
    return found


def _effect(node: Node) -> bool:
    if node.value not in {"allow", "deny"}:
        raise Wrong(f"allow or deny is expected, not {scalars.shown(node)}")
    return node.value == "deny"


def _tenants(inside: Fields) -> list[Clause[Any]]:
    tenants = inside.each("tenants", scalars.tenant, required=False)
    return [Tenants(frozenset(tenants))] if tenants else []


def _sign_in(inside: Fields) -> list[Clause[Any]]:
    acr = inside.each("acr", scalars.text, required=False)
    amr = inside.each("amr", scalars.text, required=False)
    age = inside.optional("max_auth_age", scalars.seconds, None)
    clauses: list[Clause[Any]] = [Acr(acr)] if acr else []
    clauses += [Amr(frozenset(amr))] if amr else []
    clauses += [AuthAge(age)] if age is not None else []
    return clauses


def _subjects(fields: Fields) -> Subjects:
    """`everyone`, or a mapping. Required: a rule about everybody says so."""
    if "subjects" not in fields or fields.node.at("subjects").value == "everyone":
        fields.required("subjects", scalars.text, "")
        return EVERYONE
    inside = fields.inside_mapping("subjects")
    if inside is None:
        fields.wrong(
            "subjects", '"everyone", which is no list, or a mapping of users, groups, roles or claims is expected'
        )
        fields.optional("subjects", lambda _: None, None)
        return EVERYONE
    subjects = Subjects(
        users=frozenset(inside.each("users", _qualified, required=False)),
        groups=frozenset(inside.each("groups", _qualified, required=False)),
        roles=frozenset(inside.each("roles", _qualified, required=False)),
        claims={
            claim: frozenset(inside.items_of(node, f"{inside.label}.claims.{claim}", scalars.text))
            for claim, node in inside.mapping("claims").items()
        },
    )
    inside.close()
    if inside.sound and subjects == EVERYONE:
        inside.wrong("", 'nobody is named; write "everyone" if everybody is meant')
    return subjects


def _check_ambiguous(fields: Fields, deny: bool, subjects: Subjects) -> None:
    """Every key is a condition. Where people read a list of subjects as "any of these",
    the rule is refused instead of guessed: a deny would silently miss people."""
    named = [key for key in ("users", "groups", "roles") if getattr(subjects, key)]
    if deny and any(":mailto:" in user for user in subjects.users):
        # A sign-in without a verified address would slip past the rule.
        fields.wrong("subjects", "a deny names people by their identifier; an address may be missing from a sign-in")
    if deny and len(named) > 1:
        fields.wrong("subjects", f"a deny names one of {' and '.join(named)}; write one rule for each")
    elif "users" in named and len(named) > 1:
        fields.wrong("subjects", f"users and {named[1]} in one rule would both have to hold; write one rule for each")


def _qualified(node: Node) -> str:
    """`provider:name`. Compared byte for byte, so that `*` would be a letter."""
    value = scalars.text(node)
    provider, _, rest = value.partition(":")
    if not rest or scalars.NAME.fullmatch(provider) is None:
        raise Wrong(f'"{value}" is not qualified; write it as PROVIDER:NAME')
    if "*" in value:
        raise Wrong(f'"{value}" is a pattern; subjects are compared byte for byte, name them one by one')
    return value
