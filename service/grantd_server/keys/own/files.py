"""The directory of our keys: private files, read under a lock and replaced whole.

A file that anybody else could read or replace is refused: what others know is no key.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from grantd_server.keys.own.stored import LARGEST_FILE, KeyFileFault, StoredKey, dump, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK_SECONDS: Final = 10.0
"""How long another process may hold the lock; a rotation takes milliseconds."""
LOCK_PAUSE: Final = 0.02

_LOCK: Final = ".lock"
_SUFFIX: Final = ".json"
_UNFINISHED: Final = ".unfinished-"

_Version = tuple[int, int, int]
"""Inode, size and modification time: a file that was replaced differs in one of them."""


class KeyDirectory:
    """The key files of one service, shared by its processes and by `grantd keys`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, tuple[_Version, StoredKey]] = {}

    def make(self) -> None:
        """Makes the directory, readable by nobody else."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self) -> tuple[StoredKey, ...]:
        """Reads all keys, as they were at one moment. Raises KeyFileFault."""
        with self._locked(fcntl.LOCK_SH):
            return self.read_locked()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Holds the lock that makes a rotation one step for everybody else."""
        with self._locked(fcntl.LOCK_EX):
            for left in self.path.glob(f"{_UNFINISHED}*"):
                left.unlink(missing_ok=True)  # of a process that died while it wrote
            yield

    def read_locked(self) -> tuple[StoredKey, ...]:
        """Reads all keys; the caller holds the lock."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.path) if _is_key(entry.name))
        except OSError as fault:
            raise KeyFileFault(f"{self.path} cannot be read: {fault.strerror}.") from None
        known = {name: self._read_file(name) for name in names}
        self._known = known
        keys = tuple(key for _, key in known.values())
        _refuse_repeats(keys)
        return keys

    def _read_file(self, name: str) -> tuple[_Version, StoredKey]:
        path = self.path / name
        try:
            # Without O_NONBLOCK a pipe in the directory would be waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as fault:
            raise KeyFileFault(f"{path} cannot be read: {fault.strerror}.") from None
        with os.fdopen(descriptor, "rb") as file:
            # Asked of the open file, so that it cannot be exchanged in between.
            found = os.fstat(descriptor)
            _refuse_shared(path, found)
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
            if name in self._known and self._known[name][0] == version:
                return self._known[name]  # reading an RSA key takes 39 ms
            raw = file.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise KeyFileFault(f"{path} is larger than {LARGEST_FILE} bytes.")
        try:
            key = load(raw)
        except KeyFileFault as fault:
            raise KeyFileFault(f"{path}: {fault}") from None
        if name != _name_of(key):
            raise KeyFileFault(f"{path} holds another key than its name says: {_name_of(key)}.")
        return version, key

    def write(self, key: StoredKey) -> None:
        """Writes one key, whole or not at all; the caller holds the lock."""
        unfinished = self.path / f"{_UNFINISHED}{secrets.token_hex(8)}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dump(key))
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(self.path / _name_of(key))
        self._sync()

    def delete(self, key: StoredKey) -> None:
        """Deletes one key; the caller holds the lock."""
        (self.path / _name_of(key)).unlink(missing_ok=True)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        _refuse_replaceable(self.path)
        path = self.path / _LOCK
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            if kind == fcntl.LOCK_EX:
                raise KeyFileFault(f"{self.path} cannot be changed: {fault.strerror}.") from None
            yield  # a mounted, read-only directory has no writers to wait for
            return
        try:
            _lock(descriptor, kind, self.path, time.monotonic, time.sleep)
            yield
        finally:
            os.close(descriptor)


def _lock(
    descriptor: int, kind: int, path: Path, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    until = monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                raise KeyFileFault(f"{path} is being changed by another process for too long.") from None
            sleep(LOCK_PAUSE)
        else:
            return


def _is_key(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(".")


def _name_of(key: StoredKey) -> str:
    return f"{key.purpose.value}.{key.kid}{_SUFFIX}"


def _refuse_shared(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileFault(f"{path} is not a regular file.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileFault(f"{path} is open to others: chmod 600 it.")
    if found.st_uid not in {os.geteuid(), 0}:
        raise KeyFileFault(f"{path} belongs to another user.")


def _refuse_replaceable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as fault:
        raise KeyFileFault(f"{path} cannot be read: {fault.strerror}.") from None
    if not stat.S_ISDIR(mode):
        raise KeyFileFault(f"{path} is not a directory.")
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise KeyFileFault(f"{path} can be written by others: chmod 700 it.")


def _refuse_repeats(keys: tuple[StoredKey, ...]) -> None:
    """One key has one kid, one purpose and one issuer: twice the same would break them."""
    kids: set[str] = set()
    identities: dict[bytes, str] = {}
    for key in keys:
        if key.kid in kids:
            raise KeyFileFault(f"two key files have the kid {key.kid}.")
        if key.identity in identities:
            raise KeyFileFault(f"{identities[key.identity]} and {key.kid} are one key; a key has one purpose.")
        kids.add(key.kid)
        if key.identity:
            identities[key.identity] = key.kid
