"""Walks both legs with a real sign-in, uses the token, presents the grant twice, revokes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE, TOKEN_TYPE_ID_JAG
from grantd_server.doctor.probing.journey import Journey, token_of
from grantd_server.doctor.reading.exchanges import form, message
from grantd_server.doctor.reading.resources import INITIALIZE

if TYPE_CHECKING:
    from grantd_server.doctor.probing.credentials import Credential
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
    exchange = _exchange_form(view, probe)
    journey = replace(journey, leg1=await _asked(asker, issuer, "token_endpoint", probe.at_grant_issuer, exchange))
    if not journey.grant:
        return journey
    redeem = {"grant_type": GRANT_TYPE_JWT_BEARER, "assertion": journey.grant}
    if view.resource is not None:
        redeem["resource"] = view.resource.identifier

    async def redeemed() -> Exchange:
        return await _asked(asker, server, "token_endpoint", probe.at_authorization_server, redeem)

    journey = replace(journey, leg2=await redeemed())
    if not journey.access_token:
        return journey
    journey = await _used(asker, view, journey)
    journey = replace(journey, replay=await redeemed())
    return replace(journey, revoked=await _revoked(asker, server, journey))


def _untrusted(issuer: IssuerSeen) -> str:
    """Why no credential is sent to where these metadata say: they must not be used where
    they name another issuer (RFC 8414 section 3.3)."""
    if issuer.metadata.get("issuer") != issuer.identifier:
        return f"the metadata of the {issuer.party.value} are not its own"
    return "" if issuer.address("token_endpoint") else f"the {issuer.party.value} names no token endpoint"


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


async def _asked(
    asker: Asker,
    issuer: IssuerSeen,
    endpoint: str,
    credential: Credential,
    fields: dict[str, str],
) -> Exchange:
    proof, more = credential.proof(issuer.identifier, issuer.methods, asker.now())
    headers, body = form(**fields, **more)
    return await asker.post(issuer.address(endpoint), {**headers, **proof}, body)


async def _used(asker: Asker, view: View, journey: Journey) -> Journey:
    """Opens the MCP server, and closes the session again where there is one."""
    if view.resource is None or view.resource.malformed or journey.leg2 is None:
        return journey
    if str((journey.leg2.members or {}).get("token_type", "")).lower() != "bearer":
        return journey  # a key-bound token needs a proof of possession with each call
    where = view.resource.identifier
    opened = await _opened(asker, where, journey.access_token)
    if not 200 <= opened.status < 300:
        return replace(journey, opened=opened)
    altered = await _opened(asker, where, _altered(journey.access_token))
    for answered, token in ((opened, journey.access_token), (altered, _altered(journey.access_token))):
        if session := answered.header("mcp-session-id"):
            await asker.delete(where, {"Authorization": f"Bearer {token}", "Mcp-Session-Id": session})
    return replace(journey, opened=opened, altered=altered)


async def _opened(asker: Asker, where: str, token: str) -> Exchange:
    headers, body = message("initialize", **INITIALIZE)
    return await asker.post(where, {**headers, "Authorization": f"Bearer {token}"}, body)


def _altered(token: str) -> str:
    """The same token with another character near its end: not the last one, of which a
    lenient decoder may ignore some bits."""
    place = max(0, len(token) - 8)
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


async def _revoked(asker: Asker, server: IssuerSeen, journey: Journey) -> tuple[Exchange, ...]:
    if not server.address("revocation_endpoint"):
        return ()
    tokens = filter(None, (journey.access_token, token_of(journey.replay)))
    credential = journey.probe.at_authorization_server
    return tuple([await _asked(asker, server, "revocation_endpoint", credential, {"token": token}) for token in tokens])
