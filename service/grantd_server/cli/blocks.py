"""`grantd block` and `unblock`: withdrawals, which outlive every bundle version."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import Annotated

import typer

from grantd_server.cli.ending import REFUSED, USAGE, Config, author, end, opened, settings_of, told


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


def block(kind: KindArgument, name: NameArgument, reason: Reason, config: Config = None) -> None:
    """Blocks a user, client, resource server, issuer or resource; it holds within 2 seconds."""
    with told():
        _demand(name, reason)
        if kind is Kind.USER and ":mailto:" in name:
            end(USAGE, ["Block a user by identifier: a sign-in without a verified address would slip past."])
        asyncio.run(_block(kind.value, name, reason, config))
        print(f"{kind.value} {name} is blocked")


def unblock(kind: KindArgument, name: NameArgument, reason: Reason, config: Config = None) -> None:
    """Lifts a block."""
    with told():
        _demand(name, reason)
        if not asyncio.run(_unblock(kind.value, name, reason, config)):
            end(REFUSED, [f"There is no block of {kind.value} {name}."])
        print(f"{kind.value} {name} is no longer blocked")


def _demand(name: str, reason: str) -> None:
    if not name.strip() or not reason.strip():
        end(USAGE, ["A block has a name and a reason."])


async def _block(kind: str, name: str, why: str, config: Config) -> None:
    from grantd_server.store import Withdrawal  # noqa: PLC0415 - late, as all commands
    from grantd_server.store.records.act import act  # noqa: PLC0415 - the same

    entry = act("Block", time.time(), author=author(), kind=kind, name=name, why=why)
    async with opened(settings_of(config)) as store:
        await store.withdraw(Withdrawal(kind, name, why, None), entry)


async def _unblock(kind: str, name: str, why: str, config: Config) -> bool:
    from grantd_server.store.records.act import act  # noqa: PLC0415 - late, as all commands

    entry = act("Unblock", time.time(), author=author(), kind=kind, name=name, why=why)
    async with opened(settings_of(config)) as store:
        return await store.restore(kind, name, entry)
