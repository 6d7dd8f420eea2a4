"""What nobody planned: kept inside, named outside by an error id only."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import TYPE_CHECKING

from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from grantd_server.audit.record import Record

_log = logging.getLogger(__name__)

LONGEST_CHAIN = 8
"""Exceptions told of one chain of causes."""


def unplanned(exc: Exception, record: Record) -> Refused:
    """Logs an exception nobody raised on purpose and returns the refusal that stands for it."""
    record.error_id = record.error_id or "e" + secrets.token_hex(8)
    _log.error(
        "unplanned exception",
        extra={"error_id": record.error_id, "rpc": record.rpc, "decision": record.id, **told(exc)},
    )
    return Refused(Reason.BUG)


def told(exc: BaseException) -> dict[str, object]:
    """Where an exception came from, fit for a log: types and places, never its text.

    The text of a foreign exception may quote what it failed on: a token, a secret, a
    parameter of SQL.
    """
    kinds: list[str] = []
    stack: list[str] = []
    seen: BaseException | None = exc
    while seen is not None and len(kinds) < LONGEST_CHAIN:
        kinds.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        frames = traceback.extract_tb(seen.__traceback__)
        stack += [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return {"exception": " from ".join(kinds), "stack": stack}
