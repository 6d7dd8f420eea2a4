"""`grantd policy who-can` and `what-can`: what rules let whom reach, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.policy.directories import At, moment, parsed
from grantd_server.cli.policy.output import print_rows
from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told
from grantd_server.cli.terminal.programs import AsCsv, AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.analysis.entitlements import Entitlement

InDirectory = Annotated[Path, typer.Option("--in", metavar="DIR", help="Directory of YAML files.")]


def who_can(
    scope: Annotated[str, typer.Argument(help="A scope, or a pattern with *.")],
    where: Annotated[list[str], typer.Argument(metavar="[at] RESOURCE", help="By name or URI, or a pattern of names.")],
    directory: InDirectory = Path(),
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    at: At = None,
) -> None:
    """Lists who can have a scope at a resource: which people, through which client, by which rule."""
    with told():
        from grantd_server.governance.analysis import entitlements  # noqa: PLC0415 - 0.2 s

        words = where[1:] if len(where) == 2 and where[0] == "at" else where
        if len(words) != 1:
            end(USAGE, ["Write: grantd policy who-can SCOPE at RESOURCE"])
        snapshot = parsed(directory)[1]
        named = {resource.uri: resource.name for resource in snapshot.resources.values()}
        resource = named.get(words[0], words[0])
        if "*" not in resource and resource not in snapshot.resources:
            end(REFUSED, [f'There is no resource "{resource}".'])
        if "*" not in scope and not any(scope in each.scopes for each in snapshot.resources.values()):
            end(REFUSED, [f'No resource has a scope "{scope}".'])
        rows = entitlements.who_can(snapshot, scope, resource, moment(at))
        print_rows(entitlements.Entitlement, rows, _lines, as_json=as_json, as_csv=as_csv)


def what_can(
    subject: Annotated[
        list[str],
        typer.Argument(help="A client, or what somebody has: corp:GROUP; or group:, role:, user: before it."),
    ],
    directory: InDirectory = Path(),
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    at: At = None,
) -> None:
    """Lists what a client, or somebody with these groups, roles and names, can reach."""
    with told():
        from grantd_server.governance.analysis import entitlements  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.analysis.subjects import Unknown, somebody_of  # noqa: PLC0415 - the same

        snapshot = parsed(directory)[1]
        clients = {name for name, _, _ in snapshot.lookups.client_ids}
        if len(subject) == 1 and subject[0] in clients:
            rows = entitlements.what_client_can(snapshot, subject[0], moment(at))
        else:
            try:
                somebody = somebody_of(snapshot, subject)
            except Unknown as fault:
                end(REFUSED, [str(fault)])
            rows = entitlements.what_can(snapshot, somebody, moment(at))
        print_rows(entitlements.Entitlement, rows, _lines, as_json=as_json, as_csv=as_csv)


def _lines(rows: Sequence[Entitlement]) -> list[str]:
    from grantd_server.governance.analysis.entitlements import lines  # noqa: PLC0415 - late, as all commands

    return lines(rows) or ["Nobody."]
