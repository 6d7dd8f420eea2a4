"""Runs a job in child processes and joins what they count.

Slices of time are handed out one by one, so that no process waits for another. The
parent does nothing but wait: neither parsing nor the store is on its loop.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson

from grantd_server.simulation.report.result import joined, of_plain
from grantd_server.simulation.running.job import to_line
from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from grantd_server.simulation.report.result import Result
    from grantd_server.simulation.running.job import Job

PROGRAM: Final = (sys.executable, "-P", "-m", "grantd_server.simulation")
"""-P: never a module from the working directory."""
SLICES: Final = 64
"""Of one job; finer than any sensible number of processes."""
LONGEST_LINE: Final = 256 << 20
"""Bytes of one answer: a full table."""


class CandidateInvalid(Exception):
    """The candidate is no bundle; `problems` says why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SimulationEnded(Exception):
    """A process of the simulation ended before its work was done."""


class _Process:
    """One child and the line to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def order(self, message: Any) -> None:
        self._writer.write(message if isinstance(message, bytes) else orjson.dumps(message) + b"\n")
        await self._writer.drain()

    def no_more(self) -> None:
        self._writer.write_eof()

    async def answer(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            CandidateInvalid, StoreUnavailable: as the child found.
            SimulationEnded: it died.
        """
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise SimulationEnded("a process of the simulation ended early")
        said: dict[str, Any] = orjson.loads(line)
        if "unavailable" in said:
            raise StoreUnavailable(said["unavailable"])
        if "faults" in said:
            raise CandidateInvalid(said["faults"])
        return said


async def simulate(
    job: Job, *, processes: int = 1, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Result:
    """Replays and joins; `progress` hears how many records were read, of how many.

    Raises:
        CandidateInvalid: the candidate is no bundle.
        StoreUnavailable: the records cannot be read.
        SimulationEnded: a process died.
    """
    async with _child(job) as first:
        await first.answer()
        await first.order("span")
        span = (await first.answer())["span"]
        if span is None:
            return joined([], job.examples)
        since, last, total = span
        until = min(job.until_us, last + 1000)
        slices = _slices(max(since, job.since_us), until)
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            progress(done, max(total, done))

        parts: list[Result] = []
        others = [_started(job, slices, read, parts) for _ in range(processes - 1)]
        await _all(_worked(first, slices, read, parts), *others)
    return joined(parts, job.examples)


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    """Waits for all; the first fault ends the others and is told as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None


def _slices(since_us: int, until_us: int) -> Iterator[tuple[int, int]]:
    """Equal slices of whole milliseconds, as ids tell no less."""
    step = max(1000, (until_us - since_us) // SLICES // 1000 * 1000)
    while since_us < until_us:
        yield since_us, min(since_us + step, until_us)
        since_us += step


async def _started(
    job: Job, slices: Iterator[tuple[int, int]], read: Callable[[int], None], parts: list[Result]
) -> None:
    async with _child(job) as process:
        await process.answer()
        await _worked(process, slices, read, parts)


async def _worked(
    process: _Process, slices: Iterator[tuple[int, int]], read: Callable[[int], None], parts: list[Result]
) -> None:
    for part in slices:
        await process.order(part)
        while not (said := await process.answer()).get("idle"):
            read(said["done"])
    process.no_more()
    parts.append(of_plain((await process.answer())["result"]))


def _start(line: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(PROGRAM, stdin=line, stdout=line)  # noqa: S603 - our own program


@asynccontextmanager
async def _child(job: Job) -> AsyncIterator[_Process]:
    """A child with its job; it is ended at the end, however that comes.

    Not a fork: gRPC does not survive one.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            started = _start(theirs.fileno())
    except OSError as fault:
        ours.close()
        raise SimulationEnded("a process of the simulation cannot be started") from fault
    writer = None
    try:
        reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        process = _Process(reader, writer)
        await process.order(to_line(job))
        yield process
    except ConnectionError as fault:
        raise SimulationEnded("a process of the simulation ended early") from fault
    finally:
        (ours if writer is None else writer).close()
        started.kill()
        started.wait()
