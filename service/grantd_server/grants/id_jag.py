"""The identity assertion JWT authorization grant (ID-JAG).

draft-ietf-oauth-identity-assertion-authz-grant sections 3.1 and 4.4.1; what the MCP
profile adds is marked where it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grantd import claims as read
from grantd import jws
from grantd_server.checks import chain_of, digest, lacking_claims, one_or_several, scope_names, sign_in
from grantd_server.grants.account import read_account
from grantd_server.grants.grant import Grant
from grantd_server.keys.foreign.remote import KeysUnavailable
from grantd_server.keys.own.purpose import Purpose
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from grantd.jws import Claims, Parsed
    from grantd_server.grants.grant import Reading
    from grantd_server.model.bundle.governed import TrustedIssuer

_REASONS = {
    "typ": Reason.ASSERTION_WRONG_KIND,
    "alg": Reason.ASSERTION_ALGORITHM,
    "kid": Reason.ASSERTION_KEY,
    "key": Reason.ASSERTION_KEY,
    "signature": Reason.ASSERTION_SIGNATURE,
    "expired": Reason.ASSERTION_EXPIRED,
    "time": Reason.ASSERTION_TIME,
    "claim": Reason.ASSERTION_CLAIM,
}
"""The row of each fault of the JWS layer, by the first word of its check; any other
is an assertion that could not be read."""

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_UNENFORCED = ("act",)
"""Claims that narrow a grant or say who it is for in a way that this server does not
implement: ignoring one would widen the grant, so each is refused."""


async def read_grant(reading: Reading, raw: str) -> Grant:
    """Verifies an ID-JAG and reads what it grants, to whom."""
    record = reading.record
    try:
        parsed = jws.read(raw)
        trusted = _trusted(reading, read.text(parsed.unverified_claims, "iss"))
        claims = await _verified(reading, trusted, parsed)
        aud = read.sole_audience(claims)
        issuer = reading.server.issuer
        record.require("assertion.aud", aud == issuer, Reason.ASSERTION_AUDIENCE, issuer, aud)
        client_id, mine = read.text(claims, "client_id"), reading.client.client_id
        record.require("assertion.client_id", client_id == mine, Reason.ASSERTION_CLIENT, mine, client_id)
        if trusted.require_claims:
            lacking = lacking_claims(trusted.require_claims, claims)
            reason, expected = Reason.ASSERTION_CLAIM, "the values that its issuer requires"
            record.require("assertion.require_claims", not lacking, reason, expected, otherwise=lacking)
        return _grant(reading, trusted, claims)
    except jws.Fault as fault:
        reason = _REASONS.get(fault.check.partition(":")[0], Reason.ASSERTION_MALFORMED)
        raise record.refuse(f"assertion.{fault.check}", reason, fault.expected, fault.got) from None


def _trusted(reading: Reading, unverified_iss: str) -> TrustedIssuer:
    """The issuer is believed only to choose keys; the signature then proves it."""
    record, server = reading.record, reading.server
    trusted = server.trusted.get(unverified_iss)
    if trusted is None:
        ours = reading.snapshot.grant_issuers.get(unverified_iss)
        same_domain = ours is not None and ours.trust_domain == server.trust_domain
        reason = Reason.ASSERTION_SAME_DOMAIN if same_domain else Reason.ASSERTION_ISSUER
        raise record.refuse("assertion.iss", reason, "an issuer that this server trusts", unverified_iss)
    record.noted("assertion.iss", trusted.issuer, unverified_iss)
    blocked = reading.world.view.withdrawn("issuer", trusted.issuer, reading.now)
    record.require(
        "assertion.issuer_blocked",
        blocked is None,
        Reason.ASSERTION_BLOCKED,
        "no block",
        otherwise=blocked and blocked.words,
    )
    return trusted


async def _verified(reading: Reading, trusted: TrustedIssuer, parsed: Parsed) -> Claims:
    if trusted.keys is None:
        keys = reading.world.ring.keyset(trusted.issuer, Purpose.GRANT_SIGNING)
    else:
        kid = parsed.header.kid
        try:
            keys = await reading.world.remote.keyset(trusted.issuer, trusted.keys, trusted.algorithms, kid)
        except KeysUnavailable as unavailable:
            raise Refused(Reason.KEYS_UNAVAILABLE, cause=str(unavailable)) from unavailable
    claims = jws.verify(parsed, keys, trusted.algorithms, jws.ID_JAG)
    reading.record.noted(
        "assertion.signature", f"a key of {trusted.name}", f"{parsed.header.alg} kid {parsed.header.kid}"
    )
    return claims


def _grant(reading: Reading, trusted: TrustedIssuer, claims: Claims) -> Grant:
    record, skew = reading.record, reading.world.skew
    sub, jti = read.text(claims, "sub"), read.text(claims, "jti")
    record.chain, record.jti_hash = chain_of(trusted.issuer, jti), digest(jti).hex()
    times = read.check_times(claims, reading.now, skew=skew, max_lifetime=trusted.max_lifetime, require_iat=True)
    record.noted("assertion.time", f"now {int(reading.now)}", f"exp {int(times.exp)}")
    if reading.world.view.grants_from:
        _check_restored(reading, times)
    unenforced = [name for name in _UNENFORCED if name in claims]
    record.require("assertion.constraints", not unenforced, Reason.ASSERTION_CONSTRAINT, "none of them", unenforced)
    jkt = _bound_key(reading, claims["cnf"]) if "cnf" in claims else None
    scope = read.optional_text(claims, "scope", limit=4096)
    try:
        scopes = None if scope is None else scope_names(scope)
    except ValueError as malformed:
        raise record.refuse("assertion.scope", Reason.ASSERTION_CLAIM, "RFC 6749 scopes", str(malformed)) from None
    return Grant(
        issuer=trusted,
        sub=sub,
        account=read_account(trusted.subject, claims, sub),
        jti=jti,
        expires=int(times.exp),
        resources=one_or_several(claims, "resource", 2048),
        scopes=scopes,
        sign_in=sign_in(claims),
        tenant=read.optional_text(claims, "tenant"),
        aud_tenant=read.optional_text(claims, "aud_tenant"),
        jkt=jkt,
        raw_details=_raw_details(reading, claims),
    )


def _check_restored(reading: Reading, times: read.Times) -> None:
    """Whether it was used already was forgotten with what came after the backup. Its issuer's
    clock may run ahead, so that one of that time may look younger by the skew."""
    least = reading.world.view.grants_from + reading.world.skew
    issued = times.iat if times.iat is not None else 0
    reading.record.require(
        "assertion.restored",
        issued >= least,
        Reason.ASSERTION_BEFORE_RESTORE,
        f"iat {least} or later",
        f"iat {issued:.0f}",
    )


def _raw_details(reading: Reading, claims: Claims) -> object:
    """What narrows the grant and is read later. A null is refused: taken for no claim, it
    would narrow nothing."""
    raw = claims.get("authorization_details")
    if raw is None and "authorization_details" in claims:
        reason, expected = Reason.ASSERTION_DETAILS, "an array of objects"
        raise reading.record.refuse("assertion.authorization_details", reason, expected, "null")
    return raw


def _bound_key(reading: Reading, confirmation: object) -> str:
    """The key a grant is bound to (RFC 7800). Another kind of binding, or one beside it,
    would go unchecked (B-26)."""
    members = sorted(confirmation) if isinstance(confirmation, dict) else []
    enforced = reading.server.dpop is not None and members == ["jkt"]
    expected = "a binding to a DPoP key, where DPoP is on"
    reading.record.require("assertion.cnf", enforced, Reason.ASSERTION_CONSTRAINT, expected, members)
    jkt = confirmation["jkt"] if isinstance(confirmation, dict) else None
    if not isinstance(jkt, str) or _THUMBPRINT.fullmatch(jkt) is None:
        raise jws.Fault("claim:cnf", "the SHA-256 thumbprint of a key", "another value")
    return jkt
