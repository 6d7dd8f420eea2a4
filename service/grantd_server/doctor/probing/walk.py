"""Walks both legs with a real sign-in, uses the token, presents the grant twice, revokes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE, TOKEN_TYPE_ID_JAG
from grantd_server.doctor.probing.journey import Journey, token_of
from grantd_server.doctor.probing.proofs import demanded
from grantd_server.doctor.probing.sending import Sender
from grantd_server.doctor.reading.resources import INITIALIZE

if TYPE_CHECKING:
    from grantd_server.doctor.probing.journey import Probe
    from grantd_server.doctor.reading.exchanges import Asker, Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View


async def walk(asker: Asker, view: View, probe: Probe) -> Journey:
    """Goes as far as the parties let it, and revokes what it got."""
    journey = Journey(probe, asker.now())
    issuer, server = view.issuer, view.server
    if issuer is None or server is None:
        return replace(journey, why_not="grant issuer and authorization server are needed")
    if why_not := _untrusted(issuer) or _untrusted(server):
        return replace(journey, why_not=why_not)
    sender = Sender(asker, view)
    journey = await _legs(sender, view, issuer, server, journey)
    journey = replace(journey, proofs=sender.proofs)
    if not journey.access_token:
        return journey
    journey = await _used(sender, view, journey)
    journey = replace(journey, replay=await _redeemed(sender, view, server, journey))
    return replace(journey, revoked=await _revoked(sender, server, journey))


def _untrusted(issuer: IssuerSeen) -> str:
    """Why no credential is sent to where these metadata say: they must not be used where
    they name another issuer (RFC 8414 section 3.3)."""
    if issuer.metadata.get("issuer") != issuer.identifier:
        return f"the metadata of the {issuer.party.value} are not its own"
    return "" if issuer.address("token_endpoint") else f"the {issuer.party.value} names no token endpoint"


async def _legs(sender: Sender, view: View, issuer: IssuerSeen, server: IssuerSeen, journey: Journey) -> Journey:
    """The sign-in for a grant, and the grant for an access token."""
    credential, exchange = journey.probe.at_grant_issuer, _exchange_form(view, journey.probe)
    journey = replace(journey, leg1=await sender.ask(issuer, "token_endpoint", credential, exchange))
    proven = sender.proofs is not None
    if journey.grant:
        journey = replace(journey, leg2=await _redeemed(sender, view, server, journey))
    if journey.leg2 is not None and demanded(journey.leg2) and not proven:
        # The proof of the second leg is wanted of a grant that is bound to its key.
        again = await sender.ask(issuer, "token_endpoint", credential, exchange)
        if token_of(again):
            journey, proven = replace(journey, leg1=again), True
            journey = replace(journey, leg2=await _redeemed(sender, view, server, journey))
    return replace(journey, proven_at_leg1=proven)


def _exchange_form(view: View, probe: Probe) -> dict[str, str]:
    fields = {
        "grant_type": GRANT_TYPE_TOKEN_EXCHANGE,
        "requested_token_type": TOKEN_TYPE_ID_JAG,
        "subject_token_type": probe.subject_token_type,
        "subject_token": probe.subject_token,
        "audience": "" if view.server is None else view.server.identifier,
        "resource": "" if view.resource is None else view.resource.identifier,
        "scope": " ".join(view.setup.scopes),
    }
    return {name: value for name, value in fields.items() if value}


async def _redeemed(sender: Sender, view: View, server: IssuerSeen, journey: Journey) -> Exchange:
    fields = {"grant_type": GRANT_TYPE_JWT_BEARER, "assertion": journey.grant}
    if view.resource is not None:
        fields["resource"] = view.resource.identifier
    return await sender.ask(server, "token_endpoint", journey.probe.at_authorization_server, fields)


async def _used(sender: Sender, view: View, journey: Journey) -> Journey:
    """Opens the MCP server, and closes the session again where there is one."""
    scheme = journey.scheme
    if view.resource is None or view.resource.malformed or not scheme:
        return journey
    where, token = view.resource.identifier, journey.access_token
    opened = await _opened(sender, where, token, scheme)
    if not 200 <= opened.status < 300:
        return replace(journey, opened=opened)
    altered = await _opened(sender, where, _altered(token), scheme)
    journey = replace(journey, opened=opened, altered=altered)
    return replace(journey, unproven=await _opened(sender, where, token, "Bearer")) if scheme == "DPoP" else journey


async def _opened(sender: Sender, where: str, token: str, scheme: str) -> Exchange:
    answered = await sender.call(where, token, scheme=scheme, method="initialize", params=INITIALIZE)
    if session := answered.header("mcp-session-id"):
        await sender.end(where, token, scheme=scheme, session=session)
    return answered


def _altered(token: str) -> str:
    """The same token with another character near its end: not the last one, of which a
    lenient decoder may ignore some bits."""
    place = max(0, len(token) - 8)
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


async def _revoked(sender: Sender, server: IssuerSeen, journey: Journey) -> tuple[Exchange, ...]:
    if not server.address("revocation_endpoint"):
        return ()
    tokens = filter(None, (journey.access_token, token_of(journey.replay)))
    credential = journey.probe.at_authorization_server
    return tuple([await sender.ask(server, "revocation_endpoint", credential, {"token": token}) for token in tokens])
