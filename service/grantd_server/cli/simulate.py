"""`grantd simulate`: what a directory would change of what was decided."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.ending import REFUSED, TRY_AGAIN, USAGE, Config, end, opened, settings_of, told
from grantd_server.cli.progress import Bar

if TYPE_CHECKING:
    from grantd_server.settings import Settings
    from grantd_server.simulation.report.result import Result


def simulate_directory(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files: the candidate.")],
    since: Annotated[
        str, typer.Option("--since", help="From then on: a duration before now (7d), or a moment.")
    ] = "7d",
    until: Annotated[str | None, typer.Option("--until", help="Until before then; now, unless it is given.")] = None,
    *,
    examples: Annotated[int, typer.Option("--examples", min=0, max=20, help="Decision ids of each row.")] = 3,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Processes; one a core, unless it is given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Prints the result for programs.")] = False,
    config: Config = None,
) -> None:
    """Replays recorded decisions through a directory, and tells what would end otherwise.

    Nothing is changed. What hangs on something that was not recorded is counted apart.
    """
    with told():
        from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - 0.2 s
        from grantd_server.simulation.report.telling import as_plain, lines  # noqa: PLC0415 - late, as all commands

        now = time.time()
        span = (_moment("--since", since, now), now if until is None else _moment("--until", until, now))
        if span[0] >= span[1]:
            end(USAGE, ["--since is before --until."])
        document = parse_directory(directory).json
        processes = jobs or len(os.sched_getaffinity(0))
        result = asyncio.run(_simulate(settings_of(config), document, span, examples, processes))
        print(json.dumps(as_plain(result), indent=2) if as_json else "\n".join(lines(result)))


async def _simulate(
    settings: Settings, document: bytes, span: tuple[float, float], examples: int, processes: int
) -> Result:
    from grantd_server.keys.own.files import KeyDirectory  # noqa: PLC0415 - late, as all commands
    from grantd_server.simulation.running.processes import CandidateInvalid, SimulationEnded  # noqa: PLC0415 - the same
    from grantd_server.simulation.running.simulator import Simulator, pseudonym_keys  # noqa: PLC0415 - the same

    async with opened(settings):
        """Only to say what is wrong with the store, if anything is."""
    folder = settings.keys.directory
    keys = KeyDirectory(folder).read() if folder is not None and folder.is_dir() else ()
    simulator = Simulator(settings.opening("simulation"), lambda: pseudonym_keys(keys), processes)
    with Bar("decisions") as bar:
        try:
            return await simulator.simulate(document, *span, examples=examples, progress=bar.at)
        except CandidateInvalid as invalid:
            end(REFUSED, invalid.problems)
        except SimulationEnded as fault:
            end(TRY_AGAIN, [f"{fault}."])


def _moment(option: str, given: str, now: float) -> float:
    """A moment, or a duration before now."""
    from grantd_server.governance.faults import Wrong  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.reading.nodes import Node  # noqa: PLC0415 - the same
    from grantd_server.governance.reading.scalars import instant, seconds  # noqa: PLC0415 - the same

    node = Node(given, option)
    try:
        return now - seconds(node) if given[-1:].islower() else float(instant(node))
    except Wrong:
        end(USAGE, [f"{option} is a duration such as 7d, or a moment such as 2026-11-15T00:00:00Z."])
