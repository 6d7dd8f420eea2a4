"""`grantd explain`, `grantd chain`, `grantd decisions`: what was decided, why, and what it is part of."""

from __future__ import annotations

import asyncio
import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grantd_server.cli.terminal.ending import told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import PATIENCE, Reach, reaching

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.v1 import decision_pb2 as pb
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
        from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - late, as all commands

        sought = pb.DecisionFilter(
            client=client,
            reason=reason,
            rpc=rpc,
            outcome=outcome,
            subject=subject,
            since=moment_before("--since", since),
        )
        asyncio.run(_list(reach, sought, limit, _printer(as_json)))


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
        from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - late, as all commands

        sought = pb.DecisionFilter(client=client, reason=reason, rpc=rpc, outcome=outcome, subject=subject)
        asyncio.run(_follow(reach, sought, _printer(as_json)))


async def _explanation(reach: Reach, decision_id: str, role: View | None) -> Explanation:
    from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answered import explained  # noqa: PLC0415 - the same

    request = pb.ExplainDecisionRequest(id=decision_id, view=role or "")
    lines = ["There is no record of {} in reach."]
    if reach.server is None:
        lines.append("Refusals of clients that did not authenticate, and introspections, are kept in sums only;")
        lines.append("the running service explains the newest of them: name it with --server.")
    return explained(
        await _asked(reach, lambda stub: stub.ExplainDecision(request, timeout=PATIENCE), decision_id, lines)
    )


async def _journey(reach: Reach, asked: str, role: View | None) -> Journey:
    from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answered import traced  # noqa: PLC0415 - the same

    request = pb.TraceChainRequest(id=asked, view=role or "")
    lines = ["There is no chain, and no decision on one, of the name {}."]
    return traced(await _asked(reach, lambda stub: stub.TraceChain(request, timeout=PATIENCE), asked, lines))


async def _asked(reach: Reach, ask: Callable[[Any], Any], name: str, lines: list[str]) -> Any:
    from grantd.v1.decision_pb2_grpc import DecisionServiceStub  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        with missing([line.format(shown(name, LONGEST_ID)) for line in lines]):
            return await ask(DecisionServiceStub(channel))


async def _list(reach: Reach, sought: pb.DecisionFilter, limit: int, show: Callable[[pb.Decision], None]) -> None:
    from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.decision_pb2_grpc import DecisionServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        token = ""
        while limit > 0:
            request = pb.ListDecisionsRequest(filter=sought, page_size=min(limit, 100), page_token=token)
            page = await DecisionServiceStub(channel).ListDecisions(request, timeout=PATIENCE)
            for decision in page.decisions:
                show(decision)
            limit, token = limit - len(page.decisions), page.next_page_token
            if not token:
                return


async def _follow(reach: Reach, sought: pb.DecisionFilter, show: Callable[[pb.Decision], None]) -> None:
    from grpc.aio import AioRpcError  # noqa: PLC0415 - late, as all commands

    from grantd.v1 import decision_pb2 as pb  # noqa: PLC0415 - the same
    from grantd.v1.decision_pb2_grpc import DecisionServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        while True:
            try:
                async for answer in DecisionServiceStub(channel).FollowDecisions(
                    pb.FollowDecisionsRequest(filter=sought)
                ):
                    if answer.lost:
                        sys.stderr.write(f"{answer.lost} decisions came faster than they could be shown.\n")
                    show(answer.decision)
            except AioRpcError as error:
                # The service ends every stream after a while; whoever follows comes again.
                if error.code().name != "DEADLINE_EXCEEDED":
                    raise


def _printer(as_json: bool) -> Callable[[pb.Decision], None]:
    from grantd_server.audit.explaining.plain import plain  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.explaining.text import short_text  # noqa: PLC0415 - the same
    from grantd_server.cli.terminal.answered import decided  # noqa: PLC0415 - the same

    def show(decision: pb.Decision) -> None:
        found = decided(decision)
        print(json.dumps(plain(found), ensure_ascii=False) if as_json else short_text(found), flush=True)

    return show
