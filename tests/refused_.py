"""Test support: twelve refusals of tests/explanations/twelve_more.yaml, caused through the real service."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import assertions_
import organisation as org
from assertions_ import SAML2
from case_files import changed
from client_site import URL, client_site, registered
from grantd_server.store import Withdrawal
from house import act, running
from leg_one import ASSERTION_TYP, exchange_form, exchanged, robot_claims, signed
from leg_two import WIKI_SERVER, a_token, fresh, introspected, redeemed
from sessions import a_session, refreshed, with_sessions
from test_detail_types import bundle as with_queues
from test_tenants import tenants
from tokens import signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from house import House

LONG_AGO = 3600


@dataclass
class Caused:
    """A refused call: its decision, and what it carried."""

    house: House
    id: str
    token: str = ""
    proof: str = ""
    """The client's assertion, where it authenticated by one."""
    winner: str = ""
    """The decision that came before it."""
    bundle: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def caused(name: str, folder: Path) -> AsyncIterator[Caused]:
    """Causes a refusal in a house of its own."""
    if name == "document_of_another":
        async with client_site() as site, running(folder, registered("grants"), documents=site.documents) as house:
            site.publish(client_id="https://agent.example/other.json")
            yield await _document_of_another(house)
        return
    document, cause = CAUSES[name]
    async with running(folder, document()) as house:
        yield await cause(house)


async def _introspected_by_another(house: House) -> Caused:
    token = await a_token(house)
    return Caused(house, (await introspected(house, token, client=WIKI_SERVER)).id, token)


async def _saml_other_key(house: House) -> Caused:
    token = assertions_.assertion(house.now, assertions_.signatory("another"))
    return Caused(house, (await exchanged(house, subject_token=token, subject_token_type=SAML2)).id, token)


async def _partner(house: House, **claims: Any) -> Caused:
    grant = house.partner_grant(jti=fresh(), **claims)
    return Caused(house, (await redeemed(house, grant)).id, grant)


async def _tenant_unbound(house: House) -> Caused:
    return await _partner(house, tenant="west")


async def _ceiling(house: House) -> Caused:
    return await _partner(house, scope="tickets:write")


async def _refresh_reused(house: House) -> Caused:
    token = await a_session(house)
    winner = (await refreshed(house, token)).id
    house.later(60)
    return Caused(house, (await refreshed(house, token)).id, token, winner=winner)


async def _signed_in(house: House, token: str = "", **changed: Any) -> Caused:
    token = token or house.id_token()
    return Caused(house, (await exchanged(house, subject_token=token, **changed)).id, token)


async def _detail_not_granted(house: House) -> Caused:
    return await _signed_in(house, authorization_details=json.dumps([{"type": "queue", "queue": "blue"}]))


async def _user_blocked(house: House) -> Caused:
    await house.store.withdraw(Withdrawal("user", "corp:u-18f2", "laptop was stolen", None), act())
    await house.parts.world.view.refresh()
    return await _signed_in(house)


async def _key_withdrawn(house: House) -> Caused:
    return await _signed_in(house, org.id_token(house.now, signing_key("RS256", "login-0")))


async def _other_network(house: House) -> Caused:
    form = exchange_form(house, scope="tickets:read")
    answer = await house.http.post(f"{org.GRANTS}/token", data=form, auth=("desk-agent", org.DESK_SECRET))
    return Caused(house, answer.headers["x-grantd-decision-id"], str(form["subject_token"]))


async def _document_of_another(house: House) -> Caused:
    proof = org.ROBOT_KEY.sign(robot_claims(house, iss=URL, sub=URL), ASSERTION_TYP)
    token = house.id_token(aud="robot-sso")
    return Caused(house, (await exchanged(house, signed(proof), subject_token=token)).id, token, proof)


def _edited(**edits: Any) -> Callable[[], dict[str, Any]]:
    return lambda: changed(org.bundle(), {name.replace("__", "."): value for name, value in edits.items()})


CAUSES: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[House], Awaitable[Caused]]]] = {
    "introspected_by_another": (org.bundle, _introspected_by_another),
    "saml_other_key": (lambda: changed(org.bundle(), assertions_.shared()), _saml_other_key),
    "proof_missing": (_edited(authorization_servers__tools__dpop="required"), _partner),
    "refresh_reused": (with_sessions, _refresh_reused),
    "tenant_unbound": (tenants, _tenant_unbound),
    "detail_not_granted": (with_queues, _detail_not_granted),
    "user_blocked": (org.bundle, _user_blocked),
    "key_withdrawn": (org.bundle, _key_withdrawn),
    "other_network": (_edited(grants__grants__0__require={"network": ["10.0.0.0/8"]}), _other_network),
    "scope_step_up": (_edited(resources__tickets__sign_in={"tickets:read": {"acr": ["hwk"]}}), _signed_in),
    "ceiling": (org.bundle, _ceiling),
}
