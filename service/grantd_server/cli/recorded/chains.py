"""`grantd revoke`: a chain, with every token below it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import told
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.cli.terminal.why import Why, demand_reason

if TYPE_CHECKING:
    from grantd.administration.governance.results import Revoked


@reaching
def revoke_chain(
    reach: Reach,
    named: Annotated[str, typer.Argument(metavar="ID", help="A chain, or any decision on it.")],
    *,
    reason: Why,
) -> None:
    """Revokes a chain: no token below it is active afterwards, and none can be issued on it."""
    with told():
        demand_reason(reason)
        from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - late, as all commands

        revoked = asyncio.run(_revoke(reach, named, reason))
        print(f"chain {shown(revoked.chain)} is revoked, with {revoked.tokens} tokens and grants below it")


async def _revoke(reach: Reach, named: str, why: str) -> Revoked:
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - the same

    async with reach.governance() as governance:
        with missing([f"There is no chain, and no decision on one, of the name {shown(named, 64)}."]):
            return await governance.revoke_chain(named, reason=why)
