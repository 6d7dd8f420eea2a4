"""Where `grantd audit` reads from: records, second places, trusted keys."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Protocol

from grantd_server.cli.terminal.ending import USAGE, end, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from grantd.jwk import KeySet
    from grantd_server.audit.chain import Head
    from grantd_server.audit.verification.verification import Verification
    from grantd_server.settings import Settings
    from grantd_server.store import StoredEntry


class Readable(Protocol):
    """Whatever records can be read from."""

    async def heads(self) -> list[Head]: ...

    def history(self) -> AsyncIterator[StoredEntry]: ...


def places_of(named: list[Path] | None, settings: Settings | None) -> list[Path]:
    """The second places to read: those named, else that of the settings."""
    configured = settings.audit.checkpoints.directory if settings is not None else None
    places = named or ([configured] if configured is not None else [])
    if not places:
        end(USAGE, ["Name the second place with --checkpoints, or say --chains-only."])
    return places


def trusted_keys(file: Path | None, settings: Settings | None) -> KeySet:
    """The keys that checkpoints are believed of: those of `file`, else of keys.directory."""
    keyset = _keys_in(file) if file is not None else _own_keys(settings)
    if not keyset.keys:
        end(USAGE, ["There is no checkpoint key to trust."])
    return keyset


def read_place(verification: Verification, place: Path) -> None:
    """Reads one second place."""
    from grantd_server.audit.file_place import FilePlace  # noqa: PLC0415 - late, as all commands
    from grantd_server.audit.places import PlaceUnavailable  # noqa: PLC0415 - the same

    try:
        verification.place(str(place), FilePlace(place).lines())
    except PlaceUnavailable as fault:
        end(USAGE, [f"{fault}."])


async def read_records(verification: Verification, settings: Settings | None, file: Path | None) -> None:
    """Reads all records. What cannot be read any further is a finding: a damaged file is
    not what it was."""
    from grantd_server.store import StoreUnavailable  # noqa: PLC0415 - late, as all commands

    async with records_of(settings, file) as source:
        try:
            verification.heads(await source.heads())
            async for row in source.history():
                verification.row(row)
        except StoreUnavailable as fault:
            verification.find(f"the records end here: {fault}")


@asynccontextmanager
async def records_of(settings: Settings | None, file: Path | None) -> AsyncIterator[Readable]:
    """Opens what holds the records, to read only."""
    path = file or _file_of(settings)
    if path is not None:
        with _opened_file(path) as source:
            yield source
    elif settings is not None:
        async with opened(settings) as store:
            yield store


@contextmanager
def _opened_file(path: Path) -> Iterator[Readable]:
    from grantd_server.store.records.reading.exported import ExportedRecords  # noqa: PLC0415 - late, as all commands
    from grantd_server.store.sqlite.records import SqliteRecords  # noqa: PLC0415 - the same

    try:
        file = path.open("rb")
    except OSError as fault:
        end(USAGE, [f"{path} cannot be read: {fault.strerror}."])
    with file:
        is_database = file.read(16) == b"SQLite format 3\0"
        file.seek(0)
        if not is_database:
            yield ExportedRecords(file)
            return
    source = SqliteRecords(path)
    try:
        yield source
    finally:
        source.close()


def _file_of(settings: Settings | None) -> Path | None:
    try:
        return None if settings is None else settings.sqlite_path
    except ValueError:
        return None


def _keys_in(file: Path) -> KeySet:
    from grantd.jwk import read_jwks  # noqa: PLC0415 - late, as all commands
    from grantd.strict import Fault  # noqa: PLC0415 - the same
    from grantd_server.audit.checkpoint import ALGORITHMS  # noqa: PLC0415 - the same

    try:
        return read_jwks(file.read_bytes(), default_algs=ALGORITHMS)
    except (OSError, Fault) as fault:
        end(USAGE, [f"--keys: {fault}."])


def _own_keys(settings: Settings | None) -> KeySet:
    from grantd_server.keys.own.files import KeyDirectory  # noqa: PLC0415 - late, as all commands
    from grantd_server.keys.own.purpose import Purpose  # noqa: PLC0415 - the same
    from grantd_server.keys.own.ring import KeyRing  # noqa: PLC0415 - the same

    directory = settings.keys.directory if settings is not None else None
    if directory is None:
        end(USAGE, ["Name the trusted keys with --keys, or set keys.directory."])
    return KeyRing(KeyDirectory(directory)).keyset("", Purpose.CHECKPOINT)
