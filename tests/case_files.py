"""Reads case files and runs one case on one way in.

A case is an honest request with one change, and what must come of it. The same case
runs over gRPC, in process and over HTTP; tests/cases/README.md lists its keys.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc
import yaml
from grpc_status import rpc_status
from google.rpc import error_details_pb2

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import (
    CLIENT_SECRET_METHOD_POST,
    ClientAssertion,
    ClientAuthentication,
    ClientSecret,
)

import organisation as org
from tokens import signing_key

if TYPE_CHECKING:
    from house import House

FOLDER = Path(__file__).parent / "cases"
TRANSPORTS = ("grpc", "inprocess", "http")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPES = {
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
    "redeem": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
RPCS = {
    "exchange": ("ExchangeIdentity", pb.ExchangeIdentityRequest, "token"),
    "redeem": ("RedeemGrant", pb.RedeemGrantRequest, "token"),
    "introspect": ("IntrospectToken", pb.IntrospectTokenRequest, "introspect"),
    "revoke": ("RevokeToken", pb.RevokeTokenRequest, "revoke"),
}
KEYS = {
    "login": org.LOGIN_KEY,
    "partner": org.PARTNER_KEY,
    "stranger": signing_key("ES256", "stranger-1"),
    "impostor": signing_key("ES256", "partner-1", 1),
    "robot": org.ROBOT_KEY,
    "robot-tools": org.ROBOT_TOOLS_KEY,
}
CLIENTS = {
    "exchange": {"id": "desk-agent", "secret": org.DESK_SECRET},
    "redeem": {"id": "cli_desk", "secret": org.TOOLS_SECRET},
    "introspect": {"id": "rs-tickets", "secret": org.RS_SECRET},
    "revoke": {"id": "cli_desk", "secret": org.TOOLS_SECRET},
}


@dataclass(frozen=True)
class Case:
    """One case of a file, as it stands there."""

    rpc: str
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.spec["case"])

    @property
    def transports(self) -> tuple[str, ...]:
        return tuple(self.spec.get("transports", TRANSPORTS))

    @property
    def fresh(self) -> bool:
        """Whether the case changes the house and so needs one of its own."""
        return not {"bundle", "block", "clock", "fresh"}.isdisjoint(self.spec)


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


def cases() -> list[Case]:
    """Every case of every file, by RPC."""
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        rpc = file.name.split(".")[0].split("-")[0]
        found += [Case(rpc, spec) for spec in yaml.safe_load(file.read_text())]
    return found


async def run(house: House, case: Case, transport: str) -> Result:
    """Prepares the house, sends the request, reads the answer."""
    spec = case.spec
    if "bundle" in spec:
        await house.apply(changed(org.bundle(), spec["bundle"]))
    params = await _params(house, case)
    for kind, name in [spec["block"]] if "block" in spec else []:
        await house.block(kind, name)
    house.later(spec.get("clock", 0))
    client = {**CLIENTS[case.rpc], **spec.get("client", {})}
    if transport == "http":
        return await _over_http(house, case, params, client)
    return await _over_rpc(house, case, params, client, transport)


def changed(document: dict[str, Any], edits: dict[str, Any]) -> dict[str, Any]:
    """A copy with values set by dotted path; null deletes."""
    document = copy.deepcopy(document)
    for path, value in edits.items():
        *above, last = path.split(".")
        place: Any = document
        for step in above:
            place = place[int(step)] if isinstance(place, list) else place[step]
        key: Any = int(last) if isinstance(place, list) else last
        if value is None:
            del place[key]
        else:
            place[key] = value
    return document


async def _params(house: House, case: Case) -> dict[str, Any]:
    spec = case.spec
    params: dict[str, Any]
    if case.rpc == "exchange":
        params = {
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            "audience": [org.SERVER],
            "resource": [org.TICKETS],
            "scope": "tickets:read",
            "subject_token": _token(house, spec, "login", house.id_token),
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        }
    elif case.rpc == "redeem":
        params = {"assertion": _token(house, spec, "partner", house.partner_grant)}
    else:
        params = {"token": await access_token(house)}
    params |= spec.get("params", {})
    return {name: value for name, value in params.items() if value is not None}


def _token(house: House, spec: dict[str, Any], key: str, make: Any) -> str:
    if "raw" in spec:
        return str(spec["raw"])
    claims = dict(spec.get("token", {}))
    if make == house.partner_grant:
        claims.setdefault("jti", secrets.token_hex(8))
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    signer = KEYS[spec.get("key", key)]
    if "header" in spec:
        whole = _payload(make(key=signer, **claims))
        return signer.sign_raw({"alg": signer.alg, "kid": signer.kid, **spec["header"]}, whole)
    return str(make(key=signer, **claims))


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def access_token(house: House, **changed_claims: Any) -> str:
    """An access token of the tools server, honestly redeemed."""
    grant = house.partner_grant(jti=secrets.token_hex(8), **changed_claims)
    answer = await house.stub().RedeemGrant(
        pb.RedeemGrantRequest(
            issuer=org.SERVER,
            client=ClientAuthentication(client_id="cli_desk", secret=ClientSecret(secret=org.TOOLS_SECRET)),
            assertion=grant,
        )
    )
    return str(answer.access_token)


def client_assertion(house: House, client: dict[str, Any], issuer: str) -> str:
    """A client assertion with the changes of a case."""
    spec = client["assertion"]
    claims = {
        "iss": client["id"],
        "sub": client["id"],
        "aud": issuer,
        "jti": secrets.token_hex(8),
        "iat": house.now,
        "exp": house.now + 60,
        **spec.get("claims", {}),
    }
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    key = KEYS[spec["key"]]
    return key.sign({n: v for n, v in claims.items() if v is not None}, spec.get("typ", "client-authentication+jwt"))


def _issuer(case: Case) -> str:
    default = org.GRANTS if case.rpc == "exchange" else org.SERVER
    return str(case.spec.get("issuer", default))


async def _over_rpc(house: House, case: Case, params: dict[str, Any], client: dict[str, Any], transport: str) -> Result:
    method, request_type, _ = RPCS[case.rpc]
    request = request_type(issuer=_issuer(case), client=_client_message(house, case, client), **params)
    call = getattr(house.stub(transport), method)(request)
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        trailers = {key: value for key, value in error.trailing_metadata() or ()}
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo()
        assert status is not None and status.details[0].Unpack(info)
        body = {"error": info.metadata["oauth_error"], "error_description": info.metadata["error_description"]}
        assert error.details() == body["error_description"]
        extra = {name: value for name, value in info.metadata.items() if name in {"max_age", "acr_values"}}
        decision_id = str(trailers["x-grantd-decision-id"])
        return Result(False, decision_id, body | extra, error.code().name, info.reason)
    trailers = {key: value for key, value in await call.trailing_metadata()}
    return Result(True, str(trailers["x-grantd-decision-id"]), _plain(answer))


def _client_message(house: House, case: Case, client: dict[str, Any]) -> ClientAuthentication:
    message = ClientAuthentication()
    if client.get("id"):
        message.client_id = client["id"]
    if "assertion" in client:
        kind = client["assertion"].get("type", ASSERTION_TYPE)
        message.assertion.CopyFrom(ClientAssertion(type=kind, assertion=client_assertion(house, client, _issuer(case))))
    elif client.get("secret"):
        message.secret.CopyFrom(ClientSecret(secret=client["secret"], method=CLIENT_SECRET_METHOD_POST))
    return message


def _plain(answer: Any) -> dict[str, Any]:
    """A response message in the words of the wire format."""
    out: dict[str, Any] = {}
    for field, value in answer.ListFields():
        out[field.name] = list(value) if field.is_repeated else value
    if "token" in out:
        out["access_token"] = out.pop("token")
    for name in ("resource", "aud"):
        if name in out and len(out[name]) == 1:
            out[name] = out[name][0]
    if isinstance(answer, pb.IntrospectTokenResponse):
        out.setdefault("active", False)
    return out


async def _over_http(house: House, case: Case, params: dict[str, Any], client: dict[str, Any]) -> Result:
    issuer = _issuer(case)
    form: list[tuple[str, str]] = []
    headers = {}
    if case.rpc in GRANT_TYPES:
        form.append(("grant_type", GRANT_TYPES[case.rpc]))
    for name, value in params.items():
        form += [(name, each) for each in value] if isinstance(value, list) else [(name, value)]
    if client.get("method") == "basic":
        pair = f"{quote(client['id'], safe='')}:{quote(client['secret'], safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form += [("client_id", client["id"])] if client.get("id") else []
        form += [("client_secret", client["secret"])] if client.get("secret") and "assertion" not in client else []
    if "assertion" in client:
        form.append(("client_assertion_type", client["assertion"].get("type", ASSERTION_TYPE)))
        form.append(("client_assertion", client_assertion(house, client, issuer)))
    body = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in form)
    headers["content-type"] = "application/x-www-form-urlencoded"
    answer = await house.http.post(f"{issuer}/{RPCS[case.rpc][2]}", content=body, headers=headers)
    content = answer.json() if answer.content else {}
    decision_id = answer.headers.get("x-grantd-decision-id", "")
    if answer.status_code == 200:
        return Result(True, decision_id, content, headers=dict(answer.headers))
    return Result(False, decision_id, content, http=answer.status_code, headers=dict(answer.headers))
