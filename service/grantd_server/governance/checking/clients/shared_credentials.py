"""Each credential belongs to one client, or one resource server, at one issuer.

The draft keeps two trust domains apart; a credential that works in both would join
them (draft-ietf-oauth-identity-assertion-authz-grant section 8.3), and within one
domain a shared credential makes two parties one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.reading.declared import Secret, sound
from grantd_server.model.certificates import CertificateCredential
from grantd_server.model.registered import KeyCredential, PeerCredential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Proof


class Holder(NamedTuple):
    """Somebody who authenticates somewhere."""

    label: str
    trust_domain: str
    proofs: tuple[Proof, ...]


def holders(bundle: Bundle) -> Iterator[Holder]:
    """Every client and resource server at every place of ours."""
    domains = domains_of(bundle)
    for client, declared in sound(bundle.clients):
        for at in client.at:
            yield Holder(f"{declared.label}.at.{at.place}", domains.get(at.name, ""), at.proofs)
    for server, asking in sound(bundle.resource_servers):
        yield Holder(asking.label, domains.get(server.at, ""), server.proofs)


def domains_of(bundle: Bundle) -> dict[str, str]:
    """Trust domain by the name of a grant issuer or authorization server."""
    found = {issuer.name: issuer.trust_domain for issuer, _ in sound(bundle.grant_issuers)}
    return found | {server.name: server.trust_domain for server, _ in sound(bundle.authorization_servers)}


def check_shared(bundle: Bundle, faults: Faults, digest: Callable[[Secret], bytes | None]) -> None:
    """Refuses a credential in two places. `digest` gives what is known of a secret."""
    seen: dict[tuple[str, str], Holder] = {}
    for holder in holders(bundle):
        for proof in holder.proofs:
            for key in _identities(proof, digest):
                if key in seen:
                    faults.add(proof.node, holder.label, _sentence(key[0], holder, seen[key]))
                seen.setdefault(key, holder)


def secret_identity(secret: Secret, digest: bytes | None) -> tuple[str, str]:
    """By digest where it is known; the same reference is the same secret anyway."""
    return ("secret", str(secret.reference)) if digest is None else ("secret", digest.hex())


def _identities(proof: Proof, digest: Callable[[Secret], bytes | None]) -> list[tuple[str, str]]:
    credential = proof.credential
    if isinstance(credential, Secret):
        return [secret_identity(credential, digest(credential))]
    if isinstance(credential, KeyCredential):
        keys = [("key", thumbprint) for thumbprint in sorted(proof.thumbprints)]
        return keys + ([("jwks_uri", credential.keys.jwks_uri)] if credential.keys.jwks_uri else [])
    if isinstance(credential, PeerCredential):
        return [("peer", credential.identity)]
    if isinstance(credential, CertificateCredential):
        return [("certificate", f"{credential.name.value} {credential.value}")]
    # A client with a metadata document has one id and one key for every issuer of the
    # world; what it signs names one of them as its sole audience (D-08).
    return []


_WORDS: Mapping[str, str] = {
    "secret": "a client secret",
    "key": "a client key",
    "jwks_uri": "a client's jwks_uri",
    "peer": "a TLS identity",
    "certificate": "the name of a client certificate",
}


def _sentence(kind: str, holder: Holder, first: Holder) -> str:
    if holder is first:
        return f"{_WORDS[kind]} is repeated"
    if holder.trust_domain != first.trust_domain:
        domains = f"{first.trust_domain} and {holder.trust_domain}"
        return f"the trust domains {domains} share {_WORDS[kind]}, which {first.label} has already"
    return f"{_WORDS[kind]} belongs to one party at one issuer, and {first.label} has this one already"
