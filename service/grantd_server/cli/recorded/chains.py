"""`grantd revoke`: a chain, with every token below it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.governing.blocks import Reason
from grantd_server.cli.terminal.ending import USAGE, end, told
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from grantd.v1 import governance_pb2 as pb


@reaching
def revoke_chain(
    reach: Reach,
    named: Annotated[str, typer.Argument(metavar="ID", help="A chain, or any decision on it.")],
    reason: Reason,
) -> None:
    """Revokes a chain: no token below it is active afterwards, and none can be issued on it."""
    with told():
        if not reason.strip():
            end(USAGE, ["A revocation has a reason."])
        revoked = asyncio.run(_revoke(reach, named, reason))
        print(f"chain {revoked.chain} is revoked, with {revoked.tokens} tokens and grants below it")


async def _revoke(reach: Reach, named: str, why: str) -> pb.RevokeChainResponse:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        return await GovernanceServiceStub(channel).RevokeChain(pb.RevokeChainRequest(id=named, reason=why))
