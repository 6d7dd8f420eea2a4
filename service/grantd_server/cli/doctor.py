"""`grantd doctor`: what is wrong with a live set-up, ours or others'."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.ending import REFUSED, USAGE, end, told

if TYPE_CHECKING:
    from grantd_server.doctor.setup import Setup
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.keys.foreign.fetch import Fetcher


def examine_setup(
    setup: Annotated[
        Path | None, typer.Option("--setup", help="The set-up as YAML; options go before it.", dir_okay=False)
    ] = None,
    *,
    idp: Annotated[str, typer.Option("--idp", metavar="URL", help="Issuer of the identity provider.")] = "",
    issuer: Annotated[str, typer.Option("--issuer", metavar="URL", help="The grant issuer.")] = "",
    server: Annotated[
        str,
        typer.Option(
            "--server", metavar="URL", help="Issuer of the authorization server; else as the MCP server says."
        ),
    ] = "",
    resource: Annotated[
        str, typer.Option("--resource", metavar="URL", help="The MCP server, as clients call it.")
    ] = "",
    client_id: Annotated[str, typer.Option("--client-id", help="The client's id at the authorization server.")] = "",
    client_id_at_issuer: Annotated[str, typer.Option("--client-id-at-issuer", help="Its id at the grant issuer.")] = "",
    client_id_at_idp: Annotated[str, typer.Option("--client-id-at-idp", help="Its id at the identity provider.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope that the client needs; repeatable.")
    ] = None,
    governance: Annotated[
        Path | None,
        typer.Option("--governance", metavar="DIR", help="A bundle to compare with what is live.", file_okay=False),
    ] = None,
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Also asks private and loopback addresses, the latter over http too."),
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="Certificate authorities to trust, PEM.", exists=True, dir_okay=False),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.5, max=60, help="Seconds for one answer.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Prints findings for a program.")] = False,
) -> None:
    """Examines identity provider, grant issuer, authorization server and MCP server.

    Only what is given is asked. Nothing is changed anywhere: public documents are read, and the
    token endpoints and the MCP server are called without credentials, to see them refuse. The
    exit code is 1 if there is an error.
    """
    with told():
        asked = _setup(setup)
        client = replace(
            asked.client,
            at_authorization_server=client_id or asked.client.at_authorization_server,
            at_grant_issuer=client_id_at_issuer or asked.client.at_grant_issuer,
            at_identity_provider=client_id_at_idp or asked.client.at_identity_provider,
        )
        asked = replace(
            asked,
            identity_provider=idp or asked.identity_provider,
            grant_issuer=issuer or asked.grant_issuer,
            authorization_server=server or asked.authorization_server,
            resource=resource or asked.resource,
            scopes=tuple(scope or asked.scopes),
            client=client,
        )
        if not any((asked.identity_provider, asked.grant_issuer, asked.authorization_server, asked.resource)):
            end(USAGE, ["Nobody is named: --idp, --issuer, --server, --resource, or a file with --setup."])
        declared = None if governance is None else _bundle(governance)
        asyncio.run(_examine(asked, declared, _fetcher(allow_private, ca_file, timeout), as_json=as_json))


def _setup(path: Path | None) -> Setup:
    from grantd_server.doctor.setup import Setup  # noqa: PLC0415 - late, as all commands
    from grantd_server.doctor.setup_file import read_setup  # noqa: PLC0415 - the same

    if path is None:
        return Setup()
    try:
        return read_setup(path.read_bytes(), path.name)
    except OSError as fault:
        end(USAGE, [f"{path}: {fault.strerror}"])


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


def _bundle(directory: Path) -> Snapshot:
    from grantd_server.doctor.bundle import read_bundle  # noqa: PLC0415 - late, as all commands

    return read_bundle(directory)


async def _examine(setup: Setup, declared: Snapshot | None, fetcher: Fetcher, *, as_json: bool) -> None:
    from grantd_server.doctor import report  # noqa: PLC0415 - late, as all commands
    from grantd_server.doctor.examine import examine  # noqa: PLC0415 - the same

    try:
        found = await examine(setup, fetcher, time.time, declared)
    finally:
        await fetcher.aclose()
    print(json.dumps(report.document(found), indent=2) if as_json else report.text(found))
    if not found.healthy:
        raise typer.Exit(REFUSED)
