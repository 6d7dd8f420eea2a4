"""`grantd policy explain`: what a bundle would answer to a request that nobody made."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from grantd_server.cli.policy.directories import At, Directory, moment, parsed
from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told
from grantd_server.cli.terminal.programs import AsJson

Many = list[str]


def explain_request(
    directory: Directory,
    *,
    client: Annotated[str, typer.Option(help="By name.")],
    resource: Annotated[str, typer.Option(help="By name.")],
    scope: Annotated[Many | None, typer.Option(help="Each; without any, the defaults of the resource.")] = None,
    provider: Annotated[str, typer.Option(help="Where the person signed in.")] = "",
    user: Annotated[str | None, typer.Option(help="As the provider names the person.")] = None,
    group: Annotated[Many | None, typer.Option(help="As the provider names it; none: unknown.")] = None,
    role: Annotated[Many | None, typer.Option(help="The same.")] = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="In no group and no role that is not named.")] = False,
    claim: Annotated[Many | None, typer.Option(help="NAME=VALUE.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of the grant issuer.")] = None,
    acr: Annotated[str | None, typer.Option(help="Of the sign-in.")] = None,
    amr: Annotated[Many | None, typer.Option(help="Of the sign-in, each.")] = None,
    age: Annotated[int | None, typer.Option(help="Seconds since the sign-in.")] = None,
    address: Annotated[str | None, typer.Option(help="Where the client is seen.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Where several are possible; or a trusted one.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Answers for both legs: what is granted and refused, by which rule, and the nearest misses."""
    with told():
        from grantd_server.governance.asking import answering, offline, question, telling  # noqa: PLC0415 - 0.2 s
        from grantd_server.model.bundle.rules import SignIn  # noqa: PLC0415 - the same

        none = frozenset[str]() if no_groups else None
        person = question.Person(
            provider=provider,
            sub=user,
            groups=frozenset(group) if group else none,
            roles=frozenset(role) if role else none,
            claims=_claims(claim or []),
            tenant=tenant,
        )
        now = moment(at)
        asked = question.Question(
            client=client,
            resource=resource,
            scopes=tuple(scope or ()),
            now=now,
            person=person if provider else None,
            issuer=issuer,
            sign_in=SignIn(acr, None if amr is None else tuple(amr), None if age is None else now - age),
            address=address,
            tenant=tenant,
        )
        document, snapshot = parsed(directory)
        try:
            found = answering.answer(snapshot, asked)
        except answering.Unanswerable as fault:
            end(REFUSED, [str(fault)])
        if as_json:
            print(json.dumps(telling.as_data(found, offline.rule_places(document)), indent=2))
        else:
            for line in telling.lines(found, offline.rule_places(document)):
                print(line)


def _claims(written: list[str]) -> dict[str, frozenset[str]]:
    claims: dict[str, frozenset[str]] = {}
    for each in written:
        name, mark, value = each.partition("=")
        if not mark:
            end(USAGE, ["--claim: NAME=VALUE is expected"])
        claims[name] = claims.get(name, frozenset()) | {value}
    return claims
