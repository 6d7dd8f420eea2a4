"""An OpenID Connect ID token as subject token.

draft-ietf-oauth-identity-assertion-authz-grant section 4.3.3; OpenID Connect Core
section 3.1.3.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd import claims as read
from grantd import jws
from grantd_server.checks import lacking_claims, sign_in
from grantd_server.keys.foreign.remote import KeysUnavailable
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.refusals import Reason, Refused
from grantd_server.subjects.attributes import account_texts, claim_values, list_claim, user_keys
from grantd_server.subjects.identity import Identity

if TYPE_CHECKING:
    from grantd.jws import Claims, Parsed
    from grantd_server.model.bundle.governed import IdentityProvider
    from grantd_server.model.bundle.rules import SignIn
    from grantd_server.subjects.identity import Reading

_REASONS = {
    "typ": Reason.SUBJECT_TOKEN_WRONG_KIND,
    "alg": Reason.SUBJECT_TOKEN_ALGORITHM,
    "kid": Reason.SUBJECT_TOKEN_KEY,
    "key": Reason.SUBJECT_TOKEN_KEY,
    "signature": Reason.SUBJECT_TOKEN_SIGNATURE,
    "expired": Reason.SUBJECT_TOKEN_EXPIRED,
    "time": Reason.SUBJECT_TOKEN_TIME,
    "claim": Reason.SUBJECT_TOKEN_CLAIM,
}
"""The row of each fault of the JWS layer, by the first word of its check; any other
is a token that could not be read."""


async def read_identity(reading: Reading, raw: str) -> Identity:
    """Verifies an ID token and reads who signed in."""
    try:
        parsed = jws.read(raw)
        provider = _provider(reading, read.text(parsed.unverified_claims, "iss"))
        claims = await _verified(reading, provider, parsed)
        _check_purpose(reading, claims)
        if provider.require_claims:
            lacking = lacking_claims(provider.require_claims, claims)
            reason, expected = Reason.SUBJECT_TOKEN_CLAIM, "the values that its provider requires"
            reading.record.require("subject.require_claims", not lacking, reason, expected, otherwise=lacking)
        _check_audience(reading, provider, claims)
        times = read.check_times(claims, reading.now, skew=reading.world.skew, require_iat=True)
        reading.record.noted("subject.time", f"now {int(reading.now)}", f"exp {int(times.exp)}")
        identity = _identity(reading, provider, claims)
        _check_auth_time(reading, identity.sign_in)
        return identity
    except jws.Fault as fault:
        reason = _REASONS.get(fault.check.partition(":")[0], Reason.SUBJECT_TOKEN_MALFORMED)
        raise reading.record.refuse(f"subject.{fault.check}", reason, fault.expected, fault.got) from None


def _provider(reading: Reading, unverified_iss: str) -> IdentityProvider:
    """The issuer is believed only to choose keys; the signature then proves it."""
    record = reading.record
    provider = reading.snapshot.identity_provider_for(reading.grant_issuer, unverified_iss)
    if provider is None:
        expected = "an identity provider of this grant issuer"
        raise record.refuse("subject.iss", Reason.SUBJECT_TOKEN_ISSUER, expected, unverified_iss)
    record.noted("subject.iss", provider.issuer, unverified_iss)
    blocked = reading.world.view.withdrawn("issuer", provider.issuer, reading.now)
    record.require(
        "subject.issuer_blocked",
        blocked is None,
        Reason.SUBJECT_TOKEN_ISSUER,
        "no block",
        otherwise=blocked and blocked.words,
    )
    return provider


async def _verified(reading: Reading, provider: IdentityProvider, parsed: Parsed) -> Claims:
    kid = parsed.header.kid
    try:
        keys = await reading.world.remote.keyset(provider.issuer, provider.keys, provider.algorithms, kid)
    except KeysUnavailable as unavailable:
        raise Refused(Reason.KEYS_UNAVAILABLE, cause=str(unavailable)) from unavailable
    claims = jws.verify(parsed, keys, provider.algorithms, jws.ID_TOKEN)
    reading.record.noted("subject.signature", f"a key of {provider.name}", f"{parsed.header.alg} kid {kid}")
    return claims


def _check_purpose(reading: Reading, claims: Claims) -> None:
    """A-30: many providers do not type their tokens, so that the claims that only
    other kinds carry are the second marker."""
    found = [name for name in ("scope", "scp", "events") if name in claims]
    found += [name for name, wanted in (("typ", "ID"), ("token_use", "id")) if claims.get(name, wanted) != wanted]
    reason = Reason.SUBJECT_TOKEN_WRONG_KIND
    reading.record.require(
        "subject.purpose", not found, reason, "an ID token", otherwise=f"claims of another kind: {found}"
    )


def _check_audience(reading: Reading, provider: IdentityProvider, claims: Claims) -> None:
    """A-26, A-27: issued to this very client, by the id it has at the provider."""
    record = reading.record
    mine = reading.client.sso_client_ids.get(provider.name, frozenset())
    audiences = read.audiences(claims)
    named = not mine.isdisjoint(audiences)
    record.require("subject.aud", named, Reason.SUBJECT_TOKEN_AUDIENCE, sorted(mine), list(audiences))
    azp = read.optional_text(claims, "azp")
    if len(audiences) > 1:
        record.require("subject.azp", azp in mine, Reason.SUBJECT_TOKEN_AUDIENCE, sorted(mine), azp or "no azp")
    elif azp is not None:
        record.require("subject.azp", azp in mine, Reason.SUBJECT_TOKEN_AUDIENCE, sorted(mine), azp)


def _check_auth_time(reading: Reading, event: SignIn) -> None:
    """A sign-in of the future would count as recent for as long as it is ahead."""
    latest = reading.now + reading.world.skew
    if event.auth_time is not None and event.auth_time > latest:
        raise jws.Fault("time:auth_time", f"not after {latest:.0f}", str(event.auth_time))


def _identity(reading: Reading, provider: IdentityProvider, claims: Claims) -> Identity:
    upstream_sub = read.text(claims, "sub")
    mapping = provider.subject
    if mapping.rule is SubjectRule.CLAIM and mapping.claim is not None:
        sub = read.text(claims, mapping.claim)
    elif mapping.rule in {SubjectRule.QUALIFIED, SubjectRule.PAIRWISE}:
        sub = f"{provider.name}:{upstream_sub}"
    else:
        sub = upstream_sub
    return Identity(
        provider=provider,
        upstream_sub=upstream_sub,
        sub=sub,
        users=user_keys(provider, upstream_sub, sub, claims),
        groups=list_claim(provider, claims, provider.groups_claim),
        roles=list_claim(provider, claims, provider.roles_claim),
        claims={name: claim_values(claims, name) for name in provider.claims},
        sign_in=sign_in(claims),
        tenant=_tenant(provider, claims),
        accounts=account_texts(reading.snapshot, provider, claims),
    )


def _tenant(provider: IdentityProvider, claims: Claims) -> str | None:
    source = provider.tenant
    return None if source is None or source.claim is None else read.text(claims, source.claim)
