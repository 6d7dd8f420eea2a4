"""The road from end to end, on each way in."""

from __future__ import annotations

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from house import House


def secret(client_id: str, value: str) -> ClientAuthentication:
    return ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=value))


async def test_a_sign_in_becomes_a_grant_and_the_grant_an_access_token(house: House) -> None:
    stub = house.stub()
    issued = await stub.ExchangeIdentity(
        pb.ExchangeIdentityRequest(
            issuer=org.GRANTS,
            client=secret("desk-agent", org.DESK_SECRET),
            requested_token_type="urn:ietf:params:oauth:token-type:id-jag",
            audience=[org.SERVER],
            resource=[org.TICKETS],
            scope="tickets:read tickets:write",
            subject_token=house.id_token(),
            subject_token_type="urn:ietf:params:oauth:token-type:id_token",
        )
    )
    assert issued.scope == "tickets:read"
    redeemed = await stub.RedeemGrant(
        pb.RedeemGrantRequest(issuer=org.SERVER, client=secret("cli_desk", org.TOOLS_SECRET), assertion=issued.token)
    )
    answer = await stub.IntrospectToken(
        pb.IntrospectTokenRequest(
            issuer=org.SERVER, client=secret("rs-tickets", org.RS_SECRET), token=redeemed.access_token
        )
    )
    assert answer.active
    assert answer.sub == "grants|u-18f2"
    assert list(answer.aud) == [org.TICKETS]
