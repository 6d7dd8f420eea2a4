"""A directory that somebody sent: files by path, and a private folder of them while they are read."""

from __future__ import annotations

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

# No way out of the folder: no root, no empty or dotted segment, no separator of another system.
_SEGMENT = r"(?!\.)[^/\\:\x00-\x1f\x7f]{1,128}"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\.ya?ml")


class Upload:
    """Pieces of files, joined as they come."""

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}
        self._last = ""

    def add(self, path: str, content: bytes) -> None:
        """Takes the next piece; refuses a path that is none of a YAML file below the
        folder, and one that was gone on from."""
        if len(path) > LONGEST_PATH or _PATH.fullmatch(path) is None:
            raise Refused(Reason.PARAMETER_INVALID, field="piece.path", expected="a YAML file below the folder")
        if path != self._last:
            if path in self._files:
                raise Refused(Reason.PARAMETER_REPEATED, field="piece.path", got=path)
            if len(self._files) == 2 * MOST_FILES:  # the bundle's, and as many of tests
                raise Refused(Reason.BODY_TOO_LARGE, limit=2 * MOST_FILES)
            self._files[path], self._last = bytearray(), path
        self._files[path] += content

    @property
    def files(self) -> Mapping[str, bytes]:
        """What came, by path."""
        return {path: bytes(content) for path, content in self._files.items()}


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with these files that only this account reads, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="grantd-") as folder:
        for path, content in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        yield Path(folder)
