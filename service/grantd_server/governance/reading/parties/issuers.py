"""Reads identity providers, grant issuers and authorization servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import ForeignIssuer, Server, Trust
from grantd_server.governance.reading.parties.counterparts import read_abroad, read_profile, read_required_claims
from grantd_server.governance.reading.parties.dpop import read_dpop, read_jwt_dpop
from grantd_server.governance.reading.parties.key_sources import NO_KEYS, read_algorithms, read_keys
from grantd_server.governance.reading.parties.saml_sign_on import check_same_people, read_saml
from grantd_server.governance.reading.rules.subject_rules import read_provider_subject, read_trust_subject
from grantd_server.governance.reading.rules.tenancy import read_account_claims, read_bound, read_source, read_tenants
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import GrantIssuer, IdentityProvider
from grantd_server.model.bundle.refresh_policy import RefreshPolicy

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node
    from grantd_server.model.bundle.saml import SamlSignOn

GRANT_LIFETIME = 300
"""Seconds; an ID-JAG lives no longer unless `allow_long_grants` says so."""
LONGEST_GRANT_LIFETIME = 900
TOKEN_LIFETIME = 900
TOKEN_LIFETIME_LIMIT = 3600
"""Seconds; an access token lives no longer unless `allow_long_tokens` says so."""
LONGEST_TOKEN_LIFETIME = 43200
LONGEST_ACCEPTED_GRANT = 3600
LONGEST_CLAIM_PATH = 8
LONGEST_SESSION = 90 * 86400
"""Seconds from a sign-in to the end of the last refresh token that descends from it."""

_ID_TOKENS = ("issuer", "keys", "algorithms")


def read_identity_provider(fields: Fields, name: str) -> IdentityProvider:
    """A provider signs people in with ID tokens, with SAML assertions, or with both."""
    read_profile(fields)
    saml = read_saml(fields)
    if saml is not None and not any(key in fields for key in _ID_TOKENS):
        return _without_id_tokens(fields, name, saml)
    algorithms, subject = read_algorithms(fields), read_provider_subject(fields)
    if saml is not None:
        check_same_people(fields, subject, saml)
    return IdentityProvider(
        name=name,
        issuer=fields.required("issuer", scalars.issuer, ""),
        keys=read_keys(fields, algorithms),
        algorithms=algorithms,
        subject=subject,
        saml=saml,
        groups_claim=_claim_path(fields, "groups_claim"),
        roles_claim=_claim_path(fields, "roles_claim"),
        claims=fields.each("claims", _claim, required=False),
        email_domains=fields.each("email_domains", scalars.domain, required=False),
        require_claims=read_required_claims(fields),
        tenant=read_source(fields),
    )


def _without_id_tokens(fields: Fields, name: str, saml: SamlSignOn) -> IdentityProvider:
    """What is said of ID tokens is left out, so that a key of it is unknown here."""
    return IdentityProvider(
        name=name,
        issuer=saml.entity_id,
        keys=NO_KEYS,
        algorithms=frozenset(),
        subject=saml.subject,
        saml=saml,
        email_domains=fields.each("email_domains", scalars.domain, required=False),
        tenant=read_source(fields),
    )


def read_grant_issuer(fields: Fields, name: str) -> GrantIssuer:
    return GrantIssuer(
        name=name,
        issuer=fields.required("issuer", scalars.issuer, ""),
        trust_domain=fields.required("trust_domain", scalars.name, ""),
        identity_providers=fields.each("identity_providers", scalars.name),
        algorithm=fields.optional("algorithm", scalars.algorithm, "ES256"),
        grant_lifetime=_lifetime(
            fields, "grant_lifetime", GRANT_LIFETIME, GRANT_LIFETIME, ("allow_long_grants", LONGEST_GRANT_LIFETIME)
        ),
        rules=name,
        tenants=read_tenants(fields),
        refresh_tokens=_refresh_tokens(fields),
        dpop=read_dpop(fields),
    )


def _refresh_tokens(fields: Fields) -> RefreshPolicy | None:
    """Without the key there are none."""
    inside = fields.inside("refresh_tokens")
    if inside is None:
        return None
    lifetime = inside.required("lifetime", scalars.seconds, 1)
    session = inside.optional("session", scalars.seconds, lifetime)
    inside.close()
    if session < lifetime:
        inside.wrong("session", "a session is no shorter than the life of one refresh token")
    if session > LONGEST_SESSION:
        key = "session" if "session" in inside else "lifetime"
        inside.wrong(key, f"more than {LONGEST_SESSION // 86400}d is never allowed; people sign in again")
    return RefreshPolicy(lifetime, session)


def read_trusted_issuer(fields: Fields, name: str) -> ForeignIssuer:
    read_profile(fields)
    algorithms = read_algorithms(fields)
    return ForeignIssuer(
        name=name,
        issuer=fields.required("issuer", scalars.issuer, ""),
        trust_domain=fields.required("trust_domain", scalars.name, ""),
        keys=read_keys(fields, algorithms),
        algorithms=algorithms,
        tenants=read_tenants(fields),
        require_claims=read_required_claims(fields),
    )


def read_server(fields: Fields, name: str) -> Server:
    """An authorization server: what is only ours is not read of a foreign one, and so
    is an unknown key there."""
    issuer = fields.required("issuer", scalars.issuer, "")
    trust_domain = fields.required("trust_domain", scalars.name, "")
    tenants, account_claims = read_bound(fields), read_account_claims(fields)
    if "foreign" in fields and fields.required("foreign", scalars.flag, True):
        return Server(
            *(name, issuer, trust_domain, True, "", 0, (), {}, tenants, account_claims),
            abroad=read_abroad(fields),
        )
    dpop = read_dpop(fields)
    return Server(
        name=name,
        issuer=issuer,
        trust_domain=trust_domain,
        foreign=False,
        algorithm=fields.optional("algorithm", scalars.algorithm, "ES256"),
        token_lifetime=_lifetime(
            fields,
            "token_lifetime",
            TOKEN_LIFETIME,
            TOKEN_LIFETIME_LIMIT,
            ("allow_long_tokens", LONGEST_TOKEN_LIFETIME),
        ),
        trusts=_trusts(fields),
        default_scopes={
            resource: fields.items_of(node, f"{fields.label}.default_scopes.{resource}", scalars.scope)
            for resource, node in fields.mapping("default_scopes").items()
        },
        tenants=tenants,
        account_claims=account_claims,
        dpop=dpop,
        jwt_dpop=read_jwt_dpop(fields, dpop),
    )


def _trusts(fields: Fields) -> tuple[Trust, ...]:
    if fields.node.at("trusts").value == {}:
        fields.wrong("trusts", "an authorization server that trusts nobody redeems nothing; name at least one issuer")
    return tuple(_trust(fields, name, node) for name, node in fields.mapping("trusts", required=True).items())


def _trust(server: Fields, name: str, node: Node) -> Trust:
    fields = server.below(node, f"trusts.{name}")
    known = fields.each("known_subjects", scalars.text, required=False)
    trust = Trust(
        name=name,
        resources=fields.each("resources", scalars.name),
        max_lifetime=fields.optional("max_lifetime", scalars.seconds, GRANT_LIFETIME),
        reuse_limit=fields.optional("reuse_limit", scalars.count, 1),
        resource_claim=fields.optional("resource_claim", _resource_claim, True),
        subject=read_trust_subject(fields),
        known_subjects=frozenset(known) if "known_subjects" in fields else None,
        node=node,
        tenants=fields.each("tenants", scalars.tenant, required=False),
    )
    if not trust.resource_claim and len(trust.resources) > 1:
        fields.wrong("resource_claim", "with several resources a grant has to say which; optional is for exactly one")
    if trust.max_lifetime > LONGEST_ACCEPTED_GRANT:
        fields.wrong("max_lifetime", f"grants that live longer than {LONGEST_ACCEPTED_GRANT}s are not accepted")
    fields.close()
    return trust


def _resource_claim(node: Node) -> bool:
    """Whether a grant has to name its resource."""
    if node.value not in ("required", "optional"):
        raise Wrong('"required" or "optional" is expected')
    return node.value == "required"


def _claim_path(fields: Fields, key: str) -> tuple[str, ...] | None:
    """A claim, or the way to one inside others as a list: a name may have dots in it."""
    if not isinstance(fields.node.at(key).value, list):
        name = fields.optional(key, scalars.text, None)
        return None if name is None else (name,)
    path = fields.each(key, scalars.text)
    if len(path) > LONGEST_CLAIM_PATH:
        fields.wrong(key, f"a way of at most {LONGEST_CLAIM_PATH} claims is expected")
    return path or None


def _claim(node: Node) -> str:
    claim = scalars.text(node)
    if claim in {"email", "email_verified"}:
        raise Wrong("an address is no attribute; name people as PROVIDER:mailto:ADDRESS and declare email_domains")
    return claim


def _lifetime(fields: Fields, key: str, default: int, limit: int, override: tuple[str, int]) -> int:
    switch, cap = override
    lifetime = fields.optional(key, scalars.seconds, default)
    longer = fields.optional(switch, scalars.flag, False)
    if lifetime > cap:
        fields.wrong(key, f"more than {cap}s is never allowed")
    elif lifetime > limit and not longer:
        fields.wrong(key, f"more than {limit}s needs {switch}: true beside it")
    return lifetime
