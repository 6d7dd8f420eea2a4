"""What a fault of PostgreSQL means, told without a value of any row: messages and
details of the driver and of the server may hold them."""

from __future__ import annotations

from typing import Final

import asyncpg

from grantd_server.store import StoreUnavailable
from grantd_server.store.window.commit import Busy, Collided, Unanswered


class Cut(StoreUnavailable):
    """The connection broke while a statement was under way. Inside a transaction nothing
    of it counts; a statement that stood alone may have been done."""


class NoAnswer(Cut):
    """The time for an answer is over: whoever goes on waiting would wait twice."""


FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    ValueError,
)
"""Everything the driver raises for a statement or a connection. ValueError is a value that
it cannot send; a server that takes no writes is an InternalClientError."""

_COLLIDED: Final = frozenset({"40001", "40P01"})
_BUSY: Final = frozenset({"55P03"})
_READ_ONLY: Final = "25006"
"""What a server answers that is no primary any more."""

_ROLLED_BACK: Final = frozenset({"23", "40"})
"""Classes of errors with which a COMMIT ends that took no effect: a constraint that is
checked last, a conflict of transactions."""
_NOT_KNOWN: Final = "40003"


def name_of(fault: BaseException) -> str:
    """Names a fault by SQLSTATE or by its class."""
    state = _state(fault)
    return f"SQLSTATE {state}" if state else type(fault).__name__


def turned(fault: BaseException) -> StoreUnavailable:
    """What a fault before COMMIT is to a caller: nothing was used up."""
    state = _state(fault)
    if state in _COLLIDED:
        return Collided(name_of(fault))
    if state in _BUSY:
        return Busy(name_of(fault))
    if isinstance(fault, TimeoutError):
        return NoAnswer("PostgreSQL did not answer in time")
    return (Cut if breaks(fault) else StoreUnavailable)(name_of(fault))


def breaks(fault: BaseException) -> bool:
    """True when the connection is of no more use: lost, silent, or to a server that
    shuts down or is no primary any more."""
    state = _state(fault)
    if state:
        return state == _READ_ONLY or state[:2] in {"08", "57", "58", "XX"}
    return not isinstance(fault, ValueError)


def turned_at_commit(fault: BaseException) -> Exception:
    """What a fault at COMMIT is: whoever cannot prove that it took no effect, says so. An
    answer that ends the session may follow a COMMIT that was done."""
    state = _state(fault)
    ends = getattr(fault, "severity_en", None) or getattr(fault, "severity", None)
    if state[:2] in _ROLLED_BACK and state != _NOT_KNOWN and ends == "ERROR":
        return turned(fault)
    return Unanswered(name_of(fault))


def _state(fault: BaseException) -> str:
    return str(getattr(fault, "sqlstate", None) or "")
