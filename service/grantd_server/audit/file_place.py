"""A second place that is a directory: files of one checkpoint a line, only appended to.

Several processes may share it. A line that was never finished (a crash, a full disk)
stays as it is; the next one begins another file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from grantd_server.audit.checkpoint import LONGEST
from grantd_server.audit.places import Line, Overtaken, PlaceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST: Final = 8 << 20
"""Bytes after which another file begins: about a day, with one writer every 10 s."""
LOCK_SECONDS: Final = 5.0
LOCK_PAUSE: Final = 0.02

_NAMES: Final = "checkpoints.[0-9]*.jws"
_LOCK: Final = ".lock"


class FilePlace:
    """Checkpoints in `checkpoints.000001.jws` and so on, readable by their owner alone."""

    def __init__(
        self,
        folder: Path,
        *,
        largest: int = LARGEST,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._largest = largest
        self._monotonic = monotonic
        self._sleep = sleep

    def last(self) -> str | None:
        with _turned(self._folder):
            return self._last()

    def append(self, raw: str, after: str | None) -> None:
        with _turned(self._folder), self._locked():
            if self._last() != after:
                raise Overtaken
            self._write(raw.encode("ascii") + b"\n")

    def lines(self) -> Iterator[Line]:
        with _turned(self._folder):
            for file in self._files():
                with file.open("rb") as found:
                    number = 0
                    while text := found.readline(LONGEST + 1):
                        number += 1
                        yield Line(f"{file.name}:{number}", _text(text), text.endswith(b"\n"))

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            raise PlaceUnavailable(f"{self._folder} is not a directory")
        return sorted(self._folder.glob(_NAMES))

    def _last(self) -> str | None:
        for file in reversed(self._files()):
            size = file.stat().st_size
            with file.open("rb") as found:
                found.seek(max(0, size - 2 * LONGEST))
                finished = found.read().rpartition(b"\n")[0]
            if finished:
                return _text(finished.rpartition(b"\n")[2])
        return None

    def _write(self, line: bytes) -> None:
        path, fresh = self._current(len(line))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, line) != len(line):
                    raise PlaceUnavailable(f"{self._folder}: no room for a whole line")
                os.fsync(descriptor)
            except (OSError, PlaceUnavailable):
                # Nobody was told of it yet. Where it cannot be taken back, it is passed over.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)
        if fresh:
            self._sync()

    def _current(self, room: int) -> tuple[Path, bool]:
        """The file to write to, and whether it is a new one."""
        files = self._files()
        if files:
            newest = files[-1]
            if newest.stat().st_size + room <= self._largest and _is_finished(newest):
                return newest, False
        number = int(files[-1].name.split(".")[1]) + 1 if files else 1
        return self._folder / f"checkpoints.{number:06}.jws", True

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = self._monotonic() + LOCK_SECONDS
            while not _lock(descriptor):
                if self._monotonic() > until:
                    raise PlaceUnavailable(f"{self._folder} is locked by another process for too long")
                self._sleep(LOCK_PAUSE)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_finished(file: Path) -> bool:
    with file.open("rb") as found:
        if found.seek(0, os.SEEK_END) == 0:
            return True
        found.seek(-1, os.SEEK_END)
        return found.read() == b"\n"


def _text(line: bytes) -> str:
    return line.removesuffix(b"\n").decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _turned(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise PlaceUnavailable(f"{folder}: {fault.strerror}") from None
