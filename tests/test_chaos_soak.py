"""The soak, seconds long: load on two replicas, one of them killed and started again. All
witnesses agree; over a store that is wrong they do not, and the checker says how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.figures import figures
from chaos.report import markdown
from chaos.soak import Plan, soak
from chaos.wrong_stores import SHOWS

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_ import Server

TEMPLATE = "grantd_template"


@pytest.mark.req("B-20", "B-21", "A-49", "G-20")
@pytest.mark.hostile("R02", "F01")
async def test_under_load_and_a_kill_everything_holds(migrated: Server, tmp_path: Path) -> None:
    plan = Plan(4.0, rate=120, kill_every=1.5, replicas=2)
    run = await soak(plan, migrated, migrated.new_database(TEMPLATE), tmp_path)
    assert run.verdict.holds, run.verdict.examples
    assert run.verdict.tokens > 20
    told = figures(run)
    assert told["kills"] >= 1
    assert told["of these 2 to 50 times, %"] >= 30
    assert {kind for _, kind, _ in run.answers} >= {"honest", "presented again", "garbage", "expired"}
    assert "| verdict | holds |" in markdown([run], "make soak")


@pytest.mark.long
@pytest.mark.parametrize(("wrong", "breach"), SHOWS.items())
async def test_a_wrong_store_is_seen(migrated: Server, tmp_path: Path, wrong: str, breach: str) -> None:
    plan = Plan(12.0, rate=300, kill_every=3.0, wrong=wrong)
    run = await soak(plan, migrated, migrated.new_database(TEMPLATE), tmp_path)
    assert breach in run.verdict.counts, run.verdict.counts
