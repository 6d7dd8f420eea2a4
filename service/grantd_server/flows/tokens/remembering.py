"""ExchangeIdentity for a refresh token: a sign-in is remembered beyond its own token.

What it will be good for is decided at each exchange; here nothing is granted yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_REFRESH_TOKEN, TOKEN_TYPE_REFRESH_TOKEN
from grantd_server.flows.road.deciding import Decided
from grantd_server.flows.tokens.exchanged import Exchanged
from grantd_server.flows.tokens.renewal import check_renewal_scope, make_refresh_token
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.model.requests import Exchange
    from grantd_server.subjects.identity import Identity, Reading


def remembered_sign_in(reading: Reading, request: Exchange, identity: Identity) -> Decided[Exchanged]:
    """Decides about a request for a refresh token (A-34)."""
    record, policy = reading.record, reading.grant_issuer.refresh_tokens
    assert policy is not None  # noqa: S101 - the requested token type was checked
    allowed = GRANT_TYPE_REFRESH_TOKEN in reading.client.grant_types
    record.require("client.grant", allowed, Reason.CLIENT_GRANT_NOT_ALLOWED, GRANT_TYPE_REFRESH_TOKEN)
    # A second family from one token would outlive the revocation of the first.
    first = identity.renewed is None
    reason = Reason.REQUESTED_TOKEN_TYPE_UNSUPPORTED
    record.require("request.requested_token_type", first, reason, "a sign-in as subject", otherwise="a refresh token")
    for name, values in (("audience", request.audience), ("resource", request.resource)):
        # Not ignored: whoever names a target means the token to be limited to it.
        record.require(f"request.{name}", not values, Reason.PARAMETER_INVALID, "absent", otherwise="present")
    details = request.authorization_details is not None
    reason = Reason.DETAILS_UNSUPPORTED
    record.require("request.authorization_details", not details, reason, "absent", otherwise="present")
    scopes = check_renewal_scope(record, request.scope)
    now = int(reading.now)
    raw, kept = make_refresh_token(record, policy, reading.client, identity, now)
    answer = Exchanged(raw, TOKEN_TYPE_REFRESH_TOKEN, kept.expires - now, scopes, ())
    # An assertion would begin a family with each use, and outlive the revocation of one.
    spent = tuple(replace(mark, spends=True) for mark in identity.marks)
    return Decided(answer, "granted", reading.snapshot, marks=spent, refresh_tokens=(kept,))
