"""`grantd decode`: which kind of token this is, what it says, and what is wrong with it
for a given audience, client and resource. Offline."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from grantd.jwk import KeySet
    from grantd_server.governance.snapshot import Snapshot

Client = Annotated[str, typer.Option("--client", help="A client id; with --governance, a client by its name.")]
Resource = Annotated[str, typer.Option("--resource", help="A resource; with --governance, by its name, too.")]
Governance = Annotated[
    Path | None,
    typer.Option(
        "--governance", metavar="DIR", help="Whom the bundle trusts, and what it calls whom.", file_okay=False
    ),
]


def decode(
    token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")],
    *,
    audience: Annotated[str, typer.Option("--audience", help="Whom it should be for.")] = "",
    client: Client = "",
    resource: Resource = "",
    issuer: Annotated[str, typer.Option("--issuer", help="Who should have made it.")] = "",
    governance: Governance = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="2027-01-31T00:00:00Z; else now.")] = None,
    jwks: Annotated[
        Path | None, typer.Option("--jwks", metavar="FILE", help="Keys to verify the signature with.", dir_okay=False)
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate", metavar="FILE", help="PEM certificates to verify a SAML assertion with.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Shows a token's kind, what it is not, its contents, and what is wrong with it.

    Takes a header, a form body, a curl command or a JSON answer as well. Verifies nothing
    without --jwks or --certificate. Prefer `-`: arguments of a program are seen by
    everybody on the machine.
    """
    with told():
        from grantd_server.cli.decoding.target import Target  # noqa: PLC0415 - late, as all commands
        from grantd_server.cli.decoding.telling import LONGEST, NoToken, lines  # noqa: PLC0415 - the same

        raw = _read(LONGEST) if token == "-" else token
        snapshot = None if governance is None else _snapshot(governance)
        keys = None if jwks is None else _keys(jwks)
        target = Target(_moment(at), audience, client, resource, issuer, snapshot, keys, _certificates(certificate))
        try:
            for line in lines(raw.strip(), target):
                print(line)
        except NoToken as nothing:
            end(REFUSED, [str(nothing)])


def _read(longest: int) -> str:
    """Whatever bytes are pasted: what is no text is no token, and no traceback."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return sys.stdin.read(longest + 1)
    found: bytes = stream.read(longest + 1)
    return found.decode("utf-8", "replace")


def _snapshot(directory: Path) -> Snapshot:
    from grantd_server.governance.asking.offline import snapshot_of  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - the same

    return snapshot_of(parse_directory(directory))


def _keys(file: Path) -> KeySet:
    from grantd.jwk import ALGORITHMS, read_jwks  # noqa: PLC0415 - late, as all commands
    from grantd.strict import Fault  # noqa: PLC0415 - the same

    try:
        return read_jwks(file.read_bytes(), default_algs=ALGORITHMS)
    except (OSError, Fault) as fault:
        end(USAGE, [f"--jwks: {fault}."])


def _certificates(file: Path | None) -> tuple[Certificate, ...]:
    if file is None:
        return ()
    try:
        from grantd_server.subjects.saml.offline import certificates_in  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        end(USAGE, ["--certificate: pip install 'grantd[saml]' first."])
    try:
        return tuple(certificates_in(file.read_bytes()))
    except (OSError, ValueError):
        end(USAGE, ["--certificate: PEM certificates are expected, and cannot be read from this file."])


def _moment(when: str | None) -> float:
    from datetime import datetime  # noqa: PLC0415 - late, as all commands

    if when is None:
        return time.time()
    try:
        found = datetime.fromisoformat(when)
        moment = found.timestamp()
    except (ValueError, OverflowError):
        end(USAGE, ["--at is a time such as 2027-01-31T00:00:00Z."])
    if found.tzinfo is None:
        end(USAGE, ["--at needs a zone, such as the Z of 2027-01-31T00:00:00Z."])
    return moment
