"""A directory of governance, as it is sent. What cannot be sent whole is not sent at all:
a rule that was left out unseen would be a rule that is not in force."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE: Final = 64 * 1024
"""Bytes of a file in one message."""
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of all messages of an upload together."""
MOST_FILES: Final = 2000

_OVERHEAD: Final = 64 + 32
"""What a message counts beside its content and its path."""
_OPTIONS: Final = 4096
"""What is left for the first message."""
_LONGEST_PATH: Final = 512
_LONGEST_SEGMENT: Final = 255
"""Bytes, as file systems have it."""
_SEGMENT = r"(?!\.)[^/\\:\x00-\x1f\x7f]{1,128}"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\.ya?ml")
_ENDINGS = (".yaml", ".yml")


class DirectoryError(ValueError):
    """A directory that cannot be sent as it is; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The YAML files of a directory, policy tests among them: content by path below it."""

    files: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        """Raises DirectoryError where the service would not take it."""
        if not 0 < len(self.files) <= MOST_FILES:
            raise DirectoryError(f"1 to {MOST_FILES} YAML files are expected, {len(self.files)} are there")
        size = _OPTIONS
        for path, content in self.files.items():
            if not _can_be_sent(path):
                raise DirectoryError(f"{path!r}: a file of this name cannot be sent")
            if any(path[: each.start()] in self.files for each in re.finditer("/", path)):
                raise DirectoryError(f"{path!r}: one of its folders is a file that is sent, too")
            size += _size(path, len(content))
        _refuse_more(size)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a directory. Hidden files, and what is no YAML, are left out. A link is
        followed to a file of the same directory, as in a mounted ConfigMap, and never out of it.

        Raises:
            DirectoryError: no such directory; a link that leads elsewhere; a device, pipe
                or socket; a file that cannot be read or sent; too much of it.
        """
        root, files, size = Path(path), {}, _OPTIONS
        try:
            inside = os.path.realpath(root, strict=True)
            for name, file in _yaml_files(root):
                content = _read(file, inside)
                size += _size(name, len(content))
                _refuse_more(size)
                files[name] = content
        except OSError as fault:
            raise DirectoryError(f"{str(fault.filename)!r}: {fault.strerror}") from fault
        return cls(files)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Paths, each with the next bytes of its file; an empty file is one empty piece."""
        for path, content in self.files.items():
            for start in range(0, len(content) or 1, PIECE):
                yield path, content[start : start + PIECE]


def _size(path: str, length: int) -> int:
    """At least what the messages of a file count together."""
    return length + max(1, -(-length // PIECE)) * (len(os.fsencode(path)) + _OVERHEAD)


def _refuse_more(size: int) -> None:
    if size > LARGEST:
        raise DirectoryError(f"the files have more than the {LARGEST} bytes that can be sent")


def _can_be_sent(path: str) -> bool:
    if len(path) > _LONGEST_PATH or _PATH.fullmatch(path) is None:
        return False
    try:
        return all(len(segment.encode()) <= _LONGEST_SEGMENT for segment in path.split("/"))
    except UnicodeEncodeError:
        return False


def _yaml_files(root: Path) -> Iterator[tuple[str, Path]]:
    """What is called YAML below a folder, in order. Raises OSError on a folder that
    cannot be read, as its rules would be missing."""
    for folder, below, names in os.walk(root, onerror=_raise):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in below:
            if Path(folder, name).is_symlink():
                raise _odd(Path(folder, name), "a link to a folder is not followed")
        for name in sorted(names):
            file = Path(folder, name)
            if name.startswith(".") or not name.lower().endswith(_ENDINGS):
                continue
            if not name.endswith(_ENDINGS):
                raise _odd(file, "only .yaml and .yml are read; rename it")
            yield file.relative_to(root).as_posix(), file


def _read(file: Path, inside: str) -> bytes:
    real = os.path.realpath(file, strict=True)
    if not Path(real).is_relative_to(inside):
        raise _odd(file, "a link out of the directory is not followed")
    with open(real, "rb", opener=_as_it_is) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise _odd(file, "no regular file")
        return opened.read(LARGEST + 1)


def _as_it_is(path: str, flags: int) -> int:
    """Opens no link that was put there since it was looked at. Opens a pipe, which is
    then refused: one without a writer would be waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _odd(file: Path, why: str) -> DirectoryError:
    return DirectoryError(f"{str(file)!r}: {why}")


def _raise(fault: OSError) -> None:
    raise fault
