"""`private_key_jwt` (RFC 7523 sections 2.2 and 3; draft-ietf-oauth-rfc7523bis)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd import claims as read
from grantd import jws
from grantd_server.checks import CLIENT_ASSERTION_TYPE, digest
from grantd_server.client_auth.document import keys_of_document
from grantd_server.keys.foreign.remote import KeysUnavailable
from grantd_server.model.registered import DocumentCredential, KeyCredential
from grantd_server.refusals import Reason, Refused
from grantd_server.store import Mark, Space

if TYPE_CHECKING:
    from grantd.jwk import KeySet
    from grantd.jws import Claims, Parsed
    from grantd_server.client_auth import Asking
    from grantd_server.client_auth.directory import Directory, Party
    from grantd_server.model.requests import AssertionProof

LONGEST_LIFE = 300
"""Seconds between iat and exp of a client assertion (D-10)."""


async def by_assertion(asking: Asking, directory: Directory, client_id: str | None, proof: AssertionProof) -> Party:
    """Verifies the assertion with the keys of the client that it names, and adds its
    one-time mark to the record: also a call that is refused later uses it up."""
    record = asking.record
    for name, value in (("client_assertion_type", proof.type), ("client_assertion", proof.assertion.reveal())):
        got = "present" if value else "absent"
        record.require(f"request.{name}", bool(value), Reason.PARAMETER_MISSING, "present", got)
    known = proof.type == CLIENT_ASSERTION_TYPE
    got = "the same" if known else "another type"
    record.require("client.assertion_type", known, Reason.PARAMETER_INVALID, CLIENT_ASSERTION_TYPE, got)
    try:
        parsed = jws.read(proof.assertion.reveal())
        unverified_sub = read.text(parsed.unverified_claims, "sub")
        named = client_id is None or client_id == unverified_sub
        record.require("client.named", named, Reason.CLIENT_ID_MISMATCH, client_id or "", unverified_sub)
        party = directory.by_id(unverified_sub)
        if party is None:
            raise record.refuse("client.known", Reason.CLIENT_UNKNOWN, "a client of this issuer", "an unknown sub")
        party, claims = await _verified(asking, party, parsed)
        _check(asking, party, claims)
    except jws.Fault as fault:
        check = f"client.assertion.{fault.check}"
        raise record.refuse(check, Reason.CLIENT_ASSERTION_INVALID, fault.expected, fault.got) from None
    return party


async def _verified(asking: Asking, party: Party, parsed: Parsed) -> tuple[Party, Claims]:
    credential = next((c for c in party.credentials if isinstance(c, KeyCredential | DocumentCredential)), None)
    if credential is None:
        expected = "a method the client is registered with"
        raise asking.record.refuse("client.method", Reason.CLIENT_METHOD_MISMATCH, expected, "private_key_jwt")
    if isinstance(credential, DocumentCredential):
        party, keys, algorithms = await keys_of_document(asking, party, credential, parsed.header.kid)
    else:
        keys, algorithms = await _keys(asking, party, credential, parsed), credential.algorithms
    claims = jws.verify(parsed, keys, algorithms, jws.CLIENT_ASSERTION)
    asking.record.noted("client.assertion.signature", "a key of the client", f"{parsed.header.alg}")
    return party, claims


async def _keys(asking: Asking, party: Party, credential: KeyCredential, parsed: Parsed) -> KeySet:
    owner = f"client {party.client_id} at {asking.issuer}"
    try:
        return await asking.world.remote.keyset(owner, credential.keys, credential.algorithms, parsed.header.kid)
    except KeysUnavailable as unavailable:
        raise Refused(Reason.KEYS_UNAVAILABLE, cause=str(unavailable)) from unavailable


def _check(asking: Asking, party: Party, claims: Claims) -> None:
    record, skew = asking.record, asking.world.skew
    iss, sub = read.text(claims, "iss"), read.text(claims, "sub")
    same = iss == sub == party.client_id
    record.require("client.assertion.iss", same, Reason.CLIENT_ASSERTION_INVALID, party.client_id, iss)
    aud = read.sole_audience(claims)
    record.require("client.assertion.aud", aud == asking.issuer, Reason.CLIENT_ASSERTION_INVALID, asking.issuer, aud)
    times = read.check_times(claims, asking.now, skew=skew, max_lifetime=LONGEST_LIFE, require_iat=False)
    record.noted("client.assertion.time", f"now {int(asking.now)}", f"exp {int(times.exp)}")
    jti = read.text(claims, "jti")
    record.marks.append(
        Mark(
            space=Space.CLIENT_ASSERTION,
            issuer=f"{asking.issuer} {party.client_id}",
            digest=digest(jti),
            until=int(times.exp) + 2 * skew + 1,
        )
    )
