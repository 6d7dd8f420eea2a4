"""`grantd block`, `unblock`, `blocks`: kill switches, which outlive every bundle version."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told
from grantd_server.cli.terminal.moments import moment_of
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.cli.terminal.why import Why, demand_reason
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from grantd.administration.governance.results import Block


class Kind(StrEnum):
    """What can be blocked."""

    USER = "user"
    CLIENT = "client"
    RESOURCE_SERVER = "resource_server"
    ISSUER = "issuer"
    RESOURCE = "resource"


_LONGEST: Final = 512
"""Characters shown of one name: as records keep them."""

KindArgument = Annotated[Kind, typer.Argument(help="What is blocked.")]
NameArgument = Annotated[
    str,
    typer.Argument(help="Its name in the bundle; an issuer by its identifier; a user as idp:id or issuer|sub."),
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="WHEN", help="2h from now, or 2027-01-31T00:00:00Z; else never.")
]
Unlisted = Annotated[
    bool, typer.Option("--unlisted", help="Blocks a name that the bundle in force does not have, too.")
]


@reaching
def block(
    reach: Reach,
    kind: KindArgument,
    name: NameArgument,
    *,
    reason: Why,
    expires: Expires = None,
    unlisted: Unlisted = False,
) -> None:
    """Blocks a user, client, resource server, issuer or resource; it holds within 2 seconds."""
    with told():
        _demand(name, reason)
        if kind is Kind.USER and ":mailto:" in name:
            end(USAGE, ["Block a user by identifier: a sign-in without a verified address would slip past."])
        until = moment_of("--expires", expires)
        asyncio.run(_block(reach, kind, name, reason, until, unlisted=unlisted))
        print(f"{kind.value} {name} is blocked" + (f" until {utc(until)}" if until else ""))


@reaching
def unblock(reach: Reach, kind: KindArgument, name: NameArgument, *, reason: Why) -> None:
    """Lifts a block."""
    with told():
        _demand(name, reason)
        asyncio.run(_unblock(reach, kind, name, reason))
        print(f"{kind.value} {name} is no longer blocked")


@reaching
def list_blocks(reach: Reach, *, as_json: AsJson = False) -> None:
    """Lists the blocks in force: until when, who blocked it, when and why."""
    with told():
        from grantd_server.audit.explaining.shown import as_json as exact  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same

        found = [_row(each) for each in asyncio.run(_blocks(reach))]
        if as_json:
            print(exact(found, indent=2))
            return
        for each in found:
            until = f"until {each['until'] or 'it is lifted'}"
            name, who, why = (shown(each[part], _LONGEST) for part in ("name", "author", "reason"))
            print(f"{each['kind']}  {name}  {until}  {who}, {each['since']}  {why}")
        if not found:
            print("nothing is blocked")


def _row(block: Block) -> dict[str, Any]:
    until = utc(block.until) if block.until else None
    told_ = {"kind": block.kind, "name": block.name, "until": until}
    return {**told_, "author": block.author, "since": utc(block.since), "reason": block.reason}


def _demand(name: str, reason: str) -> None:
    if not name.strip():
        end(USAGE, ["A block has a name."])
    demand_reason(reason)


async def _block(reach: Reach, kind: Kind, name: str, why: str, until: int | None, *, unlisted: bool) -> None:
    from grantd.errors import Refused  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answers import sentences  # noqa: PLC0415 - the same

    async with reach.governance() as governance:
        try:
            await governance.block(kind.value, name, reason=why, until=until, unlisted=unlisted)
        except Refused as refused:
            if refused.reason != "NOT_GOVERNED":
                raise
            hint = "--unlisted blocks it all the same."
            end(REFUSED, [f"The bundle in force has no {kind.value} {name}.", *sentences(refused)[1:], hint])


async def _unblock(reach: Reach, kind: Kind, name: str, why: str) -> None:
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - late, as all commands

    async with reach.governance() as governance:
        with missing([f"There is no block of {kind.value} {name}."]):
            await governance.unblock(kind.value, name, reason=why)


async def _blocks(reach: Reach) -> list[Block]:
    async with reach.governance() as governance:
        return [each async for each in governance.list_blocks()]
