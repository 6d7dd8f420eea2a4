"""Test support: both legs of the doctor's world, which a row of the list may make faulty."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from doctor_pages import NAMES, URN, Page, filled
from grantd_server.doctor.probing.credentials import Secret
from grantd_server.doctor.probing.journey import Probe
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = ("canary-at-grants-7Hq2Zp9Vw4LkX1nRt8Yb", "canary-at-tools-5Mv3Kf8Rz6Tx2Pj7Vd1G")
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

    def subject_token(self) -> str:
        """The test user's sign-in."""
        claims = {"iss": NAMES["idp"], "sub": "u-canary", "aud": "desk-sso", "iat": -60, "exp": 600}
        return self._signed("idp", "JWT", claims, "subject")

    def probe(self) -> Probe:
        return Probe(self.subject_token(), Secret("desk-agent", SECRETS[0]), Secret("cli_desk", SECRETS[1]))

    def answer(self, name: str, headers: Mapping[str, str], body: bytes) -> Page | None:
        """The page for one request; None leaves it to the world."""
        form = {key: value[0] for key, value in parse_qs(body.decode()).items()}
        if name == "issuer.token" and "subject_token" in form:
            self.sent.append(form)
            return self._refusal("refuse1") or self._leg1(form)
        if name == "server.token" and "assertion" in form:
            self.sent.append(form)
            return self._refusal("refuse2") or self._leg2(form)
        if name == "server.revoke":
            self.revoked.append(form["token"])
            return Page({}, self.fault.get("revoked", 200))
        if name == "resource.called-with-token":
            return self._called(headers["authorization"].removeprefix("Bearer "))
        return None

    def _leg1(self, form: Mapping[str, str]) -> Page:
        claims = {
            "iss": NAMES["issuer"], "sub": "u-18f2", "aud": form["audience"], "client_id": "cli_desk", "jti": "j-1",
            "iat": 0, "exp": 300, "resource": form["resource"], "scope": form["scope"],
        }  # fmt: skip
        grant = self._signed("issuer", "oauth-id-jag+jwt", claims, "grant")
        answer = {"access_token": grant, "issued_token_type": URN + "token-type:id-jag", "token_type": "N_A"}
        return self._page({**answer, "expires_in": 300}, "leg1")

    def _leg2(self, form: Mapping[str, str]) -> Page:
        if form["assertion"] in self.grants:
            how = self.fault.get("replay", "refused")
            if how == "failed":
                return Page({"error": "server_error"}, 500)
            if how == "refused":
                return Page({"error": "invalid_grant"}, 400, {"Cache-Control": "no-store"})
        self.grants.add(form["assertion"])
        claims = {
            "iss": NAMES["server"], "sub": "u-18f2", "aud": NAMES["resource"], "client_id": "cli_desk", "jti": "t-1",
            "iat": 0, "exp": 900, "scope": "tickets:read",
        }  # fmt: skip
        self.access_token = self._signed("server", "at+jwt", claims, "access")
        return self._page({"access_token": self.access_token, "token_type": "Bearer", "expires_in": 900}, "leg2")

    def _called(self, token: str) -> Page | None:
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
        whole |= {name: now + whole[name] for name in ("iat", "exp") if isinstance(whole.get(name), int)}
        return key.sign({name: value for name, value in whole.items() if value is not None}, typ)
