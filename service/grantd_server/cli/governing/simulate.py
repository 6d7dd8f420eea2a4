"""`grantd simulate`: what a directory would change of what was decided."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from grantd_server.cli.governing.bundle import pieces_of
from grantd_server.cli.terminal.ending import REFUSED, TRY_AGAIN, USAGE, end, opened, settings_of, told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.progress import Bar
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grantd.v1 import governance_pb2 as pb
    from grantd_server.simulation.report.result import Result

LONGEST = 900.0
"""Seconds that a service may take."""


@reaching
def simulate_directory(
    reach: Reach,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files: the candidate.")],
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="From then on: 7d ago, or 2027-01-31T00:00:00Z.")
    ] = "7d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Until before then; now, unless it is given.")
    ] = None,
    *,
    examples: Annotated[int, typer.Option("--examples", min=1, max=20, help="Decision ids of each row.")] = 3,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=256, help="Processes, where it runs here; one a core otherwise."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replays recorded decisions through a directory, and tells what would end otherwise.

    Nothing is changed. What hangs on something that was not recorded is counted apart.
    """
    with told():
        from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - 0.2 s
        from grantd_server.simulation.report.telling import as_plain, lines  # noqa: PLC0415 - late, as all commands

        first = float(moment_before("--since", since))
        span = (first, time.time() if until is None else moment_before("--until", until))
        if span[0] >= span[1]:
            end(USAGE, ["--since is before --until."])
        document = parse_directory(directory).json
        with Bar("decisions") as bar:
            wanted = _Wanted(*span, examples, bar.at)
            here = reach.server is None
            result = asyncio.run(_here(reach, document, wanted, jobs) if here else _there(reach, directory, wanted))
        print(json.dumps(as_plain(result), indent=2) if as_json else "\n".join(lines(result)))


class _Wanted(NamedTuple):
    since: float
    until: float
    examples: int
    progress: Callable[[int, int], None]


async def _here(reach: Reach, document: bytes, wanted: _Wanted, jobs: int | None) -> Result:
    from grantd_server.simulation.running.processes import CandidateInvalid, SimulationEnded  # noqa: PLC0415 - late
    from grantd_server.wiring.administering import local_simulator  # noqa: PLC0415 - 0.5 s

    settings = settings_of(reach.config)
    async with opened(settings):
        """Only to say what is wrong with the store, if anything is."""
    try:
        simulator = local_simulator(settings, jobs)
        return await simulator.simulate(
            document, wanted.since, wanted.until, examples=wanted.examples, progress=wanted.progress
        )
    except CandidateInvalid as invalid:
        end(REFUSED, invalid.problems)
    except SimulationEnded as fault:
        end(TRY_AGAIN, [f"{fault}."])


async def _there(reach: Reach, directory: Path, wanted: _Wanted) -> Result:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    def requests() -> Iterator[pb.SimulateRequest]:
        options = pb.SimulateOptions(since=int(wanted.since), until=int(wanted.until) + 1, examples=wanted.examples)
        yield pb.SimulateRequest(options=options)
        yield from (pb.SimulateRequest(piece=piece) for piece in pieces)

    pieces = list(pieces_of(directory))
    found: Result | None = None
    async with reach.channel() as channel:
        async for answer in GovernanceServiceStub(channel).Simulate(requests(), timeout=LONGEST):
            if answer.HasField("faults"):
                end(REFUSED, answer.faults.faults)
            if answer.HasField("result"):
                found = _result(answer.result)
            else:
                wanted.progress(answer.progress.done, answer.progress.total)
    if found is None:
        end(TRY_AGAIN, ["the service ended before there was a result."])
    return found


def _result(told_: pb.SimulationResult) -> Result:
    from grantd_server.simulation.report.result import Change, Result  # noqa: PLC0415 - late, as all commands

    changes = [
        Change(
            *(row.allowed, row.subject, row.client, row.resource, row.scope),
            *(row.count, list(row.examples), row.rule),
        )
        for row in told_.changes
    ]
    return Result(
        replayed=told_.replayed,
        same=told_.same,
        changed=told_.changed,
        undetermined=told_.undetermined_decisions,
        other_rule=told_.other_rule,
        undetermined_by=dict(told_.undetermined),
        skipped_by=dict(told_.skipped_by),
        changes=changes,
        more_changes=told_.more_changes,
        unlisted=told_.unlisted,
    )
