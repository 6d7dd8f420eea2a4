"""`grantd explain` and `grantd chain`: why a call ended as it did, and what it is part of."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.ending import REFUSED, Config, end, opened, settings_of, told

if TYPE_CHECKING:
    from grantd_server.audit.explaining.explanation import Explanation
    from grantd_server.audit.explaining.journey import Journey
    from grantd_server.store import Store

LONGEST_ID = 64


class As(StrEnum):
    """Whose eyes an answer is meant for."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    OBSERVER = "observer"
    CLIENT = "client"


AsRole = Annotated[
    As, typer.Option("--role", help="Shows no more than this role may see; `client`: the developer of a client.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Prints it for programs.")]


def explain_decision(
    decision_id: Annotated[str, typer.Argument(help="As the answer named it, in x-grantd-decision-id.")],
    config: Config = None,
    role: AsRole = As.ADMIN,
    as_json: AsJson = False,
) -> None:
    """Explains one decision: each check with what was expected and what came, and what to do next."""
    with told():
        from grantd_server.audit.explaining.fields import Viewer, narrowed  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - the same
        from grantd_server.audit.explaining.text import text_of  # noqa: PLC0415 - the same

        found = narrowed(asyncio.run(_explanation(decision_id[:LONGEST_ID], config)), Viewer(role.value))
        print(json.dumps(plain(found), indent=2, ensure_ascii=False) if as_json else text_of(found))


def trace_chain(
    chain_id: Annotated[str, typer.Argument(metavar="ID", help="Of the chain, or of any decision on it.")],
    config: Config = None,
    role: AsRole = As.ADMIN,
    as_json: AsJson = False,
) -> None:
    """Shows the journey from sign-in to revocation, as a tree with times."""
    with told():
        from grantd_server.audit.explaining.chain_text import chain_text  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.fields import Viewer, narrowed_journey  # noqa: PLC0415 - the same
        from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - the same

        found = narrowed_journey(asyncio.run(_journey(chain_id[:LONGEST_ID], config)), Viewer(role.value))
        print(json.dumps(plain(found), indent=2, ensure_ascii=False) if as_json else chain_text(found))


async def _explanation(decision_id: str, config: Config) -> Explanation:
    from grantd_server.audit.explaining.explanation import explained  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.journey import journey, places  # noqa: PLC0415 - the same
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same
    from grantd_server.store.records.tracing import trail_of  # noqa: PLC0415 - the same

    async with opened(settings_of(config)) as store:
        stored = await store.entry(decision_id)
        if stored is None:
            end(
                REFUSED,
                [
                    f"There is no record of {shown(decision_id, LONGEST_ID)} in the database.",
                    "Refusals of clients that did not authenticate, and introspections, are kept in sums only;",
                    "the running service explains the newest of them: use --server.",
                ],
            )
        trail = await trail_of(store, stored.entry.chain)
    return explained(json.loads(stored.entry.body), () if trail is None else places(journey(trail)))


async def _journey(asked: str, config: Config) -> Journey:
    from grantd_server.audit.explaining.journey import journey  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same
    from grantd_server.store.records.tracing import trail_of  # noqa: PLC0415 - the same

    async with opened(settings_of(config)) as store:
        trail = await trail_of(store, await _chain_of(store, asked))
    if trail is None:
        end(REFUSED, [f"There is no chain, and no decision on one, of the name {shown(asked, LONGEST_ID)}."])
    return journey(trail)


async def _chain_of(store: Store, asked: str) -> str:
    stored = await store.entry(asked)
    return asked if stored is None else stored.entry.chain
