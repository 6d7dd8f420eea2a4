"""`client_secret_basic` and `client_secret_post` (RFC 6749 section 2.3.1)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from grantd_server.model.registered import SecretCredential
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.client_auth.directory import Directory, Party
    from grantd_server.model.requests import Secret, SecretProof

_NOBODY = (SecretCredential(digest=bytes(32), expires=None),)
"""What a secret is compared with when there is no such client, so that an unknown
client takes the time of a wrong secret (G-42). No secret has this digest."""


def by_secret(record: Record, directory: Directory, client_id: str | None, proof: SecretProof, now: float) -> Party:
    """Finds the party and compares its secrets, in constant time.

    With HTTP Basic the pair is tried as decoded and, where decoding changed it, as
    sent: some clients send it raw (D-04).
    """
    readings: list[tuple[str, Secret]] = [(client_id or "", proof.secret)]
    if proof.raw_client_id is not None and proof.raw_secret is not None:
        readings.append((proof.raw_client_id, proof.raw_secret))
    known: Party | None = None
    expired = False
    for named, secret in readings:
        party = directory.by_id(named)
        digest = hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()
        for credential in _secrets(party):
            same = hmac.compare_digest(digest, credential.digest)
            if party is None or not same:
                continue
            record.client_credential = credential.fingerprint
            if credential.expires is None or now < credential.expires:
                return party
            expired = True
        known = known or party
    if known is None:
        raise record.refuse("client.known", Reason.CLIENT_UNKNOWN, "a client of this issuer", "an unknown client_id")
    if not any(isinstance(credential, SecretCredential) for credential in known.credentials):
        expected = "a method the client is registered with"
        raise record.refuse("client.method", Reason.CLIENT_METHOD_MISMATCH, expected, proof.method)
    if expired:
        raise record.refuse("client.secret", Reason.CLIENT_SECRET_EXPIRED, "a secret in force", "an expired secret")
    raise record.refuse("client.secret", Reason.CLIENT_SECRET_MISMATCH, "a registered secret", "another secret")


def _secrets(party: Party | None) -> tuple[SecretCredential, ...]:
    if party is None:
        return _NOBODY
    return tuple(c for c in party.credentials if isinstance(c, SecretCredential)) or _NOBODY
