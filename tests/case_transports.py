"""Sends one request on one way in, and reads the answer in the words of both faces."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import (
    CLIENT_SECRET_METHOD_BASIC,
    CLIENT_SECRET_METHOD_POST,
    ClientAssertion,
    ClientAuthentication,
    ClientSecret,
    Observed,
)

if TYPE_CHECKING:
    from house import House

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPES = {
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
    "refresh": "refresh_token",
    "redeem": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
RPCS = {
    "exchange": ("ExchangeIdentity", pb.ExchangeIdentityRequest, "token"),
    "refresh": ("RefreshToken", pb.RefreshTokenRequest, "token"),
    "redeem": ("RedeemGrant", pb.RedeemGrantRequest, "token"),
    "introspect": ("IntrospectToken", pb.IntrospectTokenRequest, "introspect"),
    "revoke": ("RevokeToken", pb.RevokeTokenRequest, "revoke"),
}


@dataclass(frozen=True)
class Ask:
    """One request, whatever carries it."""

    rpc: str
    issuer: str
    params: dict[str, Any]
    client: dict[str, Any]
    """As in a case; an `assertion` comes `signed`."""
    dpop: str = ""
    """One DPoP proof; empty for none."""


@dataclass(frozen=True)
class Result:
    """What came back, in the words of both faces."""

    ok: bool
    decision_id: str
    body: dict[str, Any]
    status: str = "OK"
    reason: str = ""
    http: int = 200
    headers: dict[str, str] | None = None


async def over_rpc(house: House, ask: Ask, transport: str) -> Result:
    """Sends it as a message, over gRPC or in process."""
    method, request_type, _ = RPCS[ask.rpc]
    request = request_type(issuer=ask.issuer, client=_client_message(ask.client), **ask.params)
    if ask.dpop:
        request.observed.CopyFrom(Observed(http_method="POST", dpop_proofs=[ask.dpop]))
    call = getattr(house.stub(transport), method)(request)
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return _refused(error)
    trailers = dict(await call.trailing_metadata())
    return Result(True, str(trailers["x-grantd-decision-id"]), _plain(answer))


def _refused(error: grpc.aio.AioRpcError) -> Result:
    """The refusal in the words of the wire format, with status and public reason."""
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    body = {"error": info.metadata["oauth_error"], "error_description": info.metadata["error_description"]}
    assert error.details() == body["error_description"]
    extra = {name: value for name, value in info.metadata.items() if name in {"max_age", "acr_values"}}
    decision_id = str(dict(error.trailing_metadata() or ())["x-grantd-decision-id"])
    return Result(False, decision_id, body | extra, error.code().name, info.reason)


def _client_message(client: dict[str, Any]) -> ClientAuthentication:
    message = ClientAuthentication()
    if client.get("id"):
        message.client_id = client["id"]
    if "assertion" in client:
        kind = client["assertion"].get("type", ASSERTION_TYPE)
        message.assertion.CopyFrom(ClientAssertion(type=kind, assertion=client["signed"]))
    elif client.get("method") in {"peer", "certificate"}:
        getattr(message, client["method"]).SetInParent()
    elif client.get("method") == "basic-raw":
        message.client_id = unquote_plus(client["id"])
        pair = {"secret": unquote_plus(client["secret"]), "raw_secret": client["secret"], "raw_client_id": client["id"]}
        message.secret.CopyFrom(ClientSecret(method=CLIENT_SECRET_METHOD_BASIC, **pair))
    elif client.get("secret"):
        method = CLIENT_SECRET_METHOD_BASIC if client.get("method") == "basic" else CLIENT_SECRET_METHOD_POST
        message.secret.CopyFrom(ClientSecret(secret=client["secret"], method=method))
    return message


def _plain(answer: Any) -> dict[str, Any]:
    """A response message in the words of the wire format."""
    out: dict[str, Any] = {}
    for member, value in answer.ListFields():
        out[member.name] = list(value) if member.is_repeated else value
    if "token" in out:
        out["access_token"] = out.pop("token")
    for name in ("resource", "aud"):
        if name in out and len(out[name]) == 1:
            out[name] = out[name][0]
    if "authorization_details" in out:
        out["authorization_details"] = json.loads(out["authorization_details"])
    if isinstance(answer, pb.IntrospectTokenResponse):
        out.setdefault("active", False)
    return out


async def over_http(house: House, ask: Ask) -> Result:
    """Sends it as a form."""
    client = ask.client
    form: list[tuple[str, str]] = []
    headers = {}
    if ask.rpc in GRANT_TYPES and "grant_type" not in ask.params:
        form.append(("grant_type", GRANT_TYPES[ask.rpc]))
    for name, value in ask.params.items():
        form += [(name, each) for each in value] if isinstance(value, list) else [(name, value)]
    if client.get("method", "").startswith("basic"):
        spelled = str if client["method"] == "basic-raw" else partial(quote, safe="")
        pair = f"{spelled(client['id'])}:{spelled(client['secret'])}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        form += [("client_id", client["beside"])] if "beside" in client else []
    else:
        form += [("client_id", client["id"])] if client.get("id") else []
        form += [("client_secret", client["secret"])] if client.get("secret") and "assertion" not in client else []
    if "assertion" in client:
        form.append(("client_assertion_type", client["assertion"].get("type", ASSERTION_TYPE)))
        form.append(("client_assertion", client["signed"]))
    body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in form)
    headers["content-type"] = "application/x-www-form-urlencoded"
    if ask.dpop:
        headers["dpop"] = ask.dpop
    answer = await house.http.post(f"{ask.issuer}/{RPCS[ask.rpc][2]}", content=body, headers=headers)
    content = answer.json() if answer.content else {}
    decision_id = answer.headers.get("x-grantd-decision-id", "")
    if answer.status_code == 200:
        return Result(True, decision_id, content, headers=dict(answer.headers))
    return Result(False, decision_id, content, http=answer.status_code, headers=dict(answer.headers))
