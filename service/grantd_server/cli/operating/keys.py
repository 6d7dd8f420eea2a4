"""`grantd keys`: our own keys, and the steps of their rotation by hand."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import USAGE, Config, end, settings_of, told
from grantd_server.keys.own.purpose import Purpose

if TYPE_CHECKING:
    from grantd_server.keys.own.files import KeyDirectory
    from grantd_server.keys.own.rotation import Rotation
    from grantd_server.keys.own.stored import StoredKey

app = typer.Typer(help="Our own keys.", no_args_is_help=True)


class Alg(StrEnum):
    """Algorithms that we sign with."""

    ES256 = "ES256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


Directory = Annotated[Path | None, typer.Option("--directory", help="Instead of keys.directory of the settings.")]
Issuer = Annotated[str, typer.Option("--issuer", help="Issuer identifier; leave it out for keys of the whole service.")]
PurposeOption = Annotated[Purpose, typer.Option("--purpose", help="What the key is for.")]
Kid = Annotated[str, typer.Option("--kid", help="Which key.")]
AtOnce = Annotated[bool, typer.Option("--at-once", help="Does not wait for verifiers or living tokens.")]


@app.callback()
def keys() -> None:
    """Our own keys: publish, activate, retire, remove; and taint in an emergency."""


@app.command("list")
def list_keys(config: Config = None, directory: Directory = None) -> None:
    """Lists all keys, without any key."""
    with told():
        from grantd_server.keys.own.ring import KeyRing, active_of  # noqa: PLC0415 - late, as all commands

        ring = KeyRing(_directory(config, directory))
        used = active_of(ring.keys)
        for key in sorted(ring.keys, key=lambda key: (key.issuer, key.purpose.value, key.number)):
            mark = "signs" if key in used else ""
            print(
                f"{key.issuer or '-'}  {key.purpose.value}  {key.alg}  {key.state.value:9}  {key.kid}  {mark}".rstrip()
            )


@app.command()
def create(
    purpose: PurposeOption,
    issuer: Issuer = "",
    alg: Alg = Alg.ES256,
    config: Config = None,
    directory: Directory = None,
) -> None:
    """Makes the first key of a purpose, in use at once."""
    with told():
        _agree(issuer, purpose)
        found = _directory(config, directory)
        found.make()
        _tell(_rotation(found).create(issuer, purpose, alg.value, _now()))


@app.command()
def publish(
    purpose: PurposeOption,
    issuer: Issuer = "",
    alg: Annotated[Alg | None, typer.Option(help="Changes the algorithm with the key.")] = None,
    config: Config = None,
    directory: Directory = None,
) -> None:
    """Step 1: publishes a successor, which does not sign yet."""
    with told():
        _agree(issuer, purpose)
        rotation = _rotation(_directory(config, directory))
        _tell(rotation.publish(issuer, purpose, _now(), alg.value if alg else None))


@app.command()
def activate(
    purpose: PurposeOption,
    issuer: Issuer = "",
    at_once: AtOnce = False,
    config: Config = None,
    directory: Directory = None,
) -> None:
    """Step 2: the successor signs, and its predecessor retires."""
    with told():
        _agree(issuer, purpose)
        _tell(_rotation(_directory(config, directory)).activate(issuer, purpose, _now(), at_once=at_once))


@app.command()
def retire(
    purpose: PurposeOption, kid: Kid, issuer: Issuer = "", config: Config = None, directory: Directory = None
) -> None:
    """Step 3 by hand: a published key shall never sign."""
    with told():
        _agree(issuer, purpose)
        _tell(_rotation(_directory(config, directory)).retire(issuer, purpose, kid, _now()))


@app.command()
def remove(
    purpose: PurposeOption,
    kid: Kid,
    *,
    issuer: Issuer = "",
    at_once: AtOnce = False,
    config: Config = None,
    directory: Directory = None,
) -> None:
    """Step 4: deletes a key whose last token has expired."""
    with told():
        _agree(issuer, purpose)
        _rotation(_directory(config, directory)).remove(issuer, purpose, kid, _now(), at_once=at_once)
        print(f"{kid} is removed")


@app.command()
def taint(
    purpose: PurposeOption, kid: Kid, issuer: Issuer = "", config: Config = None, directory: Directory = None
) -> None:
    """In an emergency: withdraws a key at once; nothing it signed is accepted any more."""
    with told():
        _agree(issuer, purpose)
        successor = _rotation(_directory(config, directory)).taint(issuer, purpose, kid, _now())
        print(f"{kid} is tainted")
        if successor is not None:
            _tell(successor)


def _agree(issuer: str, purpose: Purpose) -> None:
    if purpose.of_the_service and issuer:
        end(USAGE, [f"A key for {purpose.value} serves the whole service; leave --issuer out."])
    if not purpose.of_the_service and not issuer:
        end(USAGE, [f"A key for {purpose.value} belongs to an issuer; name it with --issuer."])


def _directory(config: Path | None, directory: Path | None) -> KeyDirectory:
    from grantd_server.keys.own.files import KeyDirectory  # noqa: PLC0415 - late, as all commands

    path = directory or settings_of(config).keys.directory
    if path is None:
        end(USAGE, ["keys.directory is missing; set it, or name a directory with --directory."])
    return KeyDirectory(path)


def _rotation(directory: KeyDirectory) -> Rotation:
    from grantd_server.keys.own.rotation import Rotation, Schedule  # noqa: PLC0415 - late, as all commands

    return Rotation(directory, Schedule())


def _tell(key: StoredKey) -> None:
    print(f"{key.kid} is {key.state.value}: {key.purpose.value} of {key.issuer or 'the service'}, {key.alg}")


def _now() -> int:
    return int(time.time())
