"""Test support: refresh tokens by message, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import organisation as org
from case_files import changed
from grantd.v1 import authorization_pb2 as pb
from leg_one import ID_TOKEN, Outcome, desk, exchanged, outcome, robot_assertion, signed

if TYPE_CHECKING:
    from grantd.v1.client_pb2 import ClientAuthentication
    from house import House

REFRESH = "urn:ietf:params:oauth:token-type:refresh_token"
LIFETIME = 3600
SESSION = 8 * 3600
ON: dict[str, Any] = {
    "grant_issuers.grants.refresh_tokens": {"lifetime": "1h", "session": "8h"},
    "clients.desk.at.grants.grant_types": ["token-exchange", "refresh-token"],
    "clients.robot.at.grants.grant_types": ["token-exchange", "refresh-token"],
}


def with_sessions(**edits: Any) -> dict[str, Any]:
    """The company's bundle with refresh tokens at its grant issuer."""
    return changed(org.bundle(), {**ON, **edits})


def robot(house: House) -> ClientAuthentication:
    return signed(robot_assertion(house))


async def remembered(
    house: House, client: ClientAuthentication | None = None, transport: str = "grpc", **more: Any
) -> Outcome:
    """The exchange of a sign-in for a refresh token."""
    fields = {
        "issuer": org.GRANTS,
        "requested_token_type": REFRESH,
        "subject_token": more.pop("subject_token", None) or house.id_token(**more.pop("claims", {})),
        "subject_token_type": ID_TOKEN,
        **more,
    }
    request = pb.ExchangeIdentityRequest(client=client or desk(), **fields)
    return await outcome(house, house.stub(transport).ExchangeIdentity(request))


async def a_session(house: House, client: ClientAuthentication | None = None, **claims: Any) -> str:
    """A refresh token, honestly got."""
    found = await remembered(house, client, claims=claims)
    assert found.status == "OK", found.record
    return str(found.answer.token)


async def refreshed(
    house: House, token: str, client: ClientAuthentication | None = None, transport: str = "grpc", **more: Any
) -> Outcome:
    fields = {"issuer": org.GRANTS, "refresh_token": token, **more}
    request = pb.RefreshTokenRequest(client=client or desk(), **fields)
    return await outcome(house, house.stub(transport).RefreshToken(request))


async def exchanged_session(
    house: House, token: str, client: ClientAuthentication | None = None, transport: str = "grpc", **more: Any
) -> Outcome:
    """The exchange of a refresh token for a grant."""
    return await exchanged(house, client, transport, subject_token=token, subject_token_type=REFRESH, **more)


async def ended(
    house: House, token: str, client: ClientAuthentication | None = None, transport: str = "grpc", **more: Any
) -> Outcome:
    """The revocation of a session."""
    request = pb.RevokeTokenRequest(client=client or desk(), token=token, **{"issuer": org.GRANTS, **more})
    return await outcome(house, house.stub(transport).RevokeToken(request))


async def case_session(house: House, spec: dict[str, Any]) -> str:
    """The refresh token that a case is about."""
    token = await a_session(house, robot(house) if spec.get("client") == "robot" else None, **spec.get("token", {}))
    if spec.get("rotated"):
        assert (await refreshed(house, token)).status == "OK"
    if spec.get("ended"):
        assert (await ended(house, token)).status == "OK"
    return token
