"""Test support: a token exchange by message, and what became of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import organisation as org
from case_transports import ASSERTION_TYPE, GRANT_TYPES
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAssertion, ClientAuthentication, ClientSecret

if TYPE_CHECKING:
    import httpx2

    from house import House

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


@dataclass(frozen=True)
class Outcome:
    """How a call ended; a refusal with both of its reasons."""

    answer: Any
    status: str
    public: str
    record: dict[str, Any]

    @property
    def reason(self) -> str:
        return str(self.record.get("reason", ""))

    @property
    def id(self) -> str:
        return str(self.record["id"])


async def outcome(house: House, call: Any) -> Outcome:
    """Awaits a call, however it ends, and looks up its record."""
    info = error_details_pb2.ErrorInfo()
    try:
        answer = await call
        status, trailers = "OK", dict(await call.trailing_metadata())
    except grpc.aio.AioRpcError as error:
        answer, status, trailers = None, error.code().name, dict(error.trailing_metadata() or ())
        found = rpc_status.from_call(error)
        assert found is not None
        found.details[0].Unpack(info)
    return Outcome(answer, status, info.reason, await house.record(str(trailers["x-grantd-decision-id"])))


def desk(secret: str = org.DESK_SECRET) -> ClientAuthentication:
    return ClientAuthentication(client_id="desk-agent", secret=ClientSecret(secret=secret))


def signed(assertion: str, client_id: str | None = None) -> ClientAuthentication:
    proof = ClientAssertion(type=ASSERTION_TYPE, assertion=assertion)
    return ClientAuthentication(client_id=client_id, assertion=proof)


def robot_claims(house: House, issuer: str = org.GRANTS, **changed: Any) -> dict[str, Any]:
    """The claims of an honest client assertion of the robot."""
    client_id = "robot" if issuer == org.GRANTS else "cli_robot"
    names = {"iss": client_id, "sub": client_id, "aud": issuer, "jti": secrets.token_hex(8)}
    return {**names, "iat": house.now, "exp": house.now + 60, **changed}


def exchanging(house: House, client: ClientAuthentication | None = None, **changed: Any) -> pb.ExchangeIdentityRequest:
    """An honest request of the desk, or of another client, with changes."""
    fields = {
        "issuer": org.GRANTS,
        "requested_token_type": ID_JAG,
        "audience": [org.SERVER],
        "resource": [org.TICKETS],
        "scope": "tickets:read",
        "subject_token": changed.pop("subject_token", None) or house.id_token(),
        "subject_token_type": ID_TOKEN,
        **changed,
    }
    return pb.ExchangeIdentityRequest(client=client or desk(), **fields)


async def exchanged(
    house: House, client: ClientAuthentication | None = None, transport: str = "grpc", **changed: Any
) -> Outcome:
    return await outcome(house, house.stub(transport).ExchangeIdentity(exchanging(house, client, **changed)))


def exchange_form(house: House, **changed: Any) -> dict[str, Any]:
    """An honest exchange over HTTP, without any proof of the client; `None` leaves a parameter out."""
    honest = {
        "grant_type": GRANT_TYPES["exchange"],
        "requested_token_type": ID_JAG,
        "audience": org.SERVER,
        "resource": org.TICKETS,
        "subject_token": house.id_token(),
        "subject_token_type": ID_TOKEN,
    }
    return {name: value for name, value in {**honest, **changed}.items() if value is not None}


async def post_exchange(house: House, **changed: Any) -> httpx2.Response:
    """What the desk is answered over HTTP."""
    form = exchange_form(house, **changed)
    return await house.http.post(f"{org.GRANTS}/token", data=form, auth=("desk-agent", org.DESK_SECRET))


async def reason_of(house: House, answer: httpx2.Response) -> str:
    """Why a call over HTTP was refused, from its record."""
    return str((await house.record(answer.headers["x-grantd-decision-id"]))["reason"])


ASSERTION_TYP = "client-authentication+jwt"


def robot_assertion(house: House, issuer: str = org.GRANTS, **changed: Any) -> str:
    """An honest client assertion of the robot, with changes."""
    key = org.ROBOT_KEY if issuer == org.GRANTS else org.ROBOT_TOOLS_KEY
    return key.sign(robot_claims(house, issuer, **changed), ASSERTION_TYP)


async def robot_asks(house: House, token: str, transport: str = "grpc", **changed: Any) -> Outcome:
    """An exchange of the robot under this assertion, for a sign-in of its own."""
    changed.setdefault("subject_token", house.id_token(aud="robot-sso"))
    return await exchanged(house, signed(token), transport, **changed)
