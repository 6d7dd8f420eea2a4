"""Records as JSON lines, to be verified where there is no database: the heads first,
then each record with all that was hashed."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Final

from grantd_server.audit.chain import Head
from grantd_server.store import Entry, StoredEntry, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

FORMAT: Final = "grantd records 1"
LONGEST: Final = 16 << 20
"""Bytes of one line."""

_PLACE: Final = ("writer", "writer_epoch", "seq", "prev_hash", "hash")


def head_line(heads: Iterable[Head]) -> str:
    """The first line of an export."""
    plain = [[head.writer, head.epoch, head.seq, _hex(head.hash)] for head in heads]
    return json.dumps({"format": FORMAT, "heads": plain}) + "\n"


def record_line(row: StoredEntry) -> str:
    """One record. Whatever somebody put into a column is kept as well as JSON can."""
    members = asdict(row.entry) | {name: getattr(row, name) for name in _PLACE}
    members["prev_hash"], members["hash"] = _hex(row.prev_hash), _hex(row.hash)
    members["body"] = _body(row.entry.body)
    return json.dumps(members, default=repr) + "\n"


class ExportedRecords:
    """Reads an export, line by line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._heads = self._first()

    async def heads(self) -> list[Head]:
        """The heads as the database had them."""
        return self._heads

    async def history(self) -> AsyncIterator[StoredEntry]:
        """Every record, in the order of the lines."""
        number = 1
        while line := self._file.readline(LONGEST):
            number += 1
            try:
                yield _row(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError):
                raise StoreUnavailable(f"line {number} of the export is no record") from None

    def _first(self) -> list[Head]:
        try:
            first = json.loads(self._file.readline(LONGEST))
            if first["format"] == FORMAT:
                return [Head(writer, epoch, seq, bytes.fromhex(text)) for writer, epoch, seq, text in first["heads"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise StoreUnavailable("this is neither a database nor an export of records")


def _row(members: Any) -> StoredEntry:
    body = members["body"]
    members["body"] = body.encode("utf-8") if isinstance(body, str) else b64decode(body["base64"], validate=True)
    members["prev_hash"], members["hash"] = bytes.fromhex(members["prev_hash"]), bytes.fromhex(members["hash"])
    place = [members.pop(name) for name in _PLACE]
    return StoredEntry(Entry(**members), *place)


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def _body(value: bytes) -> object:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}
    except AttributeError:
        return repr(value)
