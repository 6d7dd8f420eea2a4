"""Whom an administrator means who writes `corp:finance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.somebody import Somebody
from grantd_server.policy.clauses.who import Groups, Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.snapshot import Snapshot

KINDS = ("group", "role", "user")


class Unknown(ValueError):
    """Nobody is meant by that."""


def somebody_of(snapshot: Snapshot, names: Sequence[str]) -> Somebody:
    """Somebody with all of these: `corp:finance`, or `group:`, `role:` or `user:` before it.
    What no rule names as a group or a role is a user; users of a directory come with the
    groups and roles that it gives them.

    Raises:
        Unknown: a name is not qualified, or they are of two providers.
    """
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    providers = set()
    for name in names:
        kind, _, rest = name.partition(":")
        qualified = rest if kind in KINDS and ":" in rest else name
        provider = qualified.partition(":")[0]
        if provider not in snapshot.identity_providers or qualified == provider:
            raise Unknown(f'"{name}" is neither a client nor PROVIDER:NAME of an identity provider.')
        providers.add(provider)
        found[kind if qualified != name else _kind_of(snapshot, qualified)].add(qualified)
    if len(providers) != 1:
        raise Unknown("One person signs in at one identity provider.")
    (provider,) = providers
    _look_up(snapshot, provider, found)
    groups, roles, users = (frozenset(found[kind]) for kind in KINDS)
    return Somebody(provider, groups, roles, users)


def _kind_of(snapshot: Snapshot, qualified: str) -> str:
    provider, _, name = qualified.partition(":")
    directory = snapshot.identity_providers[provider].directory
    for account in () if directory is None else directory.users.values():
        if name in (account.groups or ()):
            return "group"
        if name in (account.roles or ()):
            return "role"
    for rules in snapshot.lookups.grant_rules.values():
        for rule in (rules.allows.rules() | rules.denies.rules()).values():
            for clause in rule.clauses:
                if isinstance(clause, Groups | Roles) and qualified in clause.values:
                    return "group" if isinstance(clause, Groups) else "role"
    return "user"


def _look_up(snapshot: Snapshot, provider: str, found: dict[str, set[str]]) -> None:
    directory = snapshot.identity_providers[provider].directory
    for user in sorted(found["user"]) if directory is not None else ():
        account = directory.users.get(user.partition(":")[2]) if directory is not None else None
        if account is not None:
            found["group"] |= {f"{provider}:{name}" for name in account.groups or ()}
            found["role"] |= {f"{provider}:{name}" for name in account.roles or ()}
