"""Compiles the rule texts of both legs into indexed rule sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grantd_server.governance.compiling.detail_types import detail_terms
from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.texts.patterns import Registry, select
from grantd_server.policy.clauses.scope_sign_ins import demands_of
from grantd_server.policy.clauses.who import Claim, Groups, Issuers, Roles, Users
from grantd_server.policy.rules import GrantRules, RedemptionRules, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.governance.reading.declared import Bundle, Rules, RuleText, Subjects
    from grantd_server.model.bundle.governed import Resource
    from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs
    from grantd_server.policy.clauses.who import AttemptT, Clause


def grant_rules(bundle: Bundle, resources: Mapping[str, Resource]) -> dict[str, GrantRules]:
    """By grant issuer name. An issuer without rules has an empty set, which grants nothing."""
    scopes = {resource.name: resource.scopes for resource in resources.values()}
    registry = Registry(bundle.clients, scopes)
    found = {}
    for issuer, _ in sound(bundle.grant_issuers):
        texts = _texts(bundle.grants.get(issuer.name))
        subjects = [text.subjects for text in texts if text.subjects is not None]
        found[issuer.name] = RuleSet.of(
            issuer.name,
            scopes,
            [_grant_rule(text, registry) for text in texts],
            users=frozenset().union(*(subject.users for subject in subjects)),
            claim_values=frozenset().union(*(values for subject in subjects for values in subject.claims.values())),
        )
    return _demanding(found, resources.values())


def redemption_rules(bundle: Bundle, resources: Mapping[str, Resource]) -> dict[str, RedemptionRules]:
    """By authorization server name, over the resources that it governs."""
    found = {}
    for server, _ in sound(bundle.authorization_servers):
        if server.foreign:
            continue
        governed = [resource for resource in resources.values() if resource.authorization_server == server.name]
        scopes = {resource.name: resource.scopes for resource in governed}
        registry = Registry(bundle.clients, scopes)
        issuers = [trust.name for trust in server.trusts]
        texts = _texts(bundle.redemptions.get(server.name))
        rules = [_redemption_rule(text, registry, issuers) for text in texts]
        found[server.name] = RuleSet.of(server.name, scopes, rules)
    return _demanding(found, resources.values())


def _demanding(found: dict[str, RuleSet[AttemptT]], resources: Iterable[Resource]) -> dict[str, RuleSet[AttemptT]]:
    """The rule sets with what the scopes of resources demand of a sign-in."""
    demands = {resource.name: demands_of(resource.sign_in) for resource in resources if resource.sign_in}
    return {name: replace(rules, demands=demands) for name, rules in found.items()} if demands else found


def _texts(rules: Rules | None) -> list[RuleText]:
    return [] if rules is None else [text for text, _ in rules.sound()]


def _grant_rule(text: RuleText, registry: Registry) -> Rule[GrantInputs]:
    subjects = text.subjects
    clauses = [] if subjects is None else _subject_clauses(subjects)
    kind, values = _filed_under(clauses)
    keys = tuple(f"{kind}:{value}" for value in sorted(values))
    return _rule(text, registry, (*clauses, *text.clauses), keys, f"{kind}?" if keys and text.deny else "")


def _filed_under(clauses: list[Clause[Any]]) -> tuple[str, frozenset[str]]:
    """The first clause, which is about the fewest people: the kind of its index keys, and
    its values. No clause: anybody."""
    match clauses[:1]:
        case [Claim() as claim]:
            return claim.kind, claim.values
        case [(Users() | Groups() | Roles()) as names]:
            return names.name.rpartition(".")[2], names.values
    return "", frozenset()


def _subject_clauses(subjects: Subjects) -> list[Clause[Any]]:
    clauses: list[Clause[Any]] = []
    if subjects.users:
        clauses.append(Users(subjects.users))
    if subjects.groups:
        clauses.append(Groups(subjects.groups))
    if subjects.roles:
        clauses.append(Roles(subjects.roles))
    for qualified, values in sorted(subjects.claims.items()):
        provider, _, claim = qualified.partition(":")
        clauses.append(Claim(provider, claim, values))
    return clauses


def _redemption_rule(text: RuleText, registry: Registry, issuers: list[str]) -> Rule[RedemptionInputs]:
    named = select(text.issuers, issuers)
    return _rule(text, registry, (Issuers(named), *text.clauses), tuple(sorted(named)), "")


def _rule(
    text: RuleText, registry: Registry, clauses: tuple[Clause[Any], ...], keys: tuple[str, ...], unknown_key: str
) -> Rule[Any]:
    resources = registry.resources(text.resources)
    return Rule(
        id=text.id,
        deny=text.deny,
        resources=resources,
        clients=registry.clients(text.clients),
        scopes=registry.scopes(text.scopes, resources),
        clauses=clauses,
        keys=keys,
        unknown_key=unknown_key,
        shadow=text.shadow,
        expires=text.expires,
        details=detail_terms(text),
        written={name: ", ".join(getattr(text, name)) for name in ("clients", "resources", "scopes")},
    )
