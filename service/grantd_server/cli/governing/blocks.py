"""`grantd block`, `unblock`, `blocks`: kill switches, which outlive every bundle version."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told
from grantd_server.cli.terminal.moments import moment_of, shown
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from grantd.v1 import governance_pb2 as pb


class Kind(StrEnum):
    """What can be blocked."""

    USER = "user"
    CLIENT = "client"
    RESOURCE_SERVER = "resource_server"
    ISSUER = "issuer"
    RESOURCE = "resource"


KindArgument = Annotated[Kind, typer.Argument(help="What is blocked.")]
NameArgument = Annotated[
    str,
    typer.Argument(help="Its name in the bundle; an issuer by its identifier; a user as idp:id or issuer|sub."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="WHEN", help="2h from now, or 2027-01-31T00:00:00Z; else never.")
]


@reaching
def block(reach: Reach, kind: KindArgument, name: NameArgument, reason: Reason, expires: Expires = None) -> None:
    """Blocks a user, client, resource server, issuer or resource; it holds within 2 seconds."""
    with told():
        _demand(name, reason)
        if kind is Kind.USER and ":mailto:" in name:
            end(USAGE, ["Block a user by identifier: a sign-in without a verified address would slip past."])
        until = moment_of("--expires", expires)
        asyncio.run(_block(reach, kind, name, reason, until))
        print(f"{kind.value} {name} is blocked" + (f" until {shown(until)}" if until else ""))


@reaching
def unblock(reach: Reach, kind: KindArgument, name: NameArgument, reason: Reason) -> None:
    """Lifts a block."""
    with told():
        _demand(name, reason)
        asyncio.run(_unblock(reach, kind, name, reason))
        print(f"{kind.value} {name} is no longer blocked")


@reaching
def list_blocks(reach: Reach) -> None:
    """Lists the blocks in force."""
    with told():
        found = asyncio.run(_blocks(reach))
        for each in found:
            until = shown(each.until) if each.until else "until it is lifted"
            print(f"{_name_of(each.kind)}  {each.name}  {until}  {each.reason}")
        if not found:
            print("nothing is blocked")


def _demand(name: str, reason: str) -> None:
    if not name.strip() or not reason.strip():
        end(USAGE, ["A block has a name and a reason."])


async def _block(reach: Reach, kind: Kind, name: str, why: str, until: int | None) -> None:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        request = pb.BlockRequest(kind=_number_of(kind), name=name, reason=why, until=until or 0)
        await GovernanceServiceStub(channel).Block(request)


async def _unblock(reach: Reach, kind: Kind, name: str, why: str) -> None:
    from grpc.aio import AioRpcError  # noqa: PLC0415 - the same

    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        request = pb.UnblockRequest(kind=_number_of(kind), name=name, reason=why)
        try:
            await GovernanceServiceStub(channel).Unblock(request)
        except AioRpcError as error:
            if error.code().name != "NOT_FOUND":
                raise
            end(REFUSED, [f"There is no block of {kind.value} {name}."])


async def _blocks(reach: Reach) -> list[pb.BlockInForce]:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    found: list[pb.BlockInForce] = []
    async with reach.channel() as channel:
        token = ""
        while True:
            page = await GovernanceServiceStub(channel).ListBlocks(pb.ListBlocksRequest(page_token=token))
            found += page.blocks
            token = page.next_page_token
            if not token:
                return found


def _number_of(kind: Kind) -> pb.BlockKind.ValueType:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands

    return pb.BlockKind.Value(f"BLOCK_KIND_{kind.name}")


def _name_of(kind: pb.BlockKind.ValueType) -> str:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands

    return pb.BlockKind.Name(kind).removeprefix("BLOCK_KIND_").lower()
