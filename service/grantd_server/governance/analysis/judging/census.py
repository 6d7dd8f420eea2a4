"""The people whom a directory of the bundle lists, as the rules can tell them apart: where
there is one, whoever it does not give a group has none, whatever a sign-in says."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.somebody import NOBODY, Somebody, can_be
from grantd_server.model.bundle.directory import Missing
from grantd_server.policy.clauses.who import Groups, Roles, Users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.directory import Account, Directory

NOT_LISTED = frozenset({"groups", "roles"})


class Census:
    """The people of one bundle."""

    def __init__(self, snapshot: Snapshot, *others: Snapshot) -> None:
        """The others are those that it is compared with: what their rules read counts too."""
        self._providers = snapshot.identity_providers
        self._sets = [rules for each in (snapshot, *others) for rules in each.lookups.grant_rules.values()]
        self._listed: dict[str, tuple[Somebody, ...]] = {}

    def directory(self, provider: str) -> Directory | None:
        """Who is listed, where the bundle says."""
        found = self._providers.get(provider)
        return None if found is None else found.directory

    def real(self, somebody: Somebody) -> Iterator[Somebody]:
        """The people there are who have all of that, each with whatever else they have.
        Without a directory anybody may be there who can be one person."""
        provider = self._providers[somebody.provider]
        if provider.directory is None:
            if can_be(somebody, provider):
                yield somebody
            return
        wanted = frozenset(name for name in somebody.users if ":mailto:" not in name)
        for one in self._people(somebody.provider):
            if somebody.groups <= one.groups and somebody.roles <= one.roles and wanted <= one.users:
                yield one.joined(somebody)
        unlisted = self.person(somebody.provider, min(wanted, default=":").partition(":")[2])
        if unlisted is not None and unlisted.unknown == NOT_LISTED and not somebody.groups and not somebody.roles:
            yield unlisted.joined(somebody)

    def person(self, provider: str, sub: str) -> Somebody | None:
        """Somebody with this subject, by what the directory says of them; None: refused."""
        directory = self.directory(provider)
        account = None if directory is None else directory.users.get(sub)
        users = frozenset({f"{provider}:{sub}"} & self._named) if sub else NOBODY
        if directory is None or account is None:
            refused = directory is not None and directory.missing is Missing.DISABLED
            return None if refused else Somebody(provider, users=users, unknown=NOT_LISTED)
        if not account.active:
            return None
        unknown = frozenset(kind for kind in NOT_LISTED if getattr(account, kind) is None)
        groups, roles = self._qualified(provider, account, "groups"), self._qualified(provider, account, "roles")
        return Somebody(provider, groups, roles, users, unknown=unknown)

    def known(self, somebody: Somebody) -> Somebody | None:
        """The same with what the directory leaves open; None where it refuses one of that name."""
        named = [name.partition(":")[2] for name in sorted(somebody.users) if ":mailto:" not in name]
        if self.directory(somebody.provider) is None or not named:
            return somebody
        listed = self.person(somebody.provider, named[0])
        return None if listed is None else replace(somebody, unknown=listed.unknown)

    def _people(self, provider: str) -> tuple[Somebody, ...]:
        if provider not in self._listed:
            directory = self.directory(provider)
            found = (self.person(provider, sub) for sub in (() if directory is None else directory.users))
            self._listed[provider] = tuple(dict.fromkeys(one for one in found if one is not None))
        return self._listed[provider]

    def _qualified(self, provider: str, account: Account, kind: str) -> frozenset[str]:
        return frozenset(f"{provider}:{name}" for name in getattr(account, kind) or ()) & self._named

    @cached_property
    def _named(self) -> frozenset[str]:
        """What any rule reads: two people who differ in nothing else are one."""
        rules = [
            rule for rules in self._sets for index in (rules.allows, rules.denies) for rule in index.rules().values()
        ]
        clauses = (clause for rule in rules for clause in rule.clauses)
        return frozenset[str]().union(*(c.values for c in clauses if isinstance(c, Groups | Roles | Users)))
