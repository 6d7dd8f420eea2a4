"""`grantd simulate`: what a directory would change of what was decided."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from grantd_server.cli.terminal.ending import REFUSED, TRY_AGAIN, USAGE, end, opened, settings_of, told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.progress import Bar
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.administration import Directory
    from grantd.administration.governance.results import Simulation
    from grantd_server.simulation.report.result import Result


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
        from grantd.administration import Directory  # noqa: PLC0415 - late, as all commands
        from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - 0.2 s
        from grantd_server.simulation.report.telling import as_plain, lines  # noqa: PLC0415 - late, as all commands

        first = float(moment_before("--since", since))
        span = (first, time.time() if until is None else moment_before("--until", until))
        if span[0] >= span[1]:
            end(USAGE, ["--since is before --until."])
        document = parse_directory(directory).json
        with Bar("decisions") as bar:
            wanted = _Wanted(*span, examples, bar.at)
            if reach.server is None:
                result = asyncio.run(_here(reach, document, wanted, jobs))
            else:
                result = asyncio.run(_there(reach, Directory.read(directory), wanted))
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


async def _there(reach: Reach, directory: Directory, wanted: _Wanted) -> Result:
    async with reach.governance() as governance:
        found = await governance.simulate(
            directory,
            since=wanted.since,
            until=wanted.until,
            examples=wanted.examples,
            progress=wanted.progress,
        )
    return _result(found)


def _result(found: Simulation) -> Result:
    from grantd_server.simulation.report.result import Change, Result  # noqa: PLC0415 - late, as all commands

    changes = [
        Change(row.allowed, row.subject, row.client, row.resource, row.scope, row.count, list(row.examples), row.rule)
        for row in found.changes
    ]
    return Result(
        replayed=found.replayed,
        same=found.same,
        changed=found.changed,
        undetermined=found.undetermined,
        other_rule=found.other_rule,
        undetermined_by=dict(found.undetermined_by),
        skipped_by=dict(found.skipped_by),
        changes=changes,
        more_changes=found.more_changes,
        unlisted=found.unlisted,
    )
