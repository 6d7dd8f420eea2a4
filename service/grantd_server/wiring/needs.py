"""What a bundle needs beside itself: keys of ours, and secrets."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING

from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import Needed
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.settings import issuer_problems, issuers_of

if TYPE_CHECKING:
    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.keys.own.ring import KeyRing
    from grantd_server.settings import Settings


def needed_keys(snapshot: Snapshot) -> list[Needed]:
    """The keys that a bundle asks for: one purpose each (C-10)."""
    grants = [Needed(g.issuer, Purpose.GRANT_SIGNING, g.algorithm) for g in snapshot.grant_issuers.values()]
    tokens = [Needed(s.issuer, Purpose.ACCESS_TOKEN, s.algorithm) for s in snapshot.authorization_servers.values()]
    pairwise = any(p.subject.rule is SubjectRule.PAIRWISE for p in snapshot.identity_providers.values())
    return grants + tokens + ([Needed("", Purpose.PAIRWISE, "HS256")] if pairwise else []) + _nonce_keys(snapshot)


def _nonce_keys(snapshot: Snapshot) -> list[Needed]:
    policies = [issuer.dpop for issuer in snapshot.grant_issuers.values()]
    policies += [server.dpop for server in snapshot.authorization_servers.values()]
    wanted = any(policy is not None and policy.nonces for policy in policies)
    return [Needed("", Purpose.DPOP_NONCE, "HS256")] if wanted else []


def short_of(settings: Settings, ring: KeyRing | None, snapshot: Snapshot) -> list[str]:
    """What a bundle needs and is not there, and would not be made; nothing is made here.
    Keys that cannot be looked at are taken for granted."""
    problems = issuer_problems(issuers_of(snapshot), development=settings.development)
    if ring is not None and not settings.keys.auto_create:
        problems += ring.lacking(needed_keys(snapshot))
    return problems


def any_secret(reference: SecretReference) -> bytes:  # noqa: ARG001 - as every resolver
    """Stands for a secret that is not looked at; never the same twice."""
    return token_urlsafe(32).encode()
