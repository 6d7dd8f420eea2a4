"""`grantd client secret new`: a client secret that only its client will ever hold."""

from __future__ import annotations

import hashlib
import secrets

import typer

app = typer.Typer(help="Clients of the bundle.", no_args_is_help=True)
secret = typer.Typer(help="Client secrets.", no_args_is_help=True)
app.add_typer(secret, name="secret")

BYTES = 32
"""256 bits: with so much in it, one SHA-256 is as good as any slow hash."""


@app.callback()
def client() -> None:
    """Clients of the bundle."""


@secret.callback()
def client_secret() -> None:
    """Client secrets."""


@secret.command("new")
def new() -> None:
    """Makes a secret. It is shown this once; the bundle takes its SHA-256."""
    value = secrets.token_urlsafe(BYTES)
    digest = hashlib.sha256(value.encode()).hexdigest()
    print(f"secret, for the client, shown only now:\n  {value}")
    print(f"for the bundle:\n  authentication:\n    - secret: {{sha256: {digest}}}")
