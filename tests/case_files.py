"""Reads case files and runs one case on one way in.

A case is an honest request with one change, and what must come of it. The same case
runs over gRPC, in process and over HTTP; tests/cases/README.md lists its keys.
"""

from __future__ import annotations

import copy
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import organisation as org
from case_tokens import assertions, claims_of, client_assertion, dpop_proof, own_grant, presented, signed_token
from case_transports import Ask, Result, over_http, over_rpc
from grantd import jwk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from house import House

FOLDER = Path(__file__).parent / "cases"
TRANSPORTS = ("grpc", "inprocess", "http")
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
            edits = {"identity_providers.corp.saml": assertions().sign_on(), **edits}
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
            params["subject_token"] = assertions().assertion(house.now, **spec["saml"])
            params["subject_token_type"] = assertions().SAML2
        else:
            params["subject_token"] = session or signed_token(house, spec, "login", house.id_token)
    elif case.rpc == "redeem":
        own = spec.get("key") == "own"
        assertion = await own_grant(house, **claims_of(house, spec)) if own else None
        params = {"assertion": assertion or signed_token(house, spec, "partner", house.partner_grant)}
    elif case.rpc == "refresh":
        params = {"refresh_token": session or str(spec["raw"])}
    else:
        params = {"token": session or await presented(house, spec)}
    params |= spec.get("params", {})
    return {name: value for name, value in params.items() if value is not None}
