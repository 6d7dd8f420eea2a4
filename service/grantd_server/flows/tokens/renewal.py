"""Refresh tokens of ours as they are made: from a sign-in, and in place of another."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from grantd_server.checks import RENEWAL_SCOPES, digest, scope_names
from grantd_server.keys.sealing import seal
from grantd_server.refusals import Reason
from grantd_server.store.refresh_tokens import RefreshToken
from grantd_server.subjects.refresh_token import PREFIX
from grantd_server.subjects.remembered import remember

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.model.bundle.refresh_policy import RefreshPolicy
    from grantd_server.model.registered import Registration
    from grantd_server.subjects.identity import Identity


def make_refresh_token(
    record: Record, policy: RefreshPolicy, client: Registration, identity: Identity, now: int
) -> tuple[str, RefreshToken]:
    """A fresh token and what is kept of it; it replaces the one that `identity` was
    read from, if any, and never outlives that one's family."""
    raw = PREFIX + secrets.token_urlsafe(32)
    parent = identity.renewed
    family = secrets.token_hex(32) if parent is None else parent.family
    family_expires = now + policy.session if parent is None else parent.family_expires
    kept = RefreshToken(
        digest=digest(raw),
        family=family,
        parent=None if parent is None else parent.digest,
        issuer=client.issuer,
        client_id=client.client_id,
        issued=now,
        expires=min(now + policy.lifetime, family_expires),
        family_expires=family_expires,
        sealed=seal(raw, remember(identity)),
    )
    record.family = record.chain = family
    record.token_hash, record.expires = kept.digest.hex(), kept.expires
    return raw, kept


def check_renewal_scope(record: Record, raw_scope: str | None) -> tuple[str, ...]:
    """The scopes asked beside a refresh token (A-34); none of a resource."""
    if raw_scope is None:
        return ()
    try:
        scopes = scope_names(raw_scope)
    except ValueError as malformed:
        raise record.refuse("request.scope", Reason.SCOPE_MALFORMED, "RFC 6749 scopes", str(malformed)) from None
    record.scopes_asked = scopes
    known = RENEWAL_SCOPES.issuperset(scopes)
    record.require("request.scope", known, Reason.SCOPE_UNKNOWN, sorted(RENEWAL_SCOPES), list(scopes))
    return scopes
