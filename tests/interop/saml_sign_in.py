"""Assertions of samlify become grants: over HTTP and over gRPC, directly and through a
refresh token; the same assertion from a second client is refused.

    python tests/interop/saml_sign_in.py ENVIRONMENT NODE
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import httpx2

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret

TYPE = "urn:ietf:params:oauth:token-type:"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def main() -> None:
    environment, node = sys.argv[1:]
    env = json.loads(Path(environment).read_text())
    script = Path(__file__).with_name("saml_provider.mjs")
    signed_in = subprocess.run([node, str(script), environment], capture_output=True, text=True, check=True)
    assertions = iter(signed_in.stdout.split())
    for name, ask in (("HTTP", over_http), ("gRPC", over_grpc)):
        mine, rival = env["grants_client"], env["rival_client"]
        assertion = next(assertions)
        target = {"requested_token_type": TYPE + "id-jag", "audience": env["authorization_server"]}
        target |= {"resource": env["resource"], "scope": "tickets:read"}
        sign_in = {"subject_token": assertion, "subject_token_type": TYPE + "saml2"}
        print(f"{name}, assertion to grant: {kind(ask(env, mine, {**target, **sign_in}))}")
        print(f"{name}, the same client again: {kind(ask(env, mine, {**target, **sign_in}))}")
        print(f"{name}, a second client: {ask(env, rival, {**target, **sign_in})['error']}")
        remember = {"requested_token_type": TYPE + "refresh_token", "scope": "openid offline_access"}
        session = ask(env, mine, {**remember, **sign_in})
        print(f"{name}, assertion to refresh token: {kind(session)}")
        renewal = {"subject_token": session["access_token"], "subject_token_type": TYPE + "refresh_token"}
        print(f"{name}, refresh token to grant: {kind(ask(env, mine, {**target, **renewal}))}")
        print(f"{name}, the spent assertion: {ask(env, mine, {**target, **sign_in})['error']}")


def kind(answer: dict[str, Any]) -> str:
    return str(answer["issued_token_type"]).removeprefix(TYPE)


def over_http(env: dict[str, Any], client: dict[str, str], params: dict[str, str]) -> dict[str, Any]:
    form = {"grant_type": EXCHANGE, **params}
    answer = httpx2.post(f"{env['grant_issuer']}/token", data=form, auth=(client["id"], client["secret"]))
    return dict(answer.json())


def over_grpc(env: dict[str, Any], client: dict[str, str], params: dict[str, str]) -> dict[str, Any]:
    proof = ClientAuthentication(client_id=client["id"], secret=ClientSecret(secret=client["secret"]))
    fields = {name: [value] if name in {"audience", "resource"} else value for name, value in params.items()}
    request = pb.ExchangeIdentityRequest(issuer=env["grant_issuer"], client=proof, **fields)
    with grpc.insecure_channel(env["grpc"]) as channel:
        try:
            answer = AuthorizationServiceStub(channel).ExchangeIdentity(request, timeout=5)
        except grpc.RpcError as error:
            return {"error": "invalid_grant" if error.code() is grpc.StatusCode.FAILED_PRECONDITION else str(error)}
    return {"access_token": answer.token, "issued_token_type": answer.issued_token_type}


if __name__ == "__main__":
    main()
