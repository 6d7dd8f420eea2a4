"""Reads case files and runs one case on one way in.

A case is an honest request with one change, and what must come of it. The same case
runs over gRPC, in process and over HTTP; tests/cases/README.md lists its keys.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import organisation as org
from case_transports import Ask, Result, over_http, over_rpc
from grantd import dpop, jwk
from grantd.dpop_nonce import Nonces
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from grantd_server.keys.purpose import Purpose
from tokens import signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType

    from house import House

FOLDER = Path(__file__).parent / "cases"
TRANSPORTS = ("grpc", "inprocess", "http")
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
CLIENTS = {
    "exchange": {"id": "desk-agent", "secret": org.DESK_SECRET},
    "refresh": {"id": "desk-agent", "secret": org.DESK_SECRET},
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
    def edits(self) -> dict[str, Any]:
        """What the case changes in the bundle."""
        edits = dict(self.spec.get("bundle", {}))
        if "saml" in self.spec:
            edits = {"identity_providers.corp.saml": _assertions().sign_on(), **edits}
        return edits

    @property
    def fresh(self) -> bool:
        """Whether the case leaves traces in the house, and so needs one of its own."""
        return "fresh" in self.spec


@dataclass
class Stage:
    """A house that is put in order for each case: a bundle is applied only where it is
    not in force already, and blocks and the clock are put back."""

    house: House
    edits: dict[str, Any] = field(default_factory=dict)
    _counts: dict[tuple[str, str], float] = field(default_factory=dict)

    @asynccontextmanager
    async def set_for(self, case: Case) -> AsyncIterator[None]:
        edits = case.edits
        if edits != self.edits:
            await self.house.apply(changed(org.bundle(), edits))
            self.edits = edits
        before = self.house.offset[0]
        try:
            yield
        finally:
            self.house.offset[0] = before
            for kind, name in [case.spec["block"]] if "block" in case.spec else []:
                await self.house.unblock(kind, name)

    @contextmanager
    def counts_one(self, rpc: str, reason: str) -> Iterator[None]:
        """Asserts that one refusal more is counted. Reading the metrics is slow, so that
        what was read last is kept, unless the case fails."""
        key = rpc, reason
        before = self._counts.pop(key, None)
        before = self.house.counted("grantd.refused", rpc=rpc, reason=reason) if before is None else before
        yield
        after = self.house.counted("grantd.refused", rpc=rpc, reason=reason)
        assert after == before + 1, key
        self._counts[key] = after


def cases() -> list[Case]:
    """Every case of every file, by RPC."""
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        rpc = file.name.split(".")[0].split("-")[0]
        text = file.read_text().replace("HOLDER", jwk.thumbprint(org.HOLDER_KEY.jwk))
        found += [Case(rpc, spec) for spec in yaml.safe_load(text)]
    return found


async def run(house: House, case: Case, transport: str, session: str = "") -> Result:
    """Makes the request, blocks and waits as told, sends it, reads the answer. `session`
    is a refresh token that the case is about."""
    spec = case.spec
    params = await _params(house, case, session)
    for kind, name in [spec["block"]] if "block" in spec else []:
        await house.block(kind, name)
    house.later(spec.get("clock", 0))
    issuer = str(spec.get("issuer", org.GRANTS if case.rpc in {"exchange", "refresh"} else org.SERVER))
    client = {**CLIENTS[case.rpc], **spec.get("client", {})}
    if "assertion" in client:
        client["signed"] = client_assertion(house, client, issuer)
    told = spec.get("dpop", "")
    ask = Ask(case.rpc, issuer, params, client, told if isinstance(told, str) else dpop_proof(house, told, issuer))
    return await (over_http(house, ask) if transport == "http" else over_rpc(house, ask, transport))


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


async def _params(house: House, case: Case, session: str) -> dict[str, Any]:
    spec = case.spec
    params: dict[str, Any]
    if case.rpc == "exchange":
        params = {
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            "audience": [org.SERVER],
            "resource": [org.TICKETS],
            "scope": "tickets:read",
            "subject_token_type": f"urn:ietf:params:oauth:token-type:{'refresh_token' if session else 'id_token'}",
        }
        if "saml" in spec:
            params["subject_token"] = _assertions().assertion(house.now, **spec["saml"])
            params["subject_token_type"] = _assertions().SAML2
        else:
            params["subject_token"] = session or _token(house, spec, "login", house.id_token)
    elif case.rpc == "redeem":
        own = spec.get("key") == "own"
        assertion = await own_grant(house, **_claims(house, spec)) if own else None
        params = {"assertion": assertion or _token(house, spec, "partner", house.partner_grant)}
    elif case.rpc == "refresh":
        params = {"refresh_token": session or str(spec["raw"])}
    else:
        params = {"token": session or await _presented(house, spec)}
    params |= spec.get("params", {})
    return {name: value for name, value in params.items() if value is not None}


def _assertions() -> ModuleType:
    """Only cases of SAML need the libraries of the extra."""
    import assertions_  # noqa: PLC0415 - see above

    return assertions_


def _token(house: House, spec: dict[str, Any], key: str, make: Any) -> str:
    if "raw" in spec:
        return str(spec["raw"])
    claims = _claims(house, spec)
    if make == house.partner_grant:
        claims.setdefault("jti", secrets.token_hex(8))
    signer = KEYS[spec.get("key", key)]
    if "header" in spec:
        whole = _payload(make(key=signer, **claims))
        return signer.sign_raw({"alg": signer.alg, "kid": signer.kid, **spec["header"]}, whole)
    return str(make(key=signer, **claims))


def _claims(house: House, spec: dict[str, Any]) -> dict[str, Any]:
    claims = dict(spec.get("token", {}))
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    return claims


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


async def _presented(house: House, spec: dict[str, Any]) -> str:
    """The token to introspect or to revoke."""
    if "raw" in spec:
        return str(spec["raw"])
    if "token" in spec or "header" in spec:
        return await own_token(house, spec.get("header"), **_claims(house, spec))
    return await access_token(house)


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


def dpop_proof(house: House, told: dict[str, Any], issuer: str) -> str:
    """A DPoP proof for the token endpoint with the changes of a case."""
    key = KEYS[told.get("key", "holder")]
    claims = {"jti": secrets.token_hex(8), "htm": "POST", "htu": f"{issuer}/token", "iat": house.now}
    if told.get("nonce"):
        claims["nonce"] = nonce_of(house, issuer)
    claims |= told.get("claims", {})
    for name in [name for name in claims if name.endswith("+")]:
        claims[name[:-1]] = house.now + claims.pop(name)
    header = {"typ": "dpop+jwt", "alg": key.alg, "jwk": dpop.key_members(key.key.public, key.alg)}
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
