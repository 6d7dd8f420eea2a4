"""The sign-in that the probe was given: whose it is, for whom, and whether it still holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd import jws
from grantd.claims import SKEW
from grantd_server.checks import TOKEN_TYPE_ID_TOKEN
from grantd_server.doctor.checks.spelling import compared
from grantd_server.doctor.checks.walked.tokens import number, parsed, unproven, values
from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.view import View

FORM = Row(
    "subject.form", Severity.ERROR, "The sign-in is no JSON Web Token.",
    "Give the ID token itself, without quotes or line breaks; other kinds with --subject-token-type.", OWNER[Party.HERE],
)  # fmt: skip
KIND = Row(
    "subject.kind", Severity.ERROR, "The sign-in is a token of another kind.",
    "Give an ID token: access tokens and grants are refused as sign-ins.", OWNER[Party.HERE],
)  # fmt: skip
ISSUER = Row(
    "subject.issuer", Severity.ERROR, "The sign-in is of another identity provider.",
    "Name the provider exactly as its ID tokens do.",
)  # fmt: skip
AUDIENCE = Row(
    "subject.audience", Severity.ERROR, "The sign-in is for another application.",
    "Sign in to the client's own application, or tell the grant issuer that this one is the client's.", OWNER[Party.CLIENT],
)  # fmt: skip
EXPIRED = Row(
    "subject.expired", Severity.ERROR, "The sign-in is over.",
    "Sign in again; ID tokens live for minutes. For longer, use refresh tokens.", OWNER[Party.CLIENT],
)  # fmt: skip
FUTURE = Row(
    "subject.future", Severity.ERROR, "The sign-in begins in the future.",
    "Synchronise the clocks of the provider and of this machine.",
)  # fmt: skip
SIGNATURE = Row(
    "subject.signature", Severity.ERROR, "The sign-in is signed with no key that the provider publishes.",
    "Publish the key, with the kid that the tokens name.",
)  # fmt: skip
ROWS: Final = (FORM, KIND, ISSUER, AUDIENCE, EXPIRED, FUTURE, SIGNATURE)


def check(view: View) -> Iterator[Finding]:
    """Looks at an ID token as the grant issuer will."""
    journey = view.journey
    if journey is None or journey.probe.subject_token_type != TOKEN_TYPE_ID_TOKEN:
        return
    where = view.setup.identity_provider or "the sign-in"
    token = parsed(journey.probe.subject_token)
    if token is None:
        yield FORM.at(Party.CLIENT, where, f"{len(journey.probe.subject_token)} characters")
        return
    fault = unproven(token, view.provider, jws.ID_TOKEN)
    if fault is not None:
        row = KIND if fault.check == "typ" else SIGNATURE
        yield row.at(Party.PROVIDER if row is SIGNATURE else Party.CLIENT, where, str(fault))
    claims = token.unverified_claims
    if view.provider is not None and claims.get("iss") != view.provider.identifier:
        yield ISSUER.at(Party.PROVIDER, where, compared(view.provider.identifier, claims.get("iss")))
    application = view.setup.client.at_identity_provider
    if application and application not in values(claims, "aud"):
        yield AUDIENCE.at(Party.CLIENT, where, f"aud is {listed(values(claims, 'aud'))}, not {application}")
    yield from _times(claims, journey, where)


def _times(claims: Mapping[str, object], journey: Journey, where: str) -> Iterator[Finding]:
    expires = number(claims, "exp")
    if expires is None or expires < journey.at - SKEW:
        told = "there is no exp" if expires is None else f"since {journey.at - expires:.0f} s"
        yield EXPIRED.at(Party.CLIENT, where, told)
    begins = max(number(claims, "iat") or 0.0, number(claims, "nbf") or 0.0)
    if begins > journey.at + SKEW:
        yield FUTURE.at(Party.PROVIDER, where, f"in {begins - journey.at:.0f} s")
