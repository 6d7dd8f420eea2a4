"""`grantd apply`: a directory becomes the bundle in force."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.ending import REFUSED, Config, author, end, opened, settings_of, told

if TYPE_CHECKING:
    from grantd_server.governance.document import Document
    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.settings import Settings


def apply_directory(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files.")],
    config: Config = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validates and shows what would change.")] = False,
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Takes secrets that only the service can see for granted.")
    ] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Why, for the record.")] = "",
) -> None:
    """Validates a directory, shows what changes, and puts it in force.

    Faults are told as file:line:column, and nothing is changed then.
    """
    with told():
        from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - 0.2 s

        settings = settings_of(config)
        document = parse_directory(directory)
        if problems := _lacking(settings, document, None if no_secrets else directory):
            end(REFUSED, problems)
        asyncio.run(_apply(settings, document, dry_run=dry_run, why=message))


def show_directory(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files.")],
) -> None:
    """Validates a directory and prints the bundle that it makes, as one file.

    What a profile filled in is marked; everything else is as it was written.
    """
    with told():
        from grantd_server.governance.document import parse_directory, version_of  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.effective import effective  # noqa: PLC0415 - the same

        document = parse_directory(directory)
        print(f"# {version_of(document)}\n{effective(document)}", end="")


def _lacking(settings: Settings, document: Document, secrets: Path | None) -> list[str]:
    """What would keep the service from using the bundle: secrets, keys, unsafe issuers.
    Secret files are relative to `secrets`; None does not look for them."""
    from grantd_server.governance.compiling.compile import compile_document  # noqa: PLC0415 - 0.2 s
    from grantd_server.governance.secret_references import FilesAndEnvironment  # noqa: PLC0415 - the same
    from grantd_server.keys.own.files import KeyDirectory  # noqa: PLC0415 - the same
    from grantd_server.keys.own.ring import KeyRing  # noqa: PLC0415 - the same
    from grantd_server.settings import issuer_problems, issuers_of  # noqa: PLC0415 - the same
    from grantd_server.wiring.parts import needed_keys  # noqa: PLC0415 - the same

    folder = settings.governance.directory or secrets
    resolve = FilesAndEnvironment(folder, os.environ) if secrets is not None and folder is not None else _any_secret
    snapshot = compile_document(document.json, resolve, epoch=0, fingerprint_key=bytes(32))
    problems = issuer_problems(issuers_of(snapshot), development=settings.development)
    keys = settings.keys
    if keys.directory is not None and keys.directory.is_dir() and not keys.auto_create:
        problems += KeyRing(KeyDirectory(keys.directory)).lacking(needed_keys(snapshot))
    return problems


def _any_secret(reference: SecretReference) -> bytes:  # noqa: ARG001 - as every resolver
    """Stands for a secret that is not looked at; never the same twice."""
    return token_urlsafe(32).encode()


async def _apply(settings: Settings, document: Document, *, dry_run: bool, why: str) -> None:
    from grantd_server.governance.apply import apply  # noqa: PLC0415 - as above
    from grantd_server.governance.diff import diff  # noqa: PLC0415 - as above
    from grantd_server.governance.document import version_of  # noqa: PLC0415 - as above

    async with opened(settings, must_exist=False) as store:
        active = await store.active_bundle()
        changes = diff(active[2] if active else b"{}", document)
        for change in changes:
            print(change)
        if dry_run:
            print(f"{version_of(document)} is valid; {len(changes)} changes; nothing was applied")
            return
        applied = await apply(store, document, author(), why, time.time())
    if applied.changed:
        print(f"{applied.version} is in force, epoch {applied.epoch}")
    else:
        print(f"{applied.version} was in force already, epoch {applied.epoch}")
