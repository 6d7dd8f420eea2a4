"""`grantd doctor`: what is wrong with a live set-up, ours or others'."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told

if TYPE_CHECKING:
    from grantd_server.doctor.probing.journey import Probe
    from grantd_server.doctor.setup import Setup
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.keys.foreign.fetch import Fetcher

LONGEST_TOKEN: Final = 65_536


SetupFile = Annotated[
    Path | None, typer.Option("--setup", help="The set-up as YAML; options go before it.", dir_okay=False)
]
Idp = Annotated[str, typer.Option("--idp", metavar="URL", help="Issuer of the identity provider.")]
Issuer = Annotated[str, typer.Option("--issuer", metavar="URL", help="The grant issuer.")]
Server = Annotated[
    str, typer.Option("--server", metavar="URL", help="The authorization server; else as the MCP server says.")
]
Resource = Annotated[str, typer.Option("--resource", metavar="URL", help="The MCP server, as clients call it.")]
ClientId = Annotated[str, typer.Option("--client-id", help="The client's id at the authorization server.")]
ClientIdAtIssuer = Annotated[str, typer.Option("--client-id-at-issuer", help="Its id at the grant issuer.")]
ClientIdAtIdp = Annotated[str, typer.Option("--client-id-at-idp", help="Its id at the identity provider.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="That the client needs; may be repeated.")]
Bundle = Annotated[
    Path | None,
    typer.Option("--governance", metavar="DIR", help="A bundle to compare with what is live.", file_okay=False),
]
Probing = Annotated[
    bool, typer.Option("--probe", help="Walks both legs with a test user's sign-in, and revokes what it got.")
]
SignIn = Annotated[
    str, typer.Option("--subject-token", metavar="FILE", help="The sign-in for --probe; - is standard input.")
]
Kind = Annotated[str, typer.Option("--subject-token-type", help="id_token, refresh_token or saml2.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Also asks private and loopback addresses, the latter over http.")
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", help="Certificate authorities to trust, PEM.", dir_okay=False)
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.5, max=60, help="Seconds for one answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Prints findings for a program.")]


def examine_setup(
    setup: SetupFile = None,
    *,
    idp: Idp = "",
    issuer: Issuer = "",
    server: Server = "",
    resource: Resource = "",
    client_id: ClientId = "",
    client_id_at_issuer: ClientIdAtIssuer = "",
    client_id_at_idp: ClientIdAtIdp = "",
    scope: Scopes = None,
    governance: Bundle = None,
    probe: Probing = False,
    sign_in: SignIn = "-",
    kind: Kind = "id_token",
    allow_private: AllowPrivate = False,
    ca_file: CaFile = None,
    timeout: Timeout = 5.0,
    as_json: AsJson = False,
) -> None:
    """Examines identity provider, grant issuer, authorization server and MCP server.

    Only who is named is asked. Without --probe nothing is changed anywhere: public documents are
    read, and the token endpoints and the MCP server are called without credentials, to see them
    refuse. The exit code is 1 if there is an error.
    """
    with told():
        ids = (client_id_at_idp, client_id_at_issuer, client_id)
        asked = _told(setup, (idp, issuer, server, resource), ids, tuple(scope or ()))
        walked = _probe(asked, setup, sign_in, kind) if probe else None
        declared = None if governance is None else _bundle(governance)
        asyncio.run(_examine(asked, declared, walked, _fetcher(allow_private, ca_file, timeout), as_json=as_json))


def _read(path: Path | None) -> Setup:
    from grantd_server.doctor.setup import Setup  # noqa: PLC0415 - late, as all commands
    from grantd_server.doctor.setup_file import read_setup  # noqa: PLC0415 - the same

    if path is None:
        return Setup()
    try:
        return read_setup(path.read_bytes(), path.name)
    except OSError as fault:
        end(USAGE, [f"{path}: {fault.strerror}"])


def _told(
    path: Path | None, parties: tuple[str, str, str, str], ids: tuple[str, str, str], scopes: tuple[str, ...]
) -> Setup:
    """The file's set-up, less what options of the command say otherwise."""
    from grantd_server.doctor.setup import ClientSetup, Setup  # noqa: PLC0415 - late, as all commands

    setup = _read(path).under(Setup(*parties, client=ClientSetup(*ids), scopes=scopes))
    if setup.names_nobody:
        end(USAGE, ["Nobody is named: --idp, --issuer, --server, --resource, or a file with --setup."])
    return setup


def _probe(setup: Setup, path: Path | None, sign_in: str, kind: str) -> Probe:
    from grantd_server.doctor.probing.credential_files import Unusable, credential_of, read_text  # noqa: PLC0415 - late
    from grantd_server.doctor.probing.journey import KINDS, Probe  # noqa: PLC0415 - the same

    if kind not in KINDS:
        end(USAGE, [f"--subject-token-type is one of {', '.join(KINDS)}."])
    client, folder = setup.client, path.parent if path is not None else Path()
    if not setup.grant_issuer or set(client.credentials) != {"grant_issuer", "authorization_server"}:
        end(USAGE, ["--probe needs the grant issuer, and `client.credentials` for both legs in the file of --setup."])
    try:
        token = sys.stdin.read(LONGEST_TOKEN) if sign_in == "-" else read_text(Path(sign_in))
        sources = client.credentials
        first = credential_of(client.at_grant_issuer, sources["grant_issuer"], folder, os.environ)
        second = credential_of(client.at_authorization_server, sources["authorization_server"], folder, os.environ)
    except Unusable as fault:
        end(USAGE, [str(fault)])
    if not token.strip():
        end(USAGE, ["--probe needs a sign-in: a file with --subject-token, or standard input."])
    return Probe(token.strip(), first, second, KINDS[kind])


def _bundle(directory: Path) -> Snapshot:
    from grantd_server.doctor.bundle import read_bundle  # noqa: PLC0415 - late, as all commands

    return read_bundle(directory)


def _fetcher(allow_private: bool, ca_file: Path | None, timeout: float) -> Fetcher:
    from grantd_server.keys.foreign.addresses import PRIVATE  # noqa: PLC0415 - late, as all commands
    from grantd_server.keys.foreign.fetch import Fetcher, connector_by_system  # noqa: PLC0415 - the same

    try:
        tls = None if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
    except (ssl.SSLError, OSError):
        end(USAGE, [f"{ca_file} has no certificates in PEM."])
    return Fetcher(
        allow_loopback=allow_private,
        own_networks=PRIVATE if allow_private else (),
        connector=connector_by_system(tls),
        seconds=timeout,
    )


async def _examine(
    setup: Setup, declared: Snapshot | None, probe: Probe | None, fetcher: Fetcher, *, as_json: bool
) -> None:
    from grantd_server.doctor import report  # noqa: PLC0415 - late, as all commands
    from grantd_server.doctor.examine import examine  # noqa: PLC0415 - the same

    try:
        found = await examine(setup, fetcher, time.time, declared, probe)
    finally:
        await fetcher.aclose()
    print(json.dumps(report.document(found), indent=2) if as_json else report.text(found))
    if not found.healthy:
        raise typer.Exit(REFUSED)
