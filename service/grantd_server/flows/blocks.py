"""Which blocks concern a user, by every name that an administrator may block by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.flows.accounts import local_subject
from grantd_server.model.governed import SubjectRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.flows.accounts import Account
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.store import Withdrawal
    from grantd_server.world import World


def user_block(world: World, keys: Iterator[str] | list[str], now: float) -> Withdrawal | None:
    """The first block in force on any of a user's names."""
    for key in keys:
        blocked = world.view.withdrawn("user", key, now)
        if blocked is not None:
            return blocked
    return None


def names_at_server(snapshot: Snapshot, issuer: str, account: Account) -> list[str]:
    """The names of a user of a trusted issuer: the local account, and where the issuer
    is a grant issuer of ours, the name its identity provider knows the user by."""
    names = [local_subject(account)]
    ours = snapshot.grant_issuers.get(issuer)
    for name in ours.identity_providers if ours is not None else ():
        provider = snapshot.identity_providers[name]
        if provider.tenant is None or provider.tenant.fixed in {None, account.tenant}:
            qualified = provider.subject.rule is SubjectRule.QUALIFIED
            names.append(account.name if qualified else f"{name}:{account.name}")
    return names
