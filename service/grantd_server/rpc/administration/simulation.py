"""GovernanceService.Simulate: a candidate comes in, progress and then the result go out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from grantd.v1 import governance_pb2 as pb
from grantd_server.administration.uploads import unpacked
from grantd_server.administration.versions import document_of
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.administration.uploads import read_upload
from grantd_server.rpc.limits import MESSAGE_BYTES
from grantd_server.simulation.running.processes import CandidateInvalid, SimulationEnded
from grantd_server.simulation.running.simulator import Busy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from grantd_server.administration.desk import Desk
    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import StreamHandler
    from grantd_server.simulation.report.result import Result
    from grantd_server.simulation.running.simulator import Simulator

PAUSE: Final = 0.5
"""Seconds between two messages of progress."""
MOST_EXAMPLES: Final = 20
EXAMPLES: Final = 3
LONGEST_FAULT: Final = 500
MOST_FAULTS: Final = 100
_ROOM: Final = MESSAGE_BYTES * 3 // 4
"""Bytes of the rows of one result; the rest is counted."""


def simulation_handler(desk: Desk, simulator: Simulator) -> StreamHandler:
    """The handler of Simulate."""

    async def simulate(messages: AsyncIterator[pb.SimulateRequest], call: Call) -> AsyncIterator[pb.SimulateResponse]:  # noqa: ARG001
        options, files = await read_upload(messages)
        until = options.until or int(desk.clock())
        if not 0 < options.since < until:
            raise Refused(Reason.PARAMETER_INVALID, field="options.since", expected="a moment before until")
        if not 0 <= options.examples <= MOST_EXAMPLES:
            raise Refused(Reason.PARAMETER_INVALID, field="options.examples", limit=MOST_EXAMPLES)
        try:
            document = await _candidate(desk, options.version, files)
            async for answer in _answers(simulator, document, options, until):
                yield answer
        except (BundleError, CandidateInvalid) as invalid:
            told = [fault[:LONGEST_FAULT] for fault in str(invalid).splitlines()[:MOST_FAULTS]]
            yield pb.SimulateResponse(faults=pb.SimulationFaults(faults=told))
        except Busy:
            raise Refused(Reason.OVERLOADED, cause="another simulation is under way") from None
        except SimulationEnded as ended:
            raise Refused(Reason.OVERLOADED, cause=str(ended)) from None

    return simulate


async def _candidate(desk: Desk, version: str, files: Mapping[str, bytes]) -> bytes:
    """A stored version, or the files that came. Raises BundleError."""
    if version and files:
        raise Refused(Reason.PARAMETER_INVALID, field="options.version", expected="a version or files, not both")
    if not files:
        return (await document_of(desk, version))[1]
    return await asyncio.to_thread(_parsed, files)


def _parsed(files: Mapping[str, bytes]) -> bytes:
    with unpacked(files) as folder:
        return parse_directory(folder).json


async def _answers(
    simulator: Simulator, document: bytes, options: pb.SimulateOptions, until: int
) -> AsyncIterator[pb.SimulateResponse]:
    progress = pb.SimulationProgress()

    def at(done: int, total: int) -> None:
        progress.done, progress.total = done, total

    examples = options.examples or EXAMPLES
    work = asyncio.ensure_future(simulator.simulate(document, options.since, until, examples=examples, progress=at))
    try:
        told = time.monotonic()
        while not work.done():
            await asyncio.wait({work}, timeout=PAUSE)
            if time.monotonic() - told >= PAUSE:
                told = time.monotonic()
                yield pb.SimulateResponse(progress=progress)
        yield pb.SimulateResponse(result=result_of(work.result()))
    finally:
        # Whoever leaves takes the processes along.
        work.cancel()
        await asyncio.wait({work})


def result_of(result: Result) -> pb.SimulationResult:
    """As a message; rows beyond its room are counted."""
    out = pb.SimulationResult(
        replayed=result.replayed,
        same=result.same,
        skipped=result.skipped,
        undetermined=result.undetermined_by,
        changed=result.changed,
        undetermined_decisions=result.undetermined,
        other_rule=result.other_rule,
        skipped_by=result.skipped_by,
        unlisted=result.unlisted,
    )
    room = _ROOM
    for change in result.changes:
        row = pb.SimulatedChange(
            allowed=change.allowed,
            subject=change.subject,
            client=change.client,
            resource=change.resource,
            scope=change.scope,
            count=change.count,
            examples=change.examples,
            rule=change.rule,
        )
        room -= row.ByteSize() + 8
        if room < 0:
            break
        out.changes.append(row)
    out.more_changes = result.more_changes + len(result.changes) - len(out.changes)
    return out
