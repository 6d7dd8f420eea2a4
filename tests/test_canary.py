"""No secret byte anywhere: what the service writes, answers or shows is searched for
every token and secret of the calls that were made, whole, in pieces and re-encoded."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

import organisation as org
from case_transports import ASSERTION_TYPE, GRANT_TYPES
from leg_one import exchange_form

if TYPE_CHECKING:
    from house import House

PIECE = 12
"""Characters of a secret that may not appear; a shorter run may be chance."""


def pieces(secret: str) -> set[bytes]:
    """A secret in every form that a careless line could hold."""
    raw = secret.encode()
    parts = {raw[place : place + PIECE] for place in range(len(raw) - PIECE + 1)}
    whole = {
        raw.hex().encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        quote(secret, safe="").encode(),
    }
    return parts | whole


def of_token(token: str) -> set[bytes]:
    """A token's secret part is its signature; whoever has that has the token. Its
    header is the same in every token."""
    _, payload, signature = token.split(".")
    return pieces(signature) | {payload.encode()}


async def post(house: House, path: str, **form: str) -> dict[str, str]:
    answer = await house.http.post(path, data=form)
    seen.append(answer.content + repr(sorted(answer.headers.items())).encode())
    return dict(answer.json()) if answer.content else {}


seen: list[bytes] = []


@pytest.mark.req("G-38", "F-49", "A-49")
async def test_no_secret_byte_is_written_shown_or_answered(house: House) -> None:
    seen.clear()
    hidden: set[bytes] = set()
    id_token = house.id_token(email="canary.person@corp.example", email_verified=True, sub="canary-person-8841")
    client = {"client_id": "desk-agent", "client_secret": org.DESK_SECRET}
    exchange = exchange_form(house, scope="tickets:read", subject_token=id_token, **client)
    token = f"{org.GRANTS}/token"
    issued = await post(house, token, **exchange)
    redeem = {"grant_type": GRANT_TYPES["redeem"], "client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
    redeemed = await post(house, f"{org.SERVER}/token", assertion=issued["access_token"], **redeem)
    asker = {"client_id": "rs-tickets", "client_secret": org.RS_SECRET}
    active = await post(house, f"{org.SERVER}/introspect", token=redeemed["access_token"], **asker)
    assert active["active"], "the honest journey worked"
    answers = len(seen)
    await _refused(house, exchange, issued["access_token"], redeemed["access_token"], hidden)
    assertion = org.ROBOT_KEY.sign(
        {"iss": "robot", "sub": "robot", "aud": org.GRANTS, "jti": secrets.token_hex(8), "exp": house.now + 60}
    )
    form = {name: value for name, value in exchange.items() if not name.startswith("client_")}
    await post(house, token, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion, **form)
    await post(house, f"{org.SERVER}/revoke", token=redeemed["access_token"], **redeem)

    for each in (id_token, issued["access_token"], redeemed["access_token"], assertion):
        hidden |= of_token(each)
    for each in (org.DESK_SECRET, org.TOOLS_SECRET, org.RS_SECRET):
        hidden |= pieces(each.rpartition("-")[2])  # what stands before is a name
    people = {b"canary.person", b"canary-person-8841"}
    await house.parts.world.ledger.flush()
    # The first answers hand out tokens and tell a resource server who the user is.
    for name, written in (await _written(house, seen[answers:])).items():
        found = {piece for piece in hidden | people if piece in written}
        assert not found, f"{len(found)} pieces of secrets are in {name}, such as {min(found)!r}"


async def _refused(house: House, exchange: dict[str, str], grant: str, access: str, hidden: set[bytes]) -> None:
    """Calls that go wrong: what is refused is shown most."""
    wrong = "canary-wrong-secret-77f0c1d29ab4e6"
    hidden |= pieces(wrong)
    await post(house, f"{org.GRANTS}/token", **{**exchange, "client_secret": wrong})
    await post(house, f"{org.GRANTS}/token", **{**exchange, "subject_token": grant})
    await post(house, f"{org.GRANTS}/token", **{**exchange, "subject_token": exchange["subject_token"] + "x"})
    await post(house, f"{org.GRANTS}/token", **{**exchange, "scope": 'nope"'})
    await post(house, f"{org.SERVER}/token", grant_type=GRANT_TYPES["redeem"], assertion=access, client_id="cli_desk")
    redeem = {"grant_type": GRANT_TYPES["redeem"], "client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
    for assertion in (grant, access, grant[:-4], "canary-not-a-token-5512fe90ab"):
        await post(house, f"{org.SERVER}/token", assertion=assertion, **redeem)


async def _written(house: House, answers: list[bytes]) -> dict[str, bytes]:
    """Everything that left the process or was kept, by where."""
    kept = b"".join(file.read_bytes() for file in sorted(house.folder.glob("grantd.db*")))
    spans = "\n".join(span.to_json() for span in house.spans.get_finished_spans())
    metrics = house.metrics.get_metrics_data()
    return {
        "the database": kept,
        "the log": house.log.getvalue().encode(),
        "spans": spans.encode(),
        "metrics": metrics.to_json().encode() if metrics else b"",
        "refusals": b"".join(answers),
    }


@pytest.mark.parametrize("where", ["the database", "the log", "spans", "refusals"])
async def test_the_search_finds_a_secret_that_was_planted(house: House, where: str) -> None:
    """Ours: a search that finds nothing must be able to find something."""
    await post(house, f"{org.GRANTS}/token", grant_type="x")
    written = await _written(house, [b"an answer"])
    assert written[where], f"nothing was written to {where}"
    planted = written[where] + b"client_secret=" + org.DESK_SECRET.encode()
    assert any(piece in planted for piece in pieces(org.DESK_SECRET))
