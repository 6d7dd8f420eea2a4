"""What the policy tests of the sample company are told is what the service answers: every
question that a person can ask is asked of both, over both legs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deploy.sample.__main__ import SAMPLE, served
from deploy.sample.morning import Asked, ask, askable
from deploy.sample.stand_in import stand_in

from grantd_server.governance.asking.answering import answer
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.asking.question import Legs
from grantd_server.governance.document import parse_directory
from grantd_server.governance.testing.reading.suite_files import read_suites

if TYPE_CHECKING:
    from grantd_server.governance.testing.suites import Case

GOVERNANCE = Path(SAMPLE) / "governance"
DOCUMENT = parse_directory(GOVERNANCE)
SNAPSHOT = snapshot_of(DOCUMENT)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Case, Asked]]:
    """Every question once, of a running service."""
    company = stand_in(DOCUMENT.root.plain())
    folder = tmp_path_factory.mktemp("company")
    (folder / "grantd.yaml").write_text((SAMPLE / "grantd.yaml").read_text())
    cases = askable(read_suites(GOVERNANCE), company)
    with served(folder, company) as client:
        return [(case, ask(client, company, case)) for case in cases]


def offline(asked: Asked, legs: Legs) -> set[str]:
    found = answer(SNAPSHOT, replace(asked.question, legs=legs))
    return {scope for scope, told in found.scopes.items() if told.granted}


def test_most_tests_are_asked_and_meet_every_outcome(morning: list[tuple[Case, Asked]]) -> None:
    assert len(morning) >= 100
    assert any(asked.granted == set(asked.question.scopes) for _, asked in morning)
    assert any(asked.granted and asked.granted < set(asked.question.scopes) for _, asked in morning)
    assert any(asked.redeemed for _, asked in morning)
    assert {"POLICY_DENIED", "SCOPE_INVALID", "STEP_UP_REQUIRED"} <= {asked.refusal for _, asked in morning}


def test_the_service_grants_what_the_tests_are_told(morning: list[tuple[Case, Asked]]) -> None:
    for case, asked in morning:
        assert set(asked.granted) == offline(asked, Legs.GRANT), case.name


def test_the_servers_give_what_the_tests_are_told(morning: list[tuple[Case, Asked]]) -> None:
    for case, asked in morning:
        if asked.redeemed is not None:
            assert set(asked.redeemed) == offline(asked, Legs.BOTH), case.name


def test_every_question_is_on_record(morning: list[tuple[Case, Asked]]) -> None:
    ids = [asked.decision_id for _, asked in morning]
    assert all(ids)
    assert len(set(ids)) == len(ids)
