"""Log lines on stderr: one JSON object a line, projected from the record.

Values go through JSON, so a control character in them cannot start a line of its own
(CWE-117). Exception texts are never written: they may hold whatever a caller sent.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from enum import IntEnum
from typing import IO, TYPE_CHECKING, Final

import orjson

from grantd_server.telemetry import attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.audit.record import Record


class Level(IntEnum):
    """How loud a line is, as in `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40

    @classmethod
    def named(cls, name: str) -> Level:
        """Finds a level by its name in lower case."""
        return cls[name.upper()]


FRAMES: Final = 12
"""Innermost frames of a fault that are logged."""

_IN_EVERY_LINE: Final = frozenset({"rpc.system.name", "rpc.method", "rpc.response.status_code"})


class LogLines:
    """Writes log lines. A line that cannot be written is counted, never raised."""

    def __init__(
        self,
        stream: IO[str],
        wall: Callable[[], int],
        dropped: Callable[[], None],
        *,
        level: Level = Level.INFO,
        as_json: bool = True,
        successes: bool = False,
    ) -> None:
        self._stream = stream
        self._wall = wall
        self._dropped = dropped
        self._level = level
        self._as_line = _as_json if as_json else _as_text
        self._successes = successes

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """Writes the line of a call: refusals and faults at their row's level, successes
        only when asked for."""
        if record.reason is None and not self._successes:
            return
        level = Level.named(record.reason.level) if record.reason else Level.INFO
        if level < self._level:
            return
        projected = attributes.of(record, status)
        fields: dict[str, object] = {"rpc": record.rpc, "status": status, "seconds": round(seconds, 6)}
        fields |= {
            name.removeprefix("grantd."): value for name, value in projected.items() if name not in _IN_EVERY_LINE
        }
        if record.trace_id:
            fields["trace_id"] = f"{record.trace_id:032x}"
        self._write(level, "call", fields)

    def event(self, level: Level, event: str, **fields: object) -> None:
        """Writes a line about the service itself; `event` is a constant, facts are fields."""
        if level >= self._level:
            self._write(level, event, fields)

    def fault(self, error_id: str, fault: BaseException) -> None:
        """Writes where an unplanned exception came from, by type and frames, under the id
        that the caller was told."""
        chain = [{"type": type(each).__qualname__, "frames": _frames(each)} for each in _causes(fault)]
        self._write(Level.ERROR, "fault", {"error_id": error_id, "chain": chain})

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        time = datetime.fromtimestamp(self._wall() / 1e9, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": level.name.lower(), "event": event} | fields
        try:
            self._stream.write(self._as_line(line))
            self._stream.flush()
        except (OSError, ValueError):
            # ValueError is what a closed stream raises. Nobody is left to be told.
            self._dropped()


class ForeignLogs(logging.Handler):
    """Puts the lines of libraries into our log: who and how loud, but not the text,
    which may hold an endpoint with credentials or bytes of a request."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
        place = f"{record.module}:{record.lineno}"
        kind = record.exc_info[0].__qualname__ if record.exc_info and record.exc_info[0] else ""
        self._lines.event(level, "library", logger=record.name, place=place, exception=kind)


def _as_json(line: dict[str, object]) -> str:
    return f"{_json(line)}\n"


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        # A lone surrogate, which is no UTF-8: the slower encoder escapes it.
        return json.dumps(value, default=str)


def _as_text(line: dict[str, object]) -> str:
    facts = " ".join(f"{name}={_json(value)}" for name, value in list(line.items())[3:])
    return f"{line['time']} {line['level']:7} {line['event']} {facts}\n"


def _causes(fault: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    each: BaseException | None = fault
    while each is not None and each not in chain:
        chain.append(each)
        each = each.__cause__ or each.__context__
    return chain


def _frames(fault: BaseException) -> list[str]:
    frames = traceback.extract_tb(fault.__traceback__)[-FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
