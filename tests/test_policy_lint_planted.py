"""The planted faults of rules: each is found and called by its name, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from analysis_world import NOW, content
from grantd_server.governance.analysis.linting.findings import Finding
from grantd_server.governance.analysis.linting.lint import lint
from grantd_server.governance.document import canonical
from lint_faults import CEILINGS, PLANTED, SOUND, WELL, Planted


def findings(planted: Planted) -> list[Finding]:
    ceilings = CEILINGS if planted.instead is None else list(planted.instead)
    whole = content([*WELL, *planted.grants], [*ceilings, *planted.ceilings])
    for path, value in planted.changed:
        place: dict[str, Any] = whole
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return [one for one in lint(canonical(whole), [], NOW) if one.severity != "info"]


def test_there_is_nothing_to_find_in_the_rules_that_are_well() -> None:
    assert findings(Planted("well", "", "")) == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_fault_is_found_by_its_name(planted: Planted) -> None:
    assert (planted.kind, planted.rule) in {(one.code, one.rule) for one in findings(planted)}


@pytest.mark.parametrize("planted", SOUND, ids=lambda planted: planted.name)
def test_nothing_is_found_in_what_only_looks_like_a_fault(planted: Planted) -> None:
    assert findings(planted) == []
