"""The client at each party: a method of authentication in common, and who it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd.strict import Fault
from grantd_server.checks import GRANT_TYPE_JWT_BEARER
from grantd_server.doctor.checks.answered.documents import outcome
from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity, cut, listed
from grantd_server.keys.foreign.client_metadata import read_client_metadata
from grantd_server.keys.foreign.fetch import Fetched
from grantd_server.model.uris import check_document_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

DISJOINT = Row(
    "methods.disjoint", Severity.ERROR, "The client has no method of authentication that this party takes.",
    "Register the client with one of the listed methods, or switch on one that it has.",
)  # fmt: skip
PUBLIC = Row(
    "methods.public", Severity.ERROR, "This party takes clients without credentials only.",
    "Authenticate clients: otherwise a stolen sign-in or grant is all that an attacker needs.",
)  # fmt: skip
SIGNING = Row(
    "methods.signing-algorithms", Severity.WARNING, "Client assertions are taken, and it is not said under which algorithms.",
    "Publish `token_endpoint_auth_signing_alg_values_supported` (RFC 8414 section 2).",
)  # fmt: skip
IN_COMMON = Row(
    "methods.in-common", Severity.NOTE, "How the client can authenticate here.",
    "Prefer private_key_jwt: nothing that is sent can be used again.",
    OWNER[Party.CLIENT],
)  # fmt: skip
SAME_ID = Row(
    "client.same-id", Severity.NOTE, "The client has one id at grant issuer and authorization server.",
    "Nothing, if it was registered so at both; the grant must name the client's id at the authorization server.",
    OWNER[Party.ISSUER],
)  # fmt: skip
UNSUPPORTED = Row(
    "client.documents-unsupported", Severity.ERROR, "The client is known by its metadata document, which the server does not take.",
    "Register the client there by hand, or switch client metadata documents on.",
    OWNER[Party.SERVER],
)  # fmt: skip
DOCUMENT = Row(
    "client.document", Severity.ERROR, "The client's metadata document cannot be used.",
    "Serve it at the client id, with that id in it byte for byte, with private_key_jwt and its keys.",
)  # fmt: skip
GRANTS = Row(
    "client.grants", Severity.WARNING, "The client's metadata document leaves out the grant type of the second leg.",
    f"List {GRANT_TYPE_JWT_BEARER} in its `grant_types`, or no list: servers hold clients to it.",
)  # fmt: skip
ROWS: Final = (DISJOINT, PUBLIC, SIGNING, IN_COMMON, SAME_ID, UNSUPPORTED, DOCUMENT, GRANTS)

_ALGORITHMS: Final = "token_endpoint_auth_signing_alg_values_supported"


def check(view: View) -> Iterator[Finding]:
    """Compares what the client can do and is with what each party takes."""
    for issuer in (view.issuer, view.server):
        if issuer is not None and issuer.metadata:
            yield from _methods(issuer, view.setup.client.methods)
    client = view.setup.client
    if client.at_grant_issuer and client.at_grant_issuer == client.at_authorization_server:
        yield SAME_ID.at(Party.CLIENT, client.at_grant_issuer)
    if view.client_document is not None:
        yield from _document(view, view.client_document, client.at_authorization_server)


def _methods(issuer: IssuerSeen, ours: tuple[str, ...]) -> Iterator[Finding]:
    theirs = issuer.methods
    common = [method for method in ours if method in theirs]
    if set(theirs) == {"none"}:
        yield PUBLIC.at(issuer.party, issuer.identifier, "token_endpoint_auth_methods_supported: 'none'")
    elif not common:
        yield DISJOINT.at(issuer.party, issuer.identifier, f"client: {listed(ours)}; taken are {listed(theirs)}")
    else:
        yield IN_COMMON.at(issuer.party, issuer.identifier, listed(common))
    if "private_key_jwt" in theirs and not issuer.metadata.get(_ALGORITHMS):
        yield SIGNING.at(issuer.party, issuer.identifier, listed(theirs))


def _document(view: View, exchange: Exchange, client_id: str) -> Iterator[Finding]:
    server = view.server
    if (
        server is not None
        and server.metadata
        and server.metadata.get("client_id_metadata_document_supported") is not True
    ):
        yield UNSUPPORTED.at(Party.CLIENT, client_id, "client_id_metadata_document_supported is not true")
    if why := _unusable(exchange, client_id):
        yield DOCUMENT.at(Party.CLIENT, client_id, why)
        return
    listed_grants = (exchange.members or {}).get("grant_types")
    if isinstance(listed_grants, list) and GRANT_TYPE_JWT_BEARER not in listed_grants:
        yield GRANTS.at(Party.CLIENT, client_id, f"grant_types: {listed(listed_grants)}")


def _unusable(exchange: Exchange, client_id: str) -> str:
    """Why a document is not used; read by the same code that serves grantd's own clients."""
    if exchange.answer is None or exchange.status != 200:
        return outcome(exchange)
    media_type = exchange.header("content-type").partition(";")[0].strip().lower()
    try:
        check_document_url(client_id)
        read_client_metadata(Fetched(exchange.answer.body, None, media_type), client_id)
    except ValueError as fault:
        return f"{cut(client_id)}: {fault}"
    except Fault as fault:
        return str(fault)
    return ""
