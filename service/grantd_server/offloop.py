"""Work that would hold the loop: a few threads behind a short queue, started at first use."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final, TypeVar

from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

THREADS: Final = 2
"""XML and its signatures are Python; more threads would only take turns."""
PLACES: Final = 64
"""Jobs under way or waiting. One takes milliseconds, so that the last one still ends
within the deadline of its call."""


class OffLoop:
    """A bounded pool. A caller that leaves takes its job out of the queue; one that runs
    keeps its place until it ends."""

    def __init__(self, threads: int = THREADS, places: int = PLACES) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="offloop")
        self._places = BoundedSemaphore(places)

    async def run(self, job: Callable[[], T]) -> T:
        """Runs `job` in a thread and returns what it returns, or raises what it raises.

        Raises:
            Refused: every place is taken.
        """
        if not self._places.acquire(blocking=False):
            raise Refused(Reason.OVERLOADED, cause="too much waits for a thread")
        running = self._pool.submit(job)
        running.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(running)

    def close(self) -> None:
        """Lets what runs end, and drops what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
