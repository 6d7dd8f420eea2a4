"""A refresh token of ours as subject token: what is kept of the sign-in behind it.

draft-ietf-oauth-identity-assertion-authz-grant section 4.3.3; RFC 9700 section 4.14.2
for a token that comes again after it was rotated.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_REFRESH_TOKEN, TOKEN_TYPE_REFRESH_TOKEN, digest
from grantd_server.keys.sealing import Unsealable, unseal
from grantd_server.refusals import Reason
from grantd_server.store import Tombstone
from grantd_server.subjects.remembered import Outdated, recall

if TYPE_CHECKING:
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.subjects.identity import Identity, Reading

PREFIX = "grt_"
"""Lets secret scanners find a token that leaked."""
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")

RACE = 10
"""Seconds after a rotation in which the old token is refused and nothing is revoked: two
renewals of one client that crossed are no theft. Beyond, somebody kept a copy."""


async def read_identity(reading: Reading, raw: str) -> Identity:
    """Checks a refresh token and reads who signed in; it is not used up (X-8)."""
    record, client = reading.record, reading.client
    if reading.grant_issuer.refresh_tokens is None:
        reason = Reason.SUBJECT_TOKEN_TYPE_UNSUPPORTED
        raise record.refuse("request.subject_token_type", reason, "a sign-in", TOKEN_TYPE_REFRESH_TOKEN)
    allowed = GRANT_TYPE_REFRESH_TOKEN in client.grant_types
    record.require("client.grant", allowed, Reason.CLIENT_GRANT_NOT_ALLOWED, GRANT_TYPE_REFRESH_TOKEN)
    well_formed = _FORM.fullmatch(raw) is not None
    kept = await reading.world.store.refresh_token(digest(raw)) if well_formed else None
    if kept is None:
        raise record.refuse(
            "subject.known", Reason.REFRESH_TOKEN_UNKNOWN, "a refresh token of this issuer", "another text"
        )
    _check_holder(reading, kept)
    _check_state(reading, kept)
    return _recalled(reading, raw, kept)


def family_tombstone(kept: RefreshToken, skew: int) -> Tombstone:
    """Revokes a family, and the grants below it, for as long as any clock takes them."""
    return Tombstone(bytes.fromhex(kept.family), kept.family_expires + 2 * skew + 1)


def _check_holder(reading: Reading, kept: RefreshToken) -> None:
    """A-36: issued here, to this client."""
    record, here = reading.record, reading.grant_issuer.issuer
    reason = Reason.REFRESH_TOKEN_OF_ANOTHER
    record.require("subject.issuer", kept.issuer == here, reason, here, kept.issuer)
    mine = reading.client.client_id
    record.require("subject.client", kept.client_id == mine, reason, mine, kept.client_id)
    # The session is what a refusal below is about, until there is a grant.
    record.family = record.chain = kept.family


def _check_state(reading: Reading, kept: RefreshToken) -> None:
    """Before its time is looked at: a stolen token that comes late is noticed, too."""
    record, now, view = reading.record, reading.now, reading.world.view
    revoked = view.revoked(bytes.fromhex(kept.family))
    record.require("subject.family", not revoked, Reason.REFRESH_TOKEN_REVOKED, "in force", otherwise="revoked")
    if kept.rotated is not None:
        crossed = now - kept.rotated <= RACE
        reason = Reason.REFRESH_TOKEN_ROTATED if crossed else Reason.REFRESH_TOKEN_REUSED
        if not crossed:
            record.tombstones.append(family_tombstone(kept, reading.world.skew))
        raise record.refuse("subject.current", reason, "the newest of its family", f"replaced at {kept.rotated}")
    in_time = now < kept.expires
    record.require("subject.time", in_time, Reason.REFRESH_TOKEN_EXPIRED, f"now {int(now)}", f"exp {kept.expires}")


def _recalled(reading: Reading, raw: str, kept: RefreshToken) -> Identity:
    record = reading.record
    accepted = {name: reading.snapshot.identity_providers[name] for name in reading.grant_issuer.identity_providers}
    usable = {name: accepted[name] for name in accepted.keys() & reading.client.sso_client_ids.keys()}
    try:
        identity = recall(unseal(raw, kept.sealed), usable)
    except Outdated:
        expected = "the identity provider declared as at the sign-in"
        raise record.refuse("subject.provider", Reason.SIGN_IN_OUTDATED, expected, "declared otherwise") from None
    except Unsealable:
        raise record.refuse("subject.sealed", Reason.REFRESH_TOKEN_UNKNOWN, "a sign-in", "other bytes") from None
    names = [identity.provider.issuer, *([identity.saml.entity_id] if identity.saml else [])]
    blocked = any(reading.world.view.withdrawn("issuer", name, reading.now) is not None for name in names)
    reason, name = Reason.SUBJECT_TOKEN_ISSUER, identity.provider.name
    record.require("subject.issuer_blocked", not blocked, reason, "no block", otherwise=name)
    return replace(identity, renewed=kept)
