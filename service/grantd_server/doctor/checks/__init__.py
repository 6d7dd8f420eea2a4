"""What is checked, family by family: pure functions over what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.answered import clocks, documents, hosts, refusals
from grantd_server.doctor.checks.declared import clients as declared_clients
from grantd_server.doctor.checks.declared import parties as declared_parties
from grantd_server.doctor.checks.keys import algorithms, ending, published
from grantd_server.doctor.checks.said import clients, flow, identifiers, metadata, resources, scopes
from grantd_server.doctor.checks.walked import access, bindings, grants, progress, subject, uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grantd_server.doctor.findings import Finding, Row
    from grantd_server.doctor.reading.view import View


@dataclass(frozen=True, slots=True)
class Family:
    """Checks of one kind, and every row that they can find."""

    title: str
    rows: tuple[Row, ...]
    check: Callable[[View], Iterator[Finding]]


FAMILIES: Final = (
    Family("Documents", documents.ROWS, documents.check),
    Family("Identifiers", identifiers.ROWS, identifiers.check),
    Family("Metadata", metadata.ROWS, metadata.check),
    Family("The flow", flow.ROWS, flow.check),
    Family("Keys", published.ROWS, published.check),
    Family("Keys that end", ending.ROWS, ending.check),
    Family("Algorithms", algorithms.ROWS, algorithms.check),
    Family("Clients", clients.ROWS, clients.check),
    Family("The MCP server", resources.ROWS, resources.check),
    Family("Scopes", scopes.ROWS, scopes.check),
    Family("Refusals", refusals.ROWS, refusals.check),
    Family("Hosts", hosts.ROWS, hosts.check),
    Family("Clocks", clocks.ROWS, clocks.check),
    Family("A bundle and its parties", declared_parties.ROWS, declared_parties.check),
    Family("A bundle, its MCP servers and clients", declared_clients.ROWS, declared_clients.check),
    Family("A probe", progress.ROWS, progress.check),
    Family("A probe: the sign-in", subject.ROWS, subject.check),
    Family("A probe: the grant", grants.ROWS, grants.check),
    Family("A probe: the access token", access.ROWS, access.check),
    Family("A probe: what grant and token are good for", uses.ROWS, uses.check),
    Family("A probe: proofs of possession", bindings.ROWS, bindings.check),
)


def findings(view: View) -> list[Finding]:
    """All findings, the worst first; of one severity, in the order of the families."""
    found = [finding for family in FAMILIES for finding in family.check(view)]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.severity)
