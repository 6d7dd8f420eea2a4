"""How those are refused who bring nothing: the challenge of the MCP server, and the
answers of the token endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.answered.documents import outcome, served, typed
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed
from grantd_server.doctor.reading.addresses import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View

OPEN = Row(
    "resource.open", Severity.ERROR, "The MCP server answers a call without a token.",
    "Check the token of every request, also of the first one.",
)  # fmt: skip
ANY_TOKEN = Row(
    "resource.any-token", Severity.ERROR, "The MCP server answers a call with something that is no token.",
    "Verify signature, issuer, audience and time of every token.",
)  # fmt: skip
BAD_TOKEN = Row(
    "resource.bad-token", Severity.WARNING, "The MCP server does not answer a bad token with 401.",
    'Answer 401 with error="invalid_token": clients then ask for a fresh token.',
)  # fmt: skip
STATUS = Row(
    "resource.status", Severity.ERROR, "The MCP server does not answer a call without a token with 401.",
    "Answer 401 with a challenge: it is how clients learn where to go.",
)  # fmt: skip
MISSING = Row(
    "challenge.missing", Severity.ERROR, "The MCP server refuses without a challenge.",
    'Send WWW-Authenticate: Bearer resource_metadata="..." with the 401.',
)  # fmt: skip
MALFORMED = Row(
    "challenge.malformed", Severity.ERROR, "The challenge cannot be read.",
    "Write it as RFC 9110 section 11.6.1 has it: quotes closed, commas between attributes, each of them once.",
)  # fmt: skip
NO_METADATA = Row(
    "challenge.no-metadata", Severity.WARNING, "The challenge does not say where the metadata are.",
    'Add resource_metadata="...": clients that cannot guess a well-known path need it.',
)  # fmt: skip
ELSEWHERE = Row(
    "challenge.elsewhere", Severity.ERROR, "The challenge names metadata at another host.",
    "Name the MCP server's own well-known address; behind a proxy, configure the public one.",
)  # fmt: skip
ERROR = Row(
    "challenge.error", Severity.NOTE, "The challenge names an error although no token was sent.",
    "Leave `error` out where there was no token (RFC 6750 section 3.1).",
)  # fmt: skip
TOKEN_ANSWER = Row(
    "token.answer", Severity.ERROR, "The token endpoint does not refuse as OAuth does.",
    "Take POST there, and refuse with 400 or 401 and a JSON object that has `error`.",
)  # fmt: skip
TOKEN_OPEN = Row(
    "token.open", Severity.ERROR, "The token endpoint answers with a token to somebody without credentials.",
    "Authenticate the client and demand a grant before a token is made.",
)  # fmt: skip
TOKEN_GRANT = Row(
    "token.grant", Severity.ERROR, "The token endpoint does not know the grant type of this leg.",
    "Switch the grant type on; the metadata may list it all the same.",
)  # fmt: skip
TOKEN_CACHE = Row(
    "token.cache", Severity.WARNING, "Answers of the token endpoint may be kept by caches.",
    "Send Cache-Control: no-store with every answer, refusals too (RFC 6749 section 5).",
)  # fmt: skip
TOKEN_CACHE_SILENT = Row(
    "token.cache-silent", Severity.NOTE, "Nothing forbids caches to keep a refusal of the token endpoint.",
    "Send Cache-Control: no-store with every answer; --probe sees whether tokens come with it.",
)  # fmt: skip
ROWS: Final = (
    OPEN, ANY_TOKEN, BAD_TOKEN, STATUS, MISSING, MALFORMED, NO_METADATA, ELSEWHERE, ERROR, TOKEN_ANSWER,
    TOKEN_OPEN, TOKEN_GRANT, TOKEN_CACHE, TOKEN_CACHE_SILENT,
)  # fmt: skip


def check(view: View) -> Iterator[Finding]:
    """Judges every refusal."""
    for issuer in view.issuers:
        yield from _token(issuer)
    if view.resource is not None and not view.resource.malformed:
        yield from _called(view.resource)
        yield from _called_with_token(view.resource)


def _token(issuer: IssuerSeen) -> Iterator[Finding]:
    asked = issuer.token
    if asked is None:
        return
    if asked.failure is not None:
        yield from served(issuer.party, asked)
        return
    # What is answered with another status is no less an object that was read.
    members = asked.members or {}
    error = members.get("error")
    if asked.status == 200 and isinstance(members.get("access_token"), str):
        yield TOKEN_OPEN.at(issuer.party, asked.url, f"status 200; there are {listed(sorted(members))}")
        return
    if error == "unsupported_grant_type":
        yield TOKEN_GRANT.at(issuer.party, asked.url, f"status {asked.status}, {cut(error)}")
    if asked.status not in {400, 401} or not isinstance(error, str):
        yield TOKEN_ANSWER.at(issuer.party, asked.url, outcome(asked))
        return
    yield from typed(issuer.party, asked)
    control = asked.header("cache-control")
    if "no-store" not in control.lower():
        row = TOKEN_CACHE if control else TOKEN_CACHE_SILENT
        yield row.at(issuer.party, asked.url, f"Cache-Control: {cut(control)}")


def _called(resource: ResourceSeen) -> Iterator[Finding]:
    called = resource.called
    if called is None:
        return
    if called.failure is not None:
        yield from served(Party.RESOURCE, called)
    elif 200 <= called.status < 300:
        yield OPEN.at(Party.RESOURCE, resource.identifier, f"status {called.status}")
    elif called.status != 401:
        yield STATUS.at(Party.RESOURCE, resource.identifier, f"status {called.status}")
    else:
        yield from _challenge(resource)


def _challenge(resource: ResourceSeen) -> Iterator[Finding]:
    where = resource.identifier
    sent = "" if resource.called is None else resource.called.header("www-authenticate")
    if resource.challenges is None:
        yield MALFORMED.at(Party.RESOURCE, where, f"WWW-Authenticate: {cut(sent, 200)}")
    elif resource.challenge is None:
        schemes = listed([each.scheme for each in resource.challenges])
        yield MISSING.at(Party.RESOURCE, where, f"schemes: {schemes}")
    elif not resource.named_metadata:
        yield NO_METADATA.at(Party.RESOURCE, where, f"WWW-Authenticate: {cut(sent, 200)}")
    elif origin(resource.named_metadata) != origin(where):
        yield ELSEWHERE.at(Party.RESOURCE, where, f"resource_metadata is {cut(resource.named_metadata)}")
    if resource.challenge is not None and (error := resource.challenge.attributes.get("error")):
        yield ERROR.at(Party.RESOURCE, where, f"error is {cut(error)}")


def _called_with_token(resource: ResourceSeen) -> Iterator[Finding]:
    called = resource.called_with_token
    if called is None or called.failure is not None:
        return
    if 200 <= called.status < 300:
        yield ANY_TOKEN.at(Party.RESOURCE, resource.identifier, f"status {called.status}")
    elif called.status != 401:
        yield BAD_TOKEN.at(Party.RESOURCE, resource.identifier, f"status {called.status}")
