"""What checkpoints say of one writer: which hash its record of a number has."""

from __future__ import annotations

import struct
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY: Final = 64 << 10
"""Bytes kept in memory of one writer and second place: beyond it, a temporary file."""

_ENTRY: Final = struct.Struct(">QQQ32s")


class Expected(NamedTuple):
    """One head out of a checkpoint, or of the table of writers (`number` 0)."""

    seq: int
    number: int
    time_us: int
    hash: bytes

    def __str__(self) -> str:
        return f"checkpoint {self.number}" if self.number else "the table of writers"


class Expectations:
    """Heads of one writer in one second place, by rising number of the record."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 see close
        self._count = 0
        self.last: Expected | None = None

    def add(self, expected: Expected) -> None:
        """Adds a head with a higher number than the last one."""
        self._file.seek(self._count * _ENTRY.size)
        self._file.write(_ENTRY.pack(*expected))
        self._count += 1
        self.last = expected

    def drop_after(self, seq: int) -> None:
        """Forgets what was expected beyond a number."""
        while self.last is not None and self.last.seq > seq:
            self._count -= 1
            self.last = self._at(self._count - 1) if self._count else None

    def close(self) -> None:
        """Gives the file up."""
        self._file.close()

    def __iter__(self) -> Iterator[Expected]:
        for place in range(self._count):
            yield self._at(place)

    def _at(self, place: int) -> Expected:
        self._file.seek(place * _ENTRY.size)
        return Expected(*_ENTRY.unpack(self._file.read(_ENTRY.size)))
