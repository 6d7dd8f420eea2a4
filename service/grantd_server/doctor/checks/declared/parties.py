"""The bundle's identity providers, issuers and servers: identifiers, keys, algorithms, trust."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from grantd import jwk
from grantd_server.doctor.checks.keys.algorithms import signs
from grantd_server.doctor.checks.keys.published import thumbprints
from grantd_server.doctor.checks.spelling import difference
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, IdentityProvider, TrustedIssuer

_PROOFS: Final = "dpop_signing_alg_values_supported"
_EXACT: Final = "Write the identifier into the bundle exactly as the party publishes it, and apply the bundle."

PROVIDER = Row("governance.provider", Severity.ERROR, "The bundle does not know the identity provider.", _EXACT)
ISSUER = Row("governance.issuer", Severity.ERROR, "The bundle does not know the grant issuer.", _EXACT)
SERVER = Row("governance.server", Severity.ERROR, "The bundle does not know the authorization server.", _EXACT)
KEYS = Row(
    "governance.keys", Severity.ERROR, "None of the keys in the bundle is published.",
    "Copy the published keys into the bundle, or let it fetch them: discovery: true.",
)  # fmt: skip
KEYS_PARTIAL = Row(
    "governance.keys-partial", Severity.WARNING, "A published key is not in the bundle.",
    "Copy it before it signs, or let the bundle fetch keys: discovery: true.",
)  # fmt: skip
KEYS_WITHDRAWN = Row(
    "governance.keys-withdrawn", Severity.WARNING, "The bundle has a key that is not published any more.",
    "Take it out, unless it is about to be published: whoever has it can sign for the party.",
)  # fmt: skip
JWKS_URI = Row(
    "governance.jwks-uri", Severity.WARNING, "The bundle fetches keys from elsewhere than the party says.",
    "Use the published address, or discovery: true.",
)  # fmt: skip
ALGORITHMS = Row(
    "governance.algorithms", Severity.ERROR, "The bundle accepts no algorithm that the party signs with.",
    "Add the algorithm to `algorithms` of the party in the bundle.",
)  # fmt: skip
SIGNING = Row(
    "governance.signing", Severity.ERROR, "The issuer of the bundle has no live key for its algorithm.",
    "Apply the bundle to the service that answers here, or make the key: grantd keys create.",
)  # fmt: skip
PROOFS = Row(
    "governance.dpop", Severity.WARNING, "Bundle and live issuer do not say the same of proofs of possession.",
    "Apply the bundle to the service that answers here: clients go by what it publishes.",
)  # fmt: skip
SIGN_INS = Row(
    "governance.sign-ins", Severity.ERROR, "The grant issuer of the bundle takes no sign-ins of the identity provider.",
    "Add the provider to `identity_providers` of the grant issuer.",
)  # fmt: skip
TRUST = Row(
    "governance.trust", Severity.ERROR, "The authorization server of the bundle does not trust the grant issuer for this.",
    "Add the issuer to `trusts` of the authorization server, with the MCP server among its resources.",
)  # fmt: skip
REPLAY = Row(
    "governance.replay", Severity.NOTE, "How often the bundle lets a grant of this issuer be redeemed.",
    "Nothing; 1 is what the MCP extension wants.",
)  # fmt: skip
ROWS: Final = (
    PROVIDER, ISSUER, SERVER, KEYS, KEYS_PARTIAL, KEYS_WITHDRAWN, JWKS_URI, ALGORITHMS, SIGNING, PROOFS, SIGN_INS, TRUST,
    REPLAY,
)  # fmt: skip


def check(view: View) -> Iterator[Finding]:
    """Compares every party that was asked with what the bundle has of it."""
    if view.declared is None:
        return
    if view.provider is not None:
        yield from _provider(view.declared, view.provider)
    if view.issuer is not None:
        yield from _issuer(view.declared, view.issuer)
        yield from _sign_ins(view, view.declared, view.issuer)
    if view.server is not None:
        yield from _server(view, view.declared, view.server)


def unknown(row: Row, party: Party, identifier: str, known: Iterable[str]) -> Finding:
    """What is asked and not in the bundle; with what is nearly the same, if there is."""
    others = sorted(known)
    near = next((each for each in others if difference(identifier, each) != "differs"), "")
    return row.at(party, identifier, f"the bundle has {cut(near) if near else listed(others)}")


def _provider(declared: Snapshot, seen: IssuerSeen) -> Iterator[Finding]:
    known = {provider.issuer: provider for provider in declared.identity_providers.values()}
    provider = known.get(seen.identifier)
    if provider is None:
        yield unknown(PROVIDER, Party.BUNDLE, seen.identifier, known)
    else:
        yield from _accepted(seen, provider)


def _issuer(declared: Snapshot, seen: IssuerSeen) -> Iterator[Finding]:
    ours = declared.grant_issuers.get(seen.identifier)
    if ours is not None:
        yield from _signing(seen, ours.algorithm)
        yield from _proofs(seen, ours.dpop is not None)
    elif not _known(declared, seen.identifier):
        trusted = {issuer for server in declared.authorization_servers.values() for issuer in server.trusted}
        yield unknown(ISSUER, Party.BUNDLE, seen.identifier, trusted | declared.grant_issuers.keys())


def _server(view: View, declared: Snapshot, seen: IssuerSeen) -> Iterator[Finding]:
    server = declared.authorization_servers.get(seen.identifier)
    if server is not None:
        yield from _signing(seen, server.algorithm)
        yield from _proofs(seen, server.dpop is not None)
        yield from _trust(view, declared, server)
    elif seen.identifier not in declared.foreign_servers:
        known = declared.authorization_servers.keys() | declared.foreign_servers.keys()
        yield unknown(SERVER, Party.BUNDLE, seen.identifier, known)


def _signing(seen: IssuerSeen, algorithm: str) -> Iterator[Finding]:
    found = signs(seen)
    if found and algorithm not in found:
        yield SIGNING.at(Party.BUNDLE, seen.identifier, f"{algorithm}; the live keys are for {listed(sorted(found))}")


def _proofs(seen: IssuerSeen, declared: bool) -> Iterator[Finding]:
    live = bool(seen.texts(_PROOFS))
    if seen.metadata and live is not declared:
        yield PROOFS.at(
            Party.BUNDLE,
            seen.identifier,
            f"{_PROOFS} is {'there' if live else 'not there'}, dpop is {'on' if declared else 'off'}",
        )


def _sign_ins(view: View, declared: Snapshot, seen: IssuerSeen) -> Iterator[Finding]:
    ours = declared.grant_issuers.get(seen.identifier)
    if ours is None or view.provider is None:
        return
    provider = next(
        (each for each in declared.identity_providers.values() if each.issuer == view.provider.identifier), None
    )
    if provider is not None and provider.name not in ours.identity_providers:
        evidence = f"{cut(provider.name)} ({cut(provider.issuer)}) is not among {listed(ours.identity_providers)}"
        yield SIGN_INS.at(Party.BUNDLE, seen.identifier, evidence)


def _trust(view: View, declared: Snapshot, server: AuthorizationServer) -> Iterator[Finding]:
    if view.issuer is None or not _known(declared, view.issuer.identifier):
        return
    trusted = server.trusted.get(view.issuer.identifier)
    if trusted is None:
        yield unknown(TRUST, Party.BUNDLE, view.issuer.identifier, server.trusted)
        return
    yield REPLAY.at(Party.BUNDLE, view.issuer.identifier, f"{trusted.reuse_limit} times")
    if view.issuer.identifier not in declared.grant_issuers:
        yield from _accepted(view.issuer, trusted)
    resource = None if view.resource is None else declared.resource_at(server.name, view.resource.identifier)
    if resource is not None and resource.name not in trusted.resources:
        evidence = f"{cut(resource.name)} is not among {listed(sorted(trusted.resources))}"
        yield TRUST.at(Party.BUNDLE, view.issuer.identifier, evidence)


def _known(declared: Snapshot, issuer: str) -> bool:
    """Whether a grant issuer is ours, or somebody trusts it."""
    trusting = any(issuer in server.trusted for server in declared.authorization_servers.values())
    return trusting or issuer in declared.grant_issuers


def _accepted(seen: IssuerSeen, party: IdentityProvider | TrustedIssuer) -> Iterator[Finding]:
    found = signs(seen)
    if found and not found & party.algorithms:
        evidence = f"accepts {listed(sorted(party.algorithms))}, signs with {listed(sorted(found))}"
        yield ALGORITHMS.at(Party.BUNDLE, seen.identifier, evidence)
    if party.keys is None:
        return
    if party.keys.jwks is not None:
        yield from _pinned(seen, party.keys.jwks)
    live = seen.text("jwks_uri")
    if party.keys.jwks_uri is not None and live and party.keys.jwks_uri != live:
        evidence = f"the bundle has {cut(party.keys.jwks_uri)}, the metadata {cut(live)}"
        yield JWKS_URI.at(Party.BUNDLE, seen.identifier, evidence)


def _pinned(seen: IssuerSeen, jwks: str) -> Iterator[Finding]:
    pinned = {jwk.thumbprint(key) for key in json.loads(jwks)["keys"]}
    live = dict(thumbprints(seen.keys))
    if not live:
        return
    withdrawn = [key.get("kid") for key in json.loads(jwks)["keys"] if jwk.thumbprint(key) not in live]
    if withdrawn and len(withdrawn) < len(pinned):
        yield KEYS_WITHDRAWN.at(Party.BUNDLE, seen.identifier, f"not published: {listed(withdrawn)}")
    lacking = [kid for thumbprint, kid in live.items() if thumbprint not in pinned]
    if len(lacking) == len(live):
        yield KEYS.at(Party.BUNDLE, seen.identifier, f"published are {listed(lacking)}")
    elif lacking:
        yield KEYS_PARTIAL.at(Party.BUNDLE, seen.identifier, f"not in the bundle: {listed(lacking)}")
