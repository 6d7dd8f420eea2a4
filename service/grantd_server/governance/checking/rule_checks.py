"""Checks that rules are about something that is there, and read what can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.checking.elsewhere import elsewhere
from grantd_server.governance.checking.references import governed_by
from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.texts.patterns import Registry, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Declared, Rules, RuleText, Subjects
    from grantd_server.model.bundle.governed import IdentityProvider


def check_rules(bundle: Bundle, faults: Faults) -> None:
    """Checks the rules of every grant issuer and every server that could be read."""
    broken = any(resource.value is None for resource in bundle.resources.values())
    scopes = {resource.name: resource.scopes for resource, _ in sound(bundle.resources)}
    for issuer, _ in sound(bundle.grant_issuers):
        check = _Check(bundle, Registry(bundle.clients, scopes), faults, broken)
        for text, declared in _sound(bundle.grants.get(issuer.name)):
            check.patterns(text, declared)
            if text.subjects is not None:
                _check_subjects(bundle, issuer.identity_providers, text.subjects, declared, faults)
    for server, _ in sound(bundle.authorization_servers):
        if server.foreign:
            continue
        governed = {name: scopes[name] for name in governed_by(bundle, server.name) if name in scopes}
        check = _Check(bundle, Registry(bundle.clients, governed), faults, broken)
        trusted = [trust.name for trust in server.trusts]
        for text, declared in _sound(bundle.redemptions.get(server.name)):
            check.patterns(text, declared)
            check.each("issuers", text.issuers, declared, lambda one: bool(select((one,), trusted)))  # noqa: B023  called at once


def _sound(rules: Rules | None) -> Iterable[tuple[RuleText, Declared[RuleText]]]:
    return () if rules is None else rules.sound()


class _Check:
    """Each pattern must match something: a rule about nothing is a spelling mistake,
    and in a deny a dangerous one."""

    def __init__(self, bundle: Bundle, registry: Registry, faults: Faults, broken: bool) -> None:
        self._bundle = bundle
        self._registry = registry
        self._faults = faults
        self._broken = broken

    def patterns(self, text: RuleText, declared: Declared[RuleText]) -> None:
        self.each("clients", text.clients, declared, lambda one: bool(self._registry.clients((one,))))
        if self._broken:
            return
        self.each("resources", text.resources, declared, lambda one: bool(self._registry.resources((one,))))
        resources = self._registry.resources(text.resources)
        if resources:
            self.each("scopes", text.scopes, declared, lambda one: bool(self._registry.scopes((one,), resources)))

    def each(
        self, key: str, patterns: tuple[str, ...], declared: Declared[RuleText], matches: Callable[[str], bool]
    ) -> None:
        for place, pattern in enumerate(patterns):
            if not matches(pattern):
                sentence = f"{pattern} matches {_NOTHING[key]}{elsewhere(self._bundle, pattern)}"
                self._faults.add(declared.node.at(key, place), f"{declared.label}.{key}", sentence)


_NOTHING = {
    "clients": "no client of this bundle",
    "resources": "no resource that these rules can be about",
    "scopes": "no scope of the resources of this rule",
    "issuers": "no issuer that this server trusts",
}


def _check_subjects(
    bundle: Bundle, providers: tuple[str, ...], subjects: Subjects, declared: Declared[RuleText], faults: Faults
) -> None:
    node, label = declared.node.at("subjects"), f"{declared.label}.subjects"
    for kind, values in (
        ("users", subjects.users),
        ("groups", subjects.groups),
        ("roles", subjects.roles),
        ("claims", frozenset(subjects.claims)),
    ):
        for value in sorted(values):
            sentence = _unknowable(bundle, providers, kind, value)
            if sentence is not None:
                faults.add(node.at(kind), f"{label}.{kind}", sentence)


def _attributes(provider: IdentityProvider) -> Iterable[str]:
    return () if provider.saml is None else provider.saml.attributes


def _unknowable(bundle: Bundle, providers: tuple[str, ...], kind: str, qualified: str) -> str | None:
    """Why a rule of this issuer could never read the attribute, if so."""
    name, _, rest = qualified.partition(":")
    if not rest:
        return f"{qualified} is not qualified; write it as PROVIDER:NAME"
    if name not in providers:
        return f"{qualified}: {name} is not an identity provider of this grant issuer"
    declared = bundle.identity_providers.get(name)
    provider = None if declared is None else declared.value
    if provider is None:
        return None
    if kind == "groups" and not provider.knows_groups and name not in bundle.directories:
        return f"{qualified}: the groups of {name} are never known; it has no groups_claim"
    if kind == "roles" and not provider.knows_roles and name not in bundle.directories:
        return f"{qualified}: the roles of {name} are never known; it has no roles_claim"
    if kind == "claims" and rest not in (*provider.claims, *_attributes(provider)):
        return f"{qualified}: {name} does not declare the claim {rest}"
    if kind == "users" and rest.startswith("mailto:"):
        local, _, domain = rest.removeprefix("mailto:").rpartition("@")
        if not local or domain not in provider.email_domains:
            return f"{qualified}: {name} is not authoritative for that address; see its email_domains"
    return None
