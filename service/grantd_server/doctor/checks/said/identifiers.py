"""Identifiers, byte for byte: who each issuer says it is, and where its endpoints are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.spelling import compared, difference, rows
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut
from grantd_server.doctor.reading.addresses import origin, split
from grantd_server.model.uris import check_web_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

NAMED: Final = rows(
    "issuer",
    "The issuer names itself by an identifier",
    "Write the identifier everywhere exactly as the issuer publishes it: it is compared byte for byte.",
    "The metadata are those of another issuer.",
)
UNNAMED = Row(
    "issuer.unnamed", Severity.ERROR, "The metadata name no issuer.",
    "Publish the member `issuer`: readers must refuse metadata without it (RFC 8414 section 3.3).",
)  # fmt: skip
MALFORMED = Row(
    "issuer.malformed", Severity.ERROR, "This is no issuer identifier.",
    "An issuer is an https URL without query and fragment (RFC 8414 section 2).",
)  # fmt: skip
SHARED = Row(
    "issuer.shared", Severity.ERROR, "One issuer issues the grants and redeems them.",
    "Grants are for crossing a trust domain: give grant issuer and authorization server identifiers and keys of their own.",
)  # fmt: skip
FORMS_DIFFER = Row(
    "metadata.forms-differ", Severity.ERROR, "Two well-known addresses of one issuer tell different things.",
    "Serve the same members at all of them: which one is read is the client's choice.",
)  # fmt: skip
PLAINTEXT = Row(
    "endpoint.plaintext", Severity.ERROR, "An endpoint is plain http.",
    "Credentials and tokens go there: publish it as https. Behind a proxy, configure the public address.",
)  # fmt: skip
ENDPOINT_MALFORMED = Row(
    "endpoint.malformed", Severity.ERROR, "An endpoint is no absolute URL.",
    "Publish the whole address, with scheme and host.",
)  # fmt: skip
ORIGIN = Row(
    "endpoint.origin", Severity.WARNING, "The token endpoint is at another host than the issuer.",
    "Both SDKs of MCP want it at the issuer's own origin, so that no metadata can send credentials elsewhere.",
)  # fmt: skip
KEYS_ELSEWHERE = Row(
    "endpoint.keys-elsewhere", Severity.NOTE, "The keys are at another host than the issuer.",
    "Nothing, if that host is meant: whoever has it can sign for this issuer.",
)  # fmt: skip
ROWS: Final = (
    *NAMED.values(), UNNAMED, MALFORMED, SHARED, FORMS_DIFFER, PLAINTEXT, ENDPOINT_MALFORMED, ORIGIN, KEYS_ELSEWHERE,
)  # fmt: skip

_ENDPOINTS: Final = (
    "token_endpoint", "authorization_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri",
)  # fmt: skip
_ALIKE: Final = ("issuer", "token_endpoint", "jwks_uri")
"""What a client goes by, whichever form it reads."""


def check(view: View) -> Iterator[Finding]:
    """Compares every identifier with what it must be."""
    for issuer in view.issuers:
        if issuer.malformed:
            yield MALFORMED.at(issuer.party, issuer.identifier, issuer.malformed)
        if issuer.metadata:
            yield from _named(issuer)
            yield from _forms(issuer)
            yield from _endpoints(issuer)
    if view.issuer is not None and view.server is not None and view.issuer.identifier == view.server.identifier:
        yield SHARED.at(Party.SERVER, view.server.identifier, f"both are {cut(view.server.identifier)}")


def _named(issuer: IssuerSeen) -> Iterator[Finding]:
    named = issuer.metadata.get("issuer")
    if not isinstance(named, str) or not named:
        yield UNNAMED.at(issuer.party, issuer.identifier, f"issuer is {cut(named)}")
    elif named != issuer.identifier:
        row = NAMED[difference(issuer.identifier, named)]
        yield row.at(issuer.party, issuer.identifier, compared(issuer.identifier, named))


def _forms(issuer: IssuerSeen) -> Iterator[Finding]:
    (first, reference), *others = issuer.usable.items()
    for name, exchange in others:
        for member in _ALIKE:
            one, other = (reference.members or {}).get(member), (exchange.members or {}).get(member)
            if one != other:
                evidence = f"{member} is {cut(one)} by {first} and {cut(other)} by {name}"
                yield FORMS_DIFFER.at(issuer.party, issuer.identifier, evidence)


def _endpoints(issuer: IssuerSeen) -> Iterator[Finding]:
    for member in _ENDPOINTS:
        value = issuer.metadata.get(member)
        if not isinstance(value, str):
            continue
        parts = split(value)
        try:
            check_web_address(value)
        except ValueError as fault:
            row = PLAINTEXT if parts.scheme == "http" and parts.netloc else ENDPOINT_MALFORMED
            yield row.at(issuer.party, issuer.identifier, f"{member} is {cut(value)}: {fault}")
            continue
        tokens = issuer.party is Party.SERVER and member == "token_endpoint"
        if (tokens or member == "jwks_uri") and origin(value) != origin(issuer.identifier):
            yield (ORIGIN if tokens else KEYS_ELSEWHERE).at(
                issuer.party, issuer.identifier, f"{member} is {cut(value)}"
            )
