"""`grantd client secret`: secrets that only their clients will ever hold; two at a time,
so that a client moves from one to the other without an outage."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import USAGE, Config, end, settings_of, told
from grantd_server.cli.terminal.moments import moment_of
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from grantd_server.governance.secrets.changes import Holder

app = typer.Typer(help="Clients of the bundle.", no_args_is_help=True)
secret = typer.Typer(help="Client secrets.", no_args_is_help=True)
app.add_typer(secret, name="secret")

BYTES = 32
"""256 bits: with so much in it, one SHA-256 is as good as any slow hash."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a client or resource server, as in the bundle.")]
Issuer = Annotated[str | None, typer.Option("--issuer", help="Where the client is registered: name or identifier.")]
In = Annotated[
    Path | None, typer.Option("--in", metavar="DIR", help="Governance directory; instead of governance.directory.")
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="WHEN", help="30d from now, or 2027-01-31T00:00:00Z.")
]


@app.callback()
def client() -> None:
    """Clients of the bundle."""


@secret.callback()
def client_secret() -> None:
    """Client secrets."""


@secret.command("new")
def new(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose; without it, nothing is changed.")] = None,
    issuer: Issuer = None,
    directory: In = None,
    expires: Expires = None,
    config: Config = None,
) -> None:
    """Makes a secret. It is shown this once; the bundle takes its SHA-256.

    With a name, the line is written into the governance directory, beside the secret in
    use; everything else in the file stays as it is.
    """
    with told():
        until = moment_of("--expires", expires)
        value = secrets.token_urlsafe(BYTES)
        digest = hashlib.sha256(value.encode()).hexdigest()
        if name is None:
            line = f"sha256: {digest}" + ("" if until is None else f", expires: {utc(until)}")
            print(f"secret, for the client, shown only now:\n  {value}")
            print(f"for the bundle:\n  authentication:\n    - secret: {{{line}}}")
            return
        from grantd_server.governance.secrets.changes import add_secret  # noqa: PLC0415 - late, as all commands

        holder = _holder(name, issuer, directory, config)
        file, number = add_secret(holder, digest, until)
        print(f"secret, for the client, shown only now:\n  {value}")
        print(f"added to {file}, line {number}: secret {digest[:8]} of {holder.label}")
        print(f"next: grantd apply {holder.directory}")


@secret.command("retire")
def retire(
    name: Name,
    *,
    issuer: Issuer = None,
    directory: In = None,
    fingerprint: Annotated[str | None, typer.Option("--fingerprint", help="Which one; else the older.")] = None,
    expires: Expires = None,
    config: Config = None,
) -> None:
    """Takes the older secret away, or gives it an end.

    `grantd explain` and the log say which secret a client used, by fingerprint.
    """
    with told():
        from grantd_server.governance.secrets.changes import retire_secret  # noqa: PLC0415 - late, as all commands

        until = moment_of("--expires", expires)
        holder = _holder(name, issuer, directory, config)
        retired = retire_secret(holder, fingerprint, until)
        what = "taken away" if until is None else f"expires {utc(until)}"
        print(f"secret {retired.label} of {holder.label}: {what}")
        print(f"next: grantd apply {holder.directory}")


@secret.command("list")
def list_secrets(name: Name, issuer: Issuer = None, directory: In = None, config: Config = None) -> None:
    """Lists the secrets of a party by fingerprint, the older first."""
    with told():
        holder = _holder(name, issuer, directory, config)
        for each in holder.secrets:
            print(f"{each.label}  {'expires ' + utc(each.expires) if each.expires else 'does not expire'}")


def _holder(name: str, issuer: str | None, directory: Path | None, config: Path | None) -> Holder:
    from grantd_server.governance.secrets.changes import find_holder  # noqa: PLC0415 - late, as all commands

    folder = directory or settings_of(config).governance.directory
    if folder is None:
        end(USAGE, ["Say which governance directory with --in, or set governance.directory."])
    return find_holder(folder, name, issuer)
