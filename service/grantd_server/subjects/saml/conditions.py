"""Whether a verified assertion holds now, for this client (SAML profiles section 4.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.model.bundle.saml import SamlSignOn, ServiceProvider
    from grantd_server.subjects.identity import Reading
    from grantd_server.subjects.saml.assertion import Assertion

LONGEST_LIFE: Final = 300
"""Seconds from its issue that an assertion is taken, whatever it says: it is a bearer
token, and its client is remembered for as long."""


def check_conditions(reading: Reading, provider: str, sign_on: SamlSignOn, assertion: Assertion) -> float:
    """Checks audience, delivery and times; returns when the assertion ends, skew aside."""
    mine = reading.client.sso_client_ids.get(provider, frozenset())
    addressee = _addressee(reading, sign_on, assertion, mine)
    delivered = _delivered(reading, addressee, assertion)
    _check_times(reading, assertion)
    ends = [assertion.expires, delivered, assertion.issued + LONGEST_LIFE]
    end = min(ends if assertion.session_expires is None else [*ends, assertion.session_expires])
    in_time = reading.now < end + reading.world.skew
    got = f"ends {end:.0f}"
    reading.record.require(
        "subject.expired", in_time, Reason.SUBJECT_TOKEN_EXPIRED, f"after {reading.now - reading.world.skew:.0f}", got
    )
    return end


def _addressee(reading: Reading, sign_on: SamlSignOn, assertion: Assertion, mine: frozenset[str]) -> ServiceProvider:
    """A-33: every AudienceRestriction names the service provider that is this client."""
    named = frozenset.intersection(*assertion.audiences) if assertion.audiences else frozenset()
    for entity_id in sorted(named):
        found = sign_on.service_providers.get(entity_id)
        if found is not None and found.client in mine:
            reading.record.noted("subject.aud", found.client, entity_id)
            return found
    expected = sorted(one.entity_id for one in sign_on.service_providers.values() if one.client in mine)
    raise reading.record.refuse("subject.aud", Reason.SUBJECT_TOKEN_AUDIENCE, expected, sorted(named))


def _delivered(reading: Reading, addressee: ServiceProvider, assertion: Assertion) -> float:
    """One bearer confirmation for a place of this client is enough; its end counts."""
    ends = [
        one.expires
        for one in assertion.confirmations
        if one.recipient in addressee.recipients and one.expires is not None and one.not_before is None
    ]
    got = [one.recipient or "no recipient" for one in assertion.confirmations]
    reading.record.require(
        "subject.confirmation", bool(ends), Reason.SUBJECT_TOKEN_AUDIENCE, sorted(addressee.recipients), got
    )
    return max(ends)


def _check_times(reading: Reading, assertion: Assertion) -> None:
    """Nothing of it may lie ahead: a sign-in of the future would count as recent for long."""
    latest = reading.now + reading.world.skew
    begins = max(assertion.issued, assertion.auth_time, assertion.not_before or 0)
    reading.record.require(
        "subject.time", begins <= latest, Reason.SUBJECT_TOKEN_TIME, f"not after {latest:.0f}", f"begins {begins:.0f}"
    )
