"""Ten refusals, caused through the real service; each explanation has the facts that were
written down beforehand (tests/explanations/ten_refusals.yaml)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

import organisation as org
from grantd_server.audit.explaining.explanation import Explanation, explained
from grantd_server.audit.explaining.journey import journey, places
from grantd_server.audit.explaining.text import text_of
from grantd_server.store.records.reading.tracing import trail_of
from leg_one import desk, exchanged
from leg_two import DESK, OTHER, fresh, redeemed

if TYPE_CHECKING:
    from house import House
    from leg_one import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = yaml.safe_load((Path(__file__).parent / "explanations" / "ten_refusals.yaml").read_text("utf-8"))


@dataclass
class Told:
    """What an explanation was found to tell of what it has to."""

    planted: int = 0
    missed: list[str] = field(default_factory=list)

    def compare(self, name: str, expected: str, got: str) -> None:
        self.planted += 1
        if not (expected[1:] in got if expected.startswith("~") else expected == got):
            self.missed.append(f"{name}: expected {expected!r}, got {got!r}")


async def cause(house: House, call: dict[str, Any]) -> tuple[Outcome, str]:
    """The refused call, and the decision that came before it."""
    if call["leg"] == "exchange":
        changed = {name: [call[name]] for name in ("audience", "resource") if name in call}
        changed |= {"scope": call["scope"]} if "scope" in call else {}
        changed["subject_token"] = house.id_token(**call.get("claims", {}))
        return await exchanged(house, desk(call.get("secret", org.DESK_SECRET)), **changed), ""
    grant = house.partner_grant(jti=fresh(), **call.get("claims", {}))
    winner = ""
    for _ in range(call.get("before", 0)):
        winner = (await redeemed(house, grant)).id
    return await redeemed(house, grant, client=OTHER if call.get("by") == "other" else DESK), winner


async def explanation(house: House, decision_id: str) -> Explanation:
    body = await house.record(decision_id)
    trail = await trail_of(house.store, str(body.get("chain", "")))
    return explained(body, () if trail is None else places(journey(trail)))


def compared(case: dict[str, Any], found: Explanation, winner: str) -> Told:
    told = Told()
    failed = [check for check in found.checks if not check.ok]
    got = failed[-1]._asdict() | {"check": failed[-1].name} if failed else {}
    for name, expected in case["failed"].items():
        told.compare(f"failed {name}", expected.replace("{winner}", winner), str(got.get(name, "")))
    for name in ("reason", "told", "whose", "remedy"):
        told.compare(name, case[name], getattr(found, name))
    if "near_miss" in case:
        (nearest, *_) = found.near_misses or (None,)
        for name, expected in case["near_miss"].items():
            told.compare(f"nearest miss {name}", expected, str(getattr(nearest, name, "")))
    if "refused_scope" in case:
        told.compare("refused scope", case["refused_scope"]["why"], found.refused_scopes[case["refused_scope"]["name"]])
    if "used_by" in case:
        told.compare("used by", winner, found.used_by)
    if "position" in case:
        at = [place.id for place in found.position].index(found.id) + 1
        told.compare("position", case["position"], f"{at} of {len(found.position)}")
    return told


TOLD: dict[str, Told] = {}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _count() -> Any:
    yield
    planted, missed = sum(told.planted for told in TOLD.values()), sum(len(told.missed) for told in TOLD.values())
    print(f"\nexplanations of {len(TOLD)} refusals: {planted - missed} facts found of {planted} planted")
    print(*(f"missed: {case}: {miss}" for case, told in TOLD.items() for miss in told.missed), sep="\n")


@pytest.mark.parametrize("case", CASES, ids=[case["what"] for case in CASES])
async def test_the_explanation_of_a_refusal_tells(hall: House, case: dict[str, Any]) -> None:
    ended, winner = await cause(hall, case["call"])
    assert ended.status != "OK"
    found = await explanation(hall, ended.id)
    TOLD[case["what"]] = told = compared(case, found, winner)
    assert told.missed == []
    text = text_of(found)
    assert f"refused: {case['reason']}" in text
    assert text.endswith(f"next: {found.remedy}\nwhose job: {found.whose}")


async def test_the_ten_are_different() -> None:
    assert len(CASES) == len({case["reason"] for case in CASES}) == 10
