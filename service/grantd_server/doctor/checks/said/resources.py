"""The MCP server: what it says about itself, and how it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.spelling import compared, difference, rows
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed
from grantd_server.model.uris import check_web_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View

NAMED: Final = rows(
    "resource",
    "The MCP server names itself by an identifier",
    "Publish the URL that clients call, byte for byte: tokens are made for one name, and clients compare the two.",
    "The MCP server's metadata are those of another resource.",
)
SERVERS: Final = rows(
    "servers",
    "The MCP server names its authorization server by an identifier",
    "Write the issuer into `authorization_servers` exactly as its own metadata have it.",
    "The MCP server does not name the authorization server.",
)
MALFORMED = Row(
    "resource.malformed", Severity.ERROR, "This is no resource identifier.",
    "A resource is an absolute URL without fragment and user information.",
)  # fmt: skip
UNNAMED = Row(
    "resource.unnamed", Severity.ERROR, "The metadata name no resource.",
    "Publish the member `resource`, which RFC 9728 section 2 requires.",
)  # fmt: skip
FORMS_DIFFER = Row(
    "prm.forms-differ", Severity.ERROR, "Two places of the metadata tell different things.",
    "Serve the same document at both: which one is read is the client's choice.",
)  # fmt: skip
TYPE = Row(
    "prm.type", Severity.ERROR, "A member of the metadata is not what it must be.",
    "Publish lists as JSON arrays of texts and switches as true or false (RFC 9728 section 2); readers refuse the rest.",
)  # fmt: skip
NO_SERVERS = Row(
    "prm.no-servers", Severity.ERROR, "The metadata name no authorization server.",
    "Publish `authorization_servers` as a list of issuers, byte for byte.",
)  # fmt: skip
PLAINTEXT = Row(
    "servers.plaintext", Severity.WARNING, "An authorization server is named over http.",
    "Name issuers by https only: a client that follows this one sends its credentials for everybody to read.",
)  # fmt: skip
BEARER = Row(
    "prm.bearer-methods", Severity.ERROR, "Tokens in the Authorization header are not taken.",
    "Take them there and nowhere else, and list `header` in `bearer_methods_supported`.",
)  # fmt: skip
QUERY = Row(
    "prm.query-tokens", Severity.WARNING, "Tokens are taken in the address.",
    "Take them in the Authorization header only: addresses end in logs and referrers.",
)  # fmt: skip
ROWS: Final = (
    *NAMED.values(), *SERVERS.values(), MALFORMED, UNNAMED, FORMS_DIFFER, TYPE, NO_SERVERS, PLAINTEXT, BEARER, QUERY,
)  # fmt: skip

_LISTS: Final = (
    "scopes_supported", "bearer_methods_supported", "dpop_signing_alg_values_supported",
    "resource_signing_alg_values_supported", "authorization_details_types_supported",
)  # fmt: skip
_FLAGS: Final = ("dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens")


def check(view: View) -> Iterator[Finding]:
    """Looks at the metadata of the MCP server, and at what its authorization server says."""
    resource = view.resource
    if resource is None:
        return
    if resource.malformed:
        yield MALFORMED.at(Party.RESOURCE, resource.identifier, resource.malformed)
    if not resource.metadata:
        return
    yield from _named(resource)
    yield from _forms(resource)
    yield from _servers(view, resource)
    yield from _methods(resource)
    yield from _types(resource)


def _named(resource: ResourceSeen) -> Iterator[Finding]:
    named = resource.metadata.get("resource")
    if not isinstance(named, str) or not named:
        yield UNNAMED.at(Party.RESOURCE, resource.identifier, f"resource is {cut(named)}")
    elif named != resource.identifier:
        row = NAMED[difference(resource.identifier, named)]
        yield row.at(Party.RESOURCE, resource.identifier, compared(resource.identifier, named))


def _forms(resource: ResourceSeen) -> Iterator[Finding]:
    (first, reference), *others = resource.usable.items()
    for name, exchange in others:
        for member in ("resource", "authorization_servers"):
            one, other = (reference.members or {}).get(member), (exchange.members or {}).get(member)
            if one != other:
                evidence = f"{member} is {cut(one)} {first} and {cut(other)} {name}"
                yield FORMS_DIFFER.at(Party.RESOURCE, resource.identifier, evidence)


def _servers(view: View, resource: ResourceSeen) -> Iterator[Finding]:
    listed_servers = resource.texts("authorization_servers")
    if not listed_servers:
        value = resource.metadata.get("authorization_servers")
        yield NO_SERVERS.at(Party.RESOURCE, resource.identifier, f"authorization_servers is {cut(value)}")
    elif view.server is not None and view.server.identifier not in listed_servers:
        wanted = view.server.identifier
        kinds = [difference(wanted, each) for each in listed_servers]
        kind = next((kind for kind in kinds if kind != "differs"), "differs")
        evidence = compared(wanted, listed_servers[kinds.index(kind)])
        yield SERVERS[kind].at(Party.RESOURCE, resource.identifier, evidence)

    if plain := [each for each in listed_servers or () if each.startswith("http://") and not _on_this_machine(each)]:
        yield PLAINTEXT.at(Party.RESOURCE, resource.identifier, listed(plain))


def _on_this_machine(issuer: str) -> bool:
    """Whether http is allowed there, as it is on loopback."""
    try:
        check_web_address(issuer)
    except ValueError:
        return False
    return True


def _methods(resource: ResourceSeen) -> Iterator[Finding]:
    methods = resource.texts("bearer_methods_supported")
    bound = resource.metadata.get("dpop_bound_access_tokens_required") is True
    if methods is not None and "header" not in methods and not (bound and not methods):
        yield BEARER.at(Party.RESOURCE, resource.identifier, f"bearer_methods_supported: {listed(methods)}")
    if "query" in (methods or ()):
        yield QUERY.at(Party.RESOURCE, resource.identifier, f"bearer_methods_supported: {listed(methods)}")


def _types(resource: ResourceSeen) -> Iterator[Finding]:
    for member in _LISTS:
        if member in resource.metadata and resource.texts(member) is None:
            yield TYPE.at(Party.RESOURCE, resource.identifier, f"{member} is {cut(resource.metadata[member])}")
    for member in _FLAGS:
        if not isinstance(resource.metadata.get(member, False), bool):
            yield TYPE.at(Party.RESOURCE, resource.identifier, f"{member} is {cut(resource.metadata[member])}")
