"""Reads what is registered: resources, resource servers and clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_REFRESH_TOKEN, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import AskingServer, At, Client
from grantd_server.governance.reading.parties.credentials import known_by_document, read_client_proofs, read_proofs
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import Resource
from grantd_server.model.bundle.scopes import ScopeSignIn
from grantd_server.model.bundle.tenants import split_place

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

_OURS_ALONE = (
    "authentication",
    "grant_types",
    "sso",
    "identity_providers",
    "reuse_limit",
    "tenants",
    "dpop_bound_access_tokens",
)
"""Keys of a client that a foreign server knows for itself."""
GRANT_TYPES = {
    "token-exchange": GRANT_TYPE_TOKEN_EXCHANGE,
    "jwt-bearer": GRANT_TYPE_JWT_BEARER,
    "refresh-token": GRANT_TYPE_REFRESH_TOKEN,
}


def read_resource(fields: Fields, name: str) -> Resource:
    scopes = frozenset(fields.each("scopes", scalars.scope))
    default_scopes = fields.each("default_scopes", scalars.scope, required=False)
    for stray in sorted(set(default_scopes) - scopes):
        fields.wrong("default_scopes", f'"{stray}" is not among the scopes of this resource')
    return Resource(
        name=name,
        uri=fields.required("uri", scalars.resource_uri, ""),
        aliases=fields.each("aliases", scalars.resource_uri, required=False),
        authorization_server=fields.required("authorization_server", scalars.name, ""),
        scopes=scopes,
        default_scopes=default_scopes,
        sign_in=_sign_in(fields, scopes),
    )


def _sign_in(fields: Fields, scopes: frozenset[str]) -> dict[str, ScopeSignIn]:
    """`sign_in`: by scope, the sign-in that it needs."""
    found = {}
    for scope, node in fields.mapping("sign_in").items():
        inside = fields.below(node, f"sign_in.{scope}")
        found[scope] = ScopeSignIn(
            acr=inside.each("acr", scalars.text, required=False),
            max_auth_age=inside.optional("max_auth_age", scalars.seconds, None),
            since=inside.optional("since", scalars.instant, None),
        )
        inside.close()
        if inside.sound and found[scope] == ScopeSignIn():
            inside.wrong("", "nothing is demanded; say acr, max_auth_age or since")
        if scope not in scopes:
            fields.wrong("sign_in", f'"{scope}" is not among the scopes of this resource')
    return found


def read_resource_server(fields: Fields, name: str) -> AskingServer:
    return AskingServer(
        name=name,
        at=fields.required("at", scalars.name, ""),
        client_id=fields.required("client_id", scalars.client_id, ""),
        proofs=read_proofs(fields),
        resources=fields.each("resources", scalars.name),
    )


def read_client(fields: Fields, name: str, foreign: Collection[str]) -> Client:
    """A client; `foreign` are the servers at which it only has an id."""
    places = fields.mapping("at", required=True).items()
    return Client(name, tuple(_at(fields.below(node, f"at.{where}"), where, foreign) for where, node in places))


def _at(fields: Fields, place: str, foreign: Collection[str]) -> At:
    where, tenant = split_place(place)
    if where in foreign:
        client_id = fields.required("client_id", scalars.foreign_client_id, "")
        hint = f"{where} is foreign: it authenticates the client itself, and only client_id is said here"
        fields.close(dict.fromkeys(_OURS_ALONE, hint))
        return At(where, client_id, (), frozenset(), {}, None, None, fields.node, tenant=tenant)
    tenants = fields.each("tenants", scalars.text, required=False)
    by_document = known_by_document(fields)
    providers = fields.each("identity_providers", scalars.name, required=False)
    at = At(
        name=where,
        client_id=fields.required("client_id", scalars.document_url if by_document else scalars.client_id, ""),
        proofs=read_client_proofs(fields),
        grant_types=_grant_types(fields),
        sso={
            provider: frozenset(fields.items_of(node, f"{fields.label}.sso.{provider}", scalars.text))
            for provider, node in fields.mapping("sso").items()
        },
        identity_providers=providers if "identity_providers" in fields else None,
        reuse_limit=fields.optional("reuse_limit", scalars.count, None),
        node=fields.node,
        tenant=tenant,
        tenants=tenants if "tenants" in fields else None,
        dpop_bound=fields.optional("dpop_bound_access_tokens", scalars.flag, False),
    )
    fields.close()
    return at


def _grant_types(fields: Fields) -> frozenset[str]:
    """What the client may do here. An empty list is said on purpose: a client that is
    known and authenticates, and may use no grant (D-16)."""
    if fields.node.at("grant_types").value == []:
        return fields.optional("grant_types", lambda _: frozenset(), frozenset())
    return frozenset(fields.each("grant_types", _grant_type))


def _grant_type(node: Node) -> str:
    value = node.value
    if not isinstance(value, str) or value not in GRANT_TYPES:
        raise Wrong(f"one of {', '.join(GRANT_TYPES)} is expected")
    return GRANT_TYPES[value]
