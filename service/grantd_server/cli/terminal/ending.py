"""How commands end: every planned failure is sentences on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from grantd_server.settings import Settings
    from grantd_server.store import Store

REFUSED: Final = 1
USAGE: Final = 2
TRY_AGAIN: Final = 3

_STATUSES: Final = {
    "UNAVAILABLE": TRY_AGAIN, "ABORTED": TRY_AGAIN, "DEADLINE_EXCEEDED": TRY_AGAIN, "RESOURCE_EXHAUSTED": TRY_AGAIN,
    "INVALID_ARGUMENT": USAGE, "UNAUTHENTICATED": USAGE, "UNIMPLEMENTED": USAGE,
}  # fmt: skip
"""How a command ends when the service says no; anything else is refused."""

_NO_TEXT: Final = "surrogates not allowed"
"""Why Python cannot encode an argument that came as bytes of another encoding."""

Config = Annotated[
    Path | None,
    typer.Option("--config", envvar="GRANTD_CONFIG", help="Settings, YAML; see docs/configuration.md.", dir_okay=False),
]


def end(code: int, sentences: Sequence[str]) -> NoReturn:
    """Prints what is wrong and ends the command."""
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")
    raise typer.Exit(code)


class Existence(Enum):
    """What becomes of a command where there is no database file yet."""

    DEMANDED = auto()
    """It is refused."""
    MADE = auto()
    """It makes one."""
    PRETENDED = auto()
    """It goes on as with an empty one, and leaves none behind."""


@contextmanager
def told() -> Iterator[None]:
    """Turns planned failures into sentences; anything else is a bug and shows as one."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as fault:
        code = _code_of(fault)
        if code is None:
            raise
        end(code, getattr(fault, "problems", None) or _sentences(fault))


def _code_of(fault: Exception) -> int | None:
    """The exit code of a planned failure. Imported late: a command that succeeds needs
    none of these modules for it."""
    from grantd.administration.directory import DirectoryError  # noqa: PLC0415
    from grantd.errors import GrantdError  # noqa: PLC0415
    from grantd_server.audit.checkpointer import NotTaken  # noqa: PLC0415
    from grantd_server.cli.terminal.answers import is_our_fault  # noqa: PLC0415
    from grantd_server.governance.faults import BundleError  # noqa: PLC0415
    from grantd_server.governance.secrets.changes import SecretChangeRefused  # noqa: PLC0415
    from grantd_server.governance.secrets.list_lines import NotByLines  # noqa: PLC0415
    from grantd_server.governance.secrets.references import SecretUnresolved  # noqa: PLC0415
    from grantd_server.keys.own.rotation import RotationRefused  # noqa: PLC0415
    from grantd_server.keys.own.stored import KeyFileFault  # noqa: PLC0415
    from grantd_server.settings import SettingsError  # noqa: PLC0415
    from grantd_server.store import Conflict, OutcomeUnknown, StoreUnavailable  # noqa: PLC0415
    from grantd_server.store.schema import SchemaMismatch  # noqa: PLC0415

    match fault:
        case GrantdError():
            return USAGE if is_our_fault(fault) else _STATUSES.get(fault.code, REFUSED)
        case SettingsError() | SchemaMismatch():
            return USAGE
        case OSError() if fault.filename is not None:
            return USAGE
        case UnicodeEncodeError() if fault.reason == _NO_TEXT:
            return USAGE
        case NotByLines() | SecretChangeRefused():
            return REFUSED
        case DirectoryError():
            return USAGE if isinstance(fault.__cause__, OSError) else REFUSED
        case BundleError() | SecretUnresolved() | KeyFileFault() | RotationRefused():
            return REFUSED
        case StoreUnavailable() | OutcomeUnknown() | Conflict() | NotTaken():
            return TRY_AGAIN
    return None


def _sentences(fault: Exception) -> list[str]:
    from grantd.errors import GrantdError  # noqa: PLC0415 - of commands that speak to a service
    from grantd_server.cli.terminal.answers import sentences  # noqa: PLC0415 - the same
    from grantd_server.store import StoreUnavailable  # noqa: PLC0415 - of commands with a store

    match fault:
        case GrantdError():
            return sentences(fault)
        case StoreUnavailable():
            return [f"The database cannot be used: {fault}"]
        case OSError():
            return [f"{fault.filename}: {fault.strerror}."]
        case UnicodeEncodeError():
            return ["An argument is not UTF-8."]
    return str(fault).splitlines()


def settings_of(config: Path | None, **over: str | None) -> Settings:
    """Reads the settings; `over` are variables that an option of the command sets."""
    from grantd_server.settings import load  # noqa: PLC0415 - 0.3 s

    given = {name: value for name, value in over.items() if value is not None}
    return load(config, {**os.environ, **given})


@asynccontextmanager
async def opened(settings: Settings, existence: Existence = Existence.DEMANDED) -> AsyncIterator[Store]:
    """The store of the settings, closed at the end."""
    from grantd_server.settings import SettingsError  # noqa: PLC0415 - loaded with the settings
    from grantd_server.settings.store_safety import store_problems  # noqa: PLC0415 - the same
    from grantd_server.store.opening import SQLITE, open_store  # noqa: PLC0415 - late, as all commands

    if problems := list(store_problems(settings)):
        raise SettingsError(problems)
    opening = settings.opening("cli")
    with ExitStack() as folder:
        if opening.url.startswith(SQLITE) and not settings.sqlite_path.exists():
            if existence is Existence.DEMANDED:
                raise SettingsError([f"store.url: {settings.sqlite_path} does not exist."])
            if existence is Existence.PRETENDED:
                place = Path(folder.enter_context(TemporaryDirectory(prefix="grantd-")), "empty.db")
                opening = replace(opening, url=f"{SQLITE}{place}")
        store = open_store(opening)
        try:
            await store.start()
            yield store
        finally:
            await store.close()


def author() -> str:
    """Who runs the command, for the record: the account that the system knows."""
    import getpass  # noqa: PLC0415 - only for acts

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
