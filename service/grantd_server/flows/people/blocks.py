"""Which blocks concern a user, by every name that an administrator may block by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.flows.people.accounts import local_subject
from grantd_server.flows.tokens.signing import key_at_hand
from grantd_server.keys.pairwise import Sector
from grantd_server.model.bundle.governed import SubjectRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.flows.people.accounts import Account
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, IdentityProvider, TrustedIssuer
    from grantd_server.store import Withdrawal
    from grantd_server.world import World


class User(NamedTuple):
    """Somebody at a server of ours."""

    account: Account
    sub: str | None
    """As the grant names the user; None where only the account is known, which then is
    by another rule than passthrough."""


def user_block(world: World, keys: Iterator[str] | list[str], now: float) -> Withdrawal | None:
    """The first block in force on any of a user's names."""
    for key in keys:
        blocked = world.view.withdrawn("user", key, now)
        if blocked is not None:
            return blocked
    return None


def names_at_server(
    world: World, snapshot: Snapshot, server: AuthorizationServer, trusted: TrustedIssuer, user: User
) -> list[str]:
    """The names of a user of a trusted issuer: the local account, and where the issuer
    is a grant issuer of ours, the name its identity provider knows the user by."""
    names, account = [local_subject(user.account)], user.account
    if user.sub is None:
        return names
    ours = snapshot.grant_issuers.get(trusted.issuer)
    for name in ours.identity_providers if ours is not None else ():
        provider = snapshot.identity_providers[name]
        if provider.tenant is None or provider.tenant.fixed in {None, account.tenant}:
            names.extend(_upstream_names(world, server, provider, user.sub, account.tenant))
    return names


def _upstream_names(
    world: World, server: AuthorizationServer, provider: IdentityProvider, sub: str, tenant: str | None
) -> list[str]:
    rule = provider.subject.rule
    if rule is SubjectRule.QUALIFIED:
        return [sub]
    if rule is not SubjectRule.PAIRWISE:
        return [f"{provider.name}:{sub}"]
    sector, view = Sector(server.issuer, provider.name, tenant), world.view
    with key_at_hand():
        blocked = world.pairwise.blocked(sector, sub, lambda: view.names("user"), view.epochs.withdrawals)
    return [] if blocked is None else [blocked]
