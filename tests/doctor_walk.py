"""Test support: both legs of the doctor's world, which a row of the list may make faulty."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from doctor_pages import NAMES, URN, Page, filled
from grantd import dpop, jws
from grantd_server.doctor.probing.credentials import Secret
from grantd_server.doctor.probing.journey import Probe
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = ("canary-at-grants-7Hq2Zp9Vw4LkX1nRt8Yb", "canary-at-tools-5Mv3Kf8Rz6Tx2Pj7Vd1G")
_NO_STORE = {"Cache-Control": "no-store"}
_WANTED = {
    "nonce": ({"error": "use_dpop_nonce"}, 400, {"DPoP-Nonce": "nonce-before", **_NO_STORE}),
    "required": ({"error": "invalid_dpop_proof"}, 400, _NO_STORE),
    "in words": ({"error": "invalid_request", "error_description": "A DPoP proof is missing"}, 400, _NO_STORE),
}
"""How a request without a proof is refused."""
SIGNERS = {
    "idp": ("RS256", "idp-1", "idp-other"),
    "issuer": ("ES256", "issuer-1", "issuer-other"),
    "server": ("ES256", "server-1", "server-other"),
}


@dataclass
class Walk:
    """Answers both legs, the MCP server and revocation as honest parties do, but for one fault."""

    fault: Mapping[str, Any] = field(default_factory=dict)
    grants: set[str] = field(default_factory=set)
    access_token: str = ""
    revoked: list[str] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)
    proofs: dict[str, list[str]] = field(default_factory=dict)
    """The `jti` of every proof, by page."""
    keys: set[str] = field(default_factory=set)
    """Thumbprints of the keys that proofs were made with."""

    def subject_token(self) -> str:
        """The test user's sign-in."""
        claims = {"iss": NAMES["idp"], "sub": "u-canary", "aud": "desk-sso", "iat": -60, "exp": 600}
        return self._signed("idp", "JWT", claims, "subject")

    def probe(self) -> Probe:
        return Probe(self.subject_token(), Secret("desk-agent", SECRETS[0]), Secret("cli_desk", SECRETS[1]))

    def answer(self, name: str, headers: Mapping[str, str], body: bytes) -> Page | None:
        """The page for one request; None leaves it to the world."""
        form = {key: value[0] for key, value in parse_qs(body.decode()).items()}
        proof = self._proof(name, headers)
        if isinstance(proof, Page):
            return proof
        if name == "issuer.token" and "subject_token" in form:
            self.sent.append(form)
            return self._refusal("refuse1") or self._leg1(form, proof)
        if name == "server.token" and "assertion" in form:
            self.sent.append(form)
            return self._refusal("refuse2") or self._leg2(form, proof)
        if name == "server.revoke":
            self.revoked.append(form["token"])
            return Page({}, self.fault.get("revoked", 200))
        if name == "resource.called-with-token":
            return self._called(headers["authorization"])
        return None

    def _proof(self, name: str, headers: Mapping[str, str]) -> str | Page:
        """The thumbprint of a good proof, empty where there is none and none is wanted; else
        the refusal. `dpop` of a row says by page how a proof is wanted."""
        wanted = self.fault.get("dpop", {}).get(name)
        if "dpop" not in headers:
            return Page(*_WANTED[wanted]) if wanted in _WANTED and name.endswith(".token") else ""
        assert wanted != "unsupported", f"{name} was sent a proof that it does not take"
        scheme, _, token = headers.get("authorization", "").partition(" ")
        called = token if scheme == "DPoP" else None
        url = {"issuer.token": NAMES["issuer"] + "/token", "server.token": NAMES["server"] + "/token"}
        proof = dpop.verify(
            [headers["dpop"]], method="POST", url=url.get(name, NAMES["resource"]), now=time.time(), access_token=called
        )
        assert proof.jti not in self.proofs.setdefault(name, [])
        self.proofs[name].append(proof.jti)
        self.keys.add(proof.jkt)
        if wanted == "nonce" and proof.nonce != f"nonce-of-{name}":
            status = 401 if name == "resource.called-with-token" else 400
            return Page({"error": "use_dpop_nonce"}, status, {"DPoP-Nonce": f"nonce-of-{name}", **_NO_STORE})
        return proof.jkt

    def _leg1(self, form: Mapping[str, str], proof: str = "") -> Page:
        claims = {
            "iss": NAMES["issuer"], "sub": "u-18f2", "aud": form["audience"], "client_id": "cli_desk", "jti": "j-1",
            "iat": 0, "exp": 300, "resource": form["resource"], "scope": form["scope"],
        }  # fmt: skip
        claims |= {"cnf": {"jkt": proof}} if proof else {}
        grant = self._signed("issuer", "oauth-id-jag+jwt", claims, "grant")
        answer = {"access_token": grant, "issued_token_type": URN + "token-type:id-jag", "token_type": "N_A"}
        return self._page({**answer, "expires_in": 300}, "leg1")

    def _leg2(self, form: Mapping[str, str], proof: str = "") -> Page:
        bound = jws.read(form["assertion"]).unverified_claims.get("cnf") if form["assertion"].count(".") == 2 else None
        if (bound or self.fault.get("dpop", {}).get("server.token") == "of the grant") and bound != {"jkt": proof}:
            return Page(
                {"error": "invalid_grant", "error_description": "a DPoP proof by the right key"}, 400, {**_NO_STORE}
            )
        if form["assertion"] in self.grants:
            how = self.fault.get("replay", "refused")
            if how == "failed":
                return Page({"error": "server_error"}, 500)
            if how.startswith("refused"):
                return Page(
                    {"error": "invalid_grant"}, int(how.partition("-")[2] or 400), {"Cache-Control": "no-store"}
                )
        self.grants.add(form["assertion"])
        claims = {
            "iss": NAMES["server"], "sub": "u-18f2", "aud": NAMES["resource"], "client_id": "cli_desk", "jti": "t-1",
            "iat": 0, "exp": 900, "scope": "tickets:read",
        }  # fmt: skip
        claims |= {"cnf": {"jkt": proof}} if proof else {}
        self.access_token = self._signed("server", "at+jwt", claims, "access")
        self.access_token = self.fault.get("leg2", {}).get("access_token") or self.access_token
        kind = "DPoP" if proof else "Bearer"
        return self._page({"access_token": self.access_token, "token_type": kind, "expires_in": 900}, "leg2")

    def _called(self, authorization: str) -> Page | None:
        scheme, _, token = authorization.partition(" ")
        if self.keys and scheme == "Bearer":
            return Page({}, self.fault["unproven"]) if "unproven" in self.fault and token == self.access_token else None
        if token == self.access_token:
            return Page({"result": {}}, self.fault.get("opened", 200))
        altered = bool(self.access_token) and len(token) == len(self.access_token)
        return Page({}, self.fault["altered"]) if altered and "altered" in self.fault else None

    def _refusal(self, leg: str) -> Page | None:
        return Page(dict(self.fault[leg]), 400, {"Cache-Control": "no-store"}) if leg in self.fault else None

    def _page(self, members: dict[str, Any], leg: str) -> Page:
        changes = dict(self.fault.get(leg, {}))
        cache = {"Cache-Control": "no-store" if changes.pop("no-store", True) else "max-age=5"}
        found = {name: value for name, value in {**members, **changes}.items() if value is not None}
        return Page(found, 200, dict(cache))

    def _signed(self, signer: str, typ: str, claims: dict[str, Any], kind: str) -> str:
        changes = filled(dict(self.fault.get(kind, {})))
        typ = changes.pop("typ", typ)
        alg, kid, other = SIGNERS[signer]
        key: SigningKey = signing_key(alg, other if changes.pop("key", None) else kid)
        now = int(time.time())
        whole = {**claims, **changes}
        whole |= {name: now + whole[name] for name in ("iat", "nbf", "exp") if isinstance(whole.get(name), int)}
        return key.sign({name: value for name, value in whole.items() if value is not None}, typ)
