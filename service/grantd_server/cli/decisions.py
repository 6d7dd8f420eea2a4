"""`grantd explain`: why a call ended as it did."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from grantd_server.cli.ending import REFUSED, Config, end, opened, settings_of, told

LONGEST_ID = 64


def explain_decision(
    decision_id: Annotated[str, typer.Argument(help="As the answer named it, in x-grantd-decision-id.")],
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Prints the record itself.")] = False,
) -> None:
    """Explains one decision: each check with what was expected and what came, and what to do next."""
    with told():
        asyncio.run(_explain(decision_id, config, as_json=as_json))


async def _explain(decision_id: str, config: Config, *, as_json: bool) -> None:
    from grantd_server.audit.explanation import explain, shown  # noqa: PLC0415 - late, as all commands

    async with opened(settings_of(config)) as store:
        stored = await store.entry(decision_id[:LONGEST_ID])
    if stored is None:
        end(
            REFUSED,
            [
                f"There is no record of {shown(decision_id, LONGEST_ID)} in the database.",
                "Refusals of clients that did not authenticate, and introspections, are kept in sums only.",
            ],
        )
    body = json.loads(stored.entry.body)
    print(json.dumps(body, indent=2) if as_json else explain(body))
