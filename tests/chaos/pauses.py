"""Stops a whole process at one step of a call, for a test that kills it there. What is
shipped cannot pause: the steps are wrapped in the test's own process."""

from __future__ import annotations

import functools
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.record import Record
from grantd_server.store.postgres.database import PostgresTransaction

if TYPE_CHECKING:
    from collections.abc import Callable

STORE: Final = ("standing", "remember", "append", "commit", "committed")
"""Steps of a transaction; `committed` is after COMMIT and before the answer."""
PAUSED: Final = "paused"


def pause_at(step: str) -> None:
    """`store.<step>` of a transaction, or the step of a flow that a record names."""
    kind, _, name = step.partition(".")
    if kind == "store":
        method = "commit" if name == "committed" else name
        real = getattr(PostgresTransaction, method)
        setattr(PostgresTransaction, method, _wrapped(real, after=name == "committed"))
    else:
        Record.step = _at_step(Record.step, step)  # type: ignore[method-assign] # in this process only


def _wrapped(real: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    @functools.wraps(real)
    async def wrapped(self: PostgresTransaction, *values: Any) -> Any:
        if after:
            await real(self, *values)
        _stand_still()

    return wrapped


def _at_step(real: Callable[[Record, str], None], wanted: str) -> Callable[[Record, str], None]:
    def step(self: Record, name: str) -> None:
        real(self, name)
        if name == wanted:
            _stand_still()

    return step


def _stand_still() -> None:
    sys.stdout.write(f"{PAUSED}\n")
    sys.stdout.flush()
    threading.Event().wait()
