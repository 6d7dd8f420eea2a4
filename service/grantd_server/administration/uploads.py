"""A directory that somebody sent: files by path, and a private folder of them while they are read."""

from __future__ import annotations

import errno
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grantd_server.governance.document import MOST_FILES
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_PATH = 512
LONGEST_SEGMENT = 255
"""Bytes, as file systems have it."""

# No way out of the folder: no root, no empty or dotted segment, no separator of another system.
_SEGMENT = r"(?!\.)[^/\\:\x00-\x1f\x7f]{1,128}"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\.ya?ml")
_OF_A_NAME = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})


class Upload:
    """Pieces of files, joined as they come."""

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}
        self._last = ""

    def add(self, path: str, content: bytes) -> None:
        """Takes the next piece; refuses a path that is none of a YAML file below the
        folder, and one that was gone on from."""
        if not _is_path(path):
            raise _misnamed("a YAML file below the folder")
        if path != self._last:
            if path in self._files:
                raise Refused(Reason.PARAMETER_REPEATED, field="piece.path", got=path)
            if len(self._files) == 2 * MOST_FILES:  # the bundle's, and as many of tests
                raise Refused(Reason.BODY_TOO_LARGE, limit=2 * MOST_FILES)
            self._files[path], self._last = bytearray(), path
        self._files[path] += content

    def complete(self) -> Mapping[str, bytes]:
        """What came, by path; refuses a file that is to lie in another one."""
        for path in self._files:
            if any(path[: each.start()] in self._files for each in re.finditer("/", path)):
                raise _misnamed("no file in place of a folder")
        return {path: bytes(content) for path, content in self._files.items()}


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with these files that only this account reads, gone afterwards. Refuses
    names that the file system does not take."""
    with tempfile.TemporaryDirectory(prefix="grantd-") as folder:
        try:
            _write(files, folder)
        except OSError as fault:
            if fault.errno not in _OF_A_NAME:  # a full disk is nobody's fault who calls
                raise
            raise _misnamed("names that files can have") from None
        yield Path(folder)


def _write(files: Mapping[str, bytes], folder: str) -> None:
    for path, content in files.items():
        place = Path(folder, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _is_path(path: str) -> bool:
    if len(path) > LONGEST_PATH or _PATH.fullmatch(path) is None:
        return False
    return all(len(segment.encode()) <= LONGEST_SEGMENT for segment in path.split("/"))


def _misnamed(expected: str) -> Refused:
    return Refused(Reason.PARAMETER_INVALID, field="piece.path", expected=expected)
