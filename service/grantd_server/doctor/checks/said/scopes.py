"""Scopes: what the client needs, the MCP server lists, and the authorization server knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.view import View

UNKNOWN = Row(
    "scopes.unknown", Severity.WARNING, "A scope that the client needs is none of the MCP server's.",
    "Ask for a scope that it lists, or let it list this one.",
    OWNER[Party.CLIENT],
)  # fmt: skip
FOREIGN = Row(
    "scopes.foreign", Severity.WARNING, "The MCP server has scopes that its authorization server does not know.",
    "Use the same names at both: clients ask for what the MCP server lists.",
)  # fmt: skip
NOT_OFFERED = Row(
    "scopes.not-offered", Severity.WARNING, "A scope that the client needs is none of the authorization server's.",
    "Ask for a scope that it lists, or let it list this one.",
    OWNER[Party.CLIENT],
)  # fmt: skip
OFFLINE = Row(
    "prm.offline-access", Severity.WARNING, "The metadata list offline_access.",
    "Leave it out: it is no scope of a resource, and makes clients ask for refresh tokens.",
)  # fmt: skip
ROWS: Final = (UNKNOWN, FOREIGN, NOT_OFFERED, OFFLINE)

_OFFLINE: Final = "offline_access"


def check(view: View) -> Iterator[Finding]:
    """Compares three lists of scopes; who lists none is not compared."""
    resource, server = view.resource, view.server
    offered = None if resource is None else resource.texts("scopes_supported")
    known = None if server is None else server.texts("scopes_supported")
    if resource is not None and offered is not None:
        if _OFFLINE in offered:
            yield OFFLINE.at(Party.RESOURCE, resource.identifier, listed(offered))
        if lacking := [scope for scope in view.setup.scopes if scope not in offered]:
            yield UNKNOWN.at(Party.RESOURCE, resource.identifier, f"{listed(lacking)} of {listed(offered)}")
        stray = [scope for scope in offered if known is not None and scope not in known and scope != _OFFLINE]
        if stray:
            yield FOREIGN.at(Party.RESOURCE, resource.identifier, f"{listed(stray)} of {listed(offered)}")
    elif server is not None and (lacking := [scope for scope in view.setup.scopes if scope not in (known or [scope])]):
        yield NOT_OFFERED.at(Party.SERVER, server.identifier, f"{listed(lacking)} of {listed(known or ())}")
