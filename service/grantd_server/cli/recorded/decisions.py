"""`grantd explain`, `grantd chain`, `grantd decisions`: what was decided, why, and what it is part of."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grantd.administration import DecisionFilter
    from grantd.administration.decisions.results import Decision
    from grantd_server.audit.explaining.explanation import Explanation
    from grantd_server.audit.explaining.journey import Journey

app = typer.Typer(help="Decisions, as they are on record.", no_args_is_help=True)

LONGEST_ID = 64


class View(StrEnum):
    """Whose eyes an answer is meant for."""

    AUDITOR = "auditor"
    OBSERVER = "observer"
    CLIENT = "client"


AsRole = Annotated[
    View | None,
    typer.Option("--role", help="Shows no more than this role may see; `client`: the developer of a client."),
]
ByClient = Annotated[str, typer.Option("--client", help="Of this client, by its name in the bundle.")]
ByReason = Annotated[str, typer.Option("--reason", help="With this reason, such as POLICY_NO_RULE.")]
ByRpc = Annotated[str, typer.Option("--rpc", help="Of this call, such as RedeemGrant.")]
ByOutcome = Annotated[str, typer.Option("--outcome", help="With this outcome, such as refused.")]
BySubject = Annotated[str, typer.Option("--subject", help="Of this user, by pseudonym.")]
Since = Annotated[str | None, typer.Option("--since", metavar="WHEN", help="30d ago, or 2027-01-31T00:00:00Z.")]
Most = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]


@reaching
def explain_decision(
    reach: Reach,
    decision_id: Annotated[str, typer.Argument(help="As the answer named it, in x-grantd-decision-id.")],
    role: AsRole = None,
    as_json: AsJson = False,
) -> None:
    """Explains one decision: each check with what was expected and what came, and what to do next."""
    with told():
        from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.text import text_of  # noqa: PLC0415 - the same

        found = asyncio.run(_explanation(reach, decision_id[:LONGEST_ID], role))
        print(json.dumps(plain(found), indent=2, ensure_ascii=False) if as_json else text_of(found))


@reaching
def trace_chain(
    reach: Reach,
    chain_id: Annotated[str, typer.Argument(metavar="ID", help="Of the chain, or of any decision on it.")],
    role: AsRole = None,
    as_json: AsJson = False,
) -> None:
    """Shows the journey from sign-in to revocation, as a tree with times."""
    with told():
        from grantd_server.audit.explaining.chain_text import chain_text  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - the same

        found = asyncio.run(_journey(reach, chain_id[:LONGEST_ID], role))
        print(json.dumps(plain(found), indent=2, ensure_ascii=False) if as_json else chain_text(found))


@app.command("list")
@reaching
def list_decisions(
    reach: Reach,
    *,
    client: ByClient = "",
    reason: ByReason = "",
    rpc: ByRpc = "",
    outcome: ByOutcome = "",
    subject: BySubject = "",
    since: Since = None,
    limit: Most = 50,
    as_json: AsJson = False,
) -> None:
    """Lists decisions, newest first."""
    with told():
        from grantd.administration import DecisionFilter  # noqa: PLC0415 - late, as all commands

        sought = DecisionFilter(
            client=client,
            reason=reason,
            rpc=rpc,
            outcome=outcome,
            subject=subject,
            since=moment_before("--since", since),
        )
        found = asyncio.run(_list(reach, sought, limit, _printer(as_json)))
        if not found and not as_json:
            print("no decision on record is like that" + _misspelt(reason))


@app.command("follow")
@reaching
def follow_decisions(
    reach: Reach,
    *,
    client: ByClient = "",
    reason: ByReason = "",
    rpc: ByRpc = "",
    outcome: ByOutcome = "",
    subject: BySubject = "",
    as_json: AsJson = False,
) -> None:
    """Shows decisions as they are committed, until it is interrupted."""
    with told():
        from grantd.administration import DecisionFilter  # noqa: PLC0415 - late, as all commands

        sought = DecisionFilter(client=client, reason=reason, rpc=rpc, outcome=outcome, subject=subject)
        asyncio.run(_follow(reach, sought, _printer(as_json)))


async def _explanation(reach: Reach, decision_id: str, role: View | None) -> Explanation:
    from grantd_server.cli.terminal.answered import explained  # noqa: PLC0415 - late, as all commands

    lines = ["There is no record of {} in reach."]
    if reach.server is None:
        lines.append("Refusals of clients that did not authenticate, and introspections, are kept in sums only;")
        lines.append("the running service explains the newest of them: name it with --server.")
    async with reach.decisions() as decisions:
        with _known(decision_id, lines):
            return explained(await decisions.explain_decision(decision_id, view=role.value if role else None))


async def _journey(reach: Reach, asked: str, role: View | None) -> Journey:
    from grantd_server.cli.terminal.answered import traced  # noqa: PLC0415 - late, as all commands

    async with reach.decisions() as decisions:
        with _known(asked, ["There is no chain, and no decision on one, of the name {}."]):
            return traced(await decisions.trace_chain(asked, view=role.value if role else None))


@contextmanager
def _known(name: str, lines: list[str]) -> Iterator[None]:
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - the same

    with missing([line.format(shown(name, LONGEST_ID)) for line in lines]):
        yield


async def _list(reach: Reach, sought: DecisionFilter, limit: int, show: Callable[[Decision], None]) -> int:
    shown = 0
    async with reach.decisions() as decisions:
        async for decision in decisions.list_decisions(sought, limit=limit):
            show(decision)
            shown += 1
    return shown


def _misspelt(reason: str) -> str:
    """What to say of a reason that no decision has; records of another release may have others."""
    from difflib import get_close_matches  # noqa: PLC0415 - where nothing was found

    from grantd_server.refusals import Reason  # noqa: PLC0415 - the same

    if not reason or reason in Reason.__members__:
        return ""
    like = get_close_matches(reason.upper(), Reason.__members__, 1)
    return f"; is the reason {like[0]}?" if like else "; reasons are in docs/refusals.md"


async def _follow(reach: Reach, sought: DecisionFilter, show: Callable[[Decision], None]) -> None:
    async with reach.decisions() as decisions, aclosing(decisions.follow_decisions(sought)) as followed:
        async for each in followed:
            if each.lost:
                sys.stderr.write(f"{each.lost} decisions came faster than they could be shown.\n")
            show(each.decision)


def _printer(as_json: bool) -> Callable[[Decision], None]:
    from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.text import short_text  # noqa: PLC0415 - the same
    from grantd_server.cli.terminal.answered import decided  # noqa: PLC0415 - the same

    def show(decision: Decision) -> None:
        found = decided(decision)
        print(json.dumps(plain(found), ensure_ascii=False) if as_json else short_text(found), flush=True)

    return show
