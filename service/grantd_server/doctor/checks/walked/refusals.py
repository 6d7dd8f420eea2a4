"""What a party that refuses on the walk is told as: its own words, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.answered.documents import outcome, served
from grantd_server.doctor.findings import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.findings import Finding, Party, Row
    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.exchanges import Exchange

_WORDS: Final = ("error", "error_description", "max_age", "acr_values")
_ASKS: Final = {
    "invalid_client": "Check the client's id and credential there, and that it is registered with this method.",
    "unauthorized_client": "Register the client there for the grant type of this leg, as one with credentials.",
    "unsupported_grant_type": "Switch the grant type of this leg on there.",
    "invalid_target": "Register there the authorization server as an audience, and the MCP server as a resource of it, byte for byte.",
    "invalid_scope": "Ask for scopes that are known there for this MCP server.",
    "access_denied": "Let the policy there allow this user and client to reach the MCP server; where it is grantd: grantd explain with "
    "the decision id.",
    "insufficient_user_authentication": "Sign the test user in again, as recently and as strongly as max_age and acr_values say.",
    "temporarily_unavailable": "Try again later.",
    "invalid_dpop_proof": "Synchronise the clocks (NTP), and let a proxy in front hand on the address that was asked.",
    "use_dpop_nonce": "Send the nonce as DPoP-Nonce with the refusal: the proof was sent again with every one that came.",
}
"""What to do about an error, by its registered name."""


def refused(row: Row, party: Party, answered: Exchange, journey: Journey) -> Iterator[Finding]:
    """What a failed request is told as, with the words of the error that came back."""
    if answered.failure is not None:
        yield from served(party, answered)
        return
    members = answered.members or {}
    words = [f"{name} {cut(journey.told(str(members[name])))}" for name in _WORDS if name in members]
    if challenge := answered.header("www-authenticate"):
        words.append(f"WWW-Authenticate {cut(journey.told(challenge))}")
    if decision := answered.header("x-grantd-decision-id"):
        words.append(f"decision {cut(decision, 64)}")
    closer = _ASKS.get(str(members.get("error")), "")
    yield row.at(party, answered.url, "; ".join([outcome(answered), *words]), closer)
