"""What cases present: tokens, grants, assertions and proofs, each with one change.

`claims+: seconds` in a case is a time from now.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import organisation as org
from grantd.dpop.nonce import Nonces
from grantd.dpop.proof import key_members
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from grantd_server.keys.own.purpose import Purpose
from tokens import signing_key

if TYPE_CHECKING:
    from types import ModuleType

    from house import House

KEYS = {
    "login": org.LOGIN_KEY,
    "partner": org.PARTNER_KEY,
    "login-impostor": signing_key("RS256", "login-1", 2049),
    "stranger": signing_key("ES256", "stranger-1"),
    "impostor": signing_key("ES256", "partner-1", 1),
    "robot": org.ROBOT_KEY,
    "robot-tools": org.ROBOT_TOOLS_KEY,
    "holder": org.HOLDER_KEY,
    "thief": signing_key("ES256", "thief-1"),
}


def signed_token(house: House, spec: dict[str, Any], key: str, make: Any) -> str:
    if "raw" in spec:
        return str(spec["raw"])
    claims = claims_of(house, spec)
    if make == house.partner_grant:
        claims.setdefault("jti", secrets.token_hex(8))
    signer = KEYS[spec.get("key", key)]
    if "header" in spec:
        whole = _payload(make(key=signer, **claims))
        return signer.sign_raw({"alg": signer.alg, "kid": signer.kid, **spec["header"]}, whole)
    return str(make(key=signer, **claims))


async def presented(house: House, spec: dict[str, Any]) -> str:
    """The token to introspect or to revoke."""
    if "raw" in spec:
        return str(spec["raw"])
    if "token" in spec or "header" in spec:
        return await own_token(house, spec.get("header"), **claims_of(house, spec))
    return await access_token(house)


def claims_of(house: House, spec: dict[str, Any]) -> dict[str, Any]:
    claims = dict(spec.get("token", {}))
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    return claims


def assertions() -> ModuleType:
    """Only cases of SAML need the libraries of the extra."""
    import assertions_  # noqa: PLC0415 - see above

    return assertions_


async def own_grant(house: House, **changed_claims: Any) -> str:
    """An ID-JAG of the company's own grant issuer for the partner's user, whatever policy says."""
    claims = {**_payload(house.partner_grant(jti=secrets.token_hex(8))), "iss": org.GRANTS, **changed_claims}
    kept = {name: value for name, value in claims.items() if value is not None}
    return await house.signed(org.GRANTS, Purpose.GRANT_SIGNING, kept, typ="oauth-id-jag+jwt")


async def own_token(house: House, header: dict[str, Any] | None = None, **changed_claims: Any) -> str:
    """An access token of our own key with other claims or header members than we issue."""
    claims = {**_payload(await access_token(house)), **changed_claims}
    kept = {name: value for name, value in claims.items() if value is not None}
    return await house.signed(org.SERVER, Purpose.ACCESS_TOKEN, kept, **{"typ": "at+jwt", **(header or {})})


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


def dpop_proof(house: House, told: dict[str, Any], issuer: str) -> str:
    """A DPoP proof for the token endpoint with the changes of a case."""
    key = KEYS[told.get("key", "holder")]
    claims = {"jti": secrets.token_hex(8), "htm": "POST", "htu": f"{issuer}/token", "iat": house.now}
    if told.get("nonce"):
        claims["nonce"] = nonce_of(house, issuer)
    claims |= told.get("claims", {})
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    header = {"typ": "dpop+jwt", "alg": key.alg, "jwk": key_members(key.key.public, key.alg)}
    header |= told.get("header", {})
    return key.sign_raw({n: v for n, v in header.items() if v is not None}, {n: v for n, v in claims.items() if v})


def nonce_of(house: House, issuer: str, later: float = 0) -> str:
    """The nonce that an issuer of ours gives out now, or did."""
    secret = house.parts.world.ring.secret(Purpose.DPOP_NONCE).secret.reveal()
    return Nonces(base64.urlsafe_b64decode(secret + "=="), issuer).current(house.now + later)


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


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
