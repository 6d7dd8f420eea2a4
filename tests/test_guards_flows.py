"""Why a call of a process that lags behind is refused, and limits of one parameter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import organisation as org
from grantd_server.__main__ import main
from grantd_server.checks import LONGEST_SCOPE, scope_names
from grantd_server.rpc.messages import LONGEST_TEXT
from leg_one import exchanging, outcome, post_exchange, reason_of

if TYPE_CHECKING:
    from house import House


@pytest.mark.req("F-27")
async def test_a_process_that_cannot_use_the_active_bundle_says_so_at_once(house: House) -> None:
    document = org.bundle()
    document["clients"]["other"]["at"]["tools"]["authentication"] = [{"secret": {"env": "NOT_SET_ANYWHERE"}}]
    await house.apply(document)

    answer = await post_exchange(house)

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert await reason_of(house, answer) == "NOT_READY"


@pytest.mark.parametrize(
    ("length", "reason"), [(LONGEST_TEXT, "AUDIENCE_UNKNOWN"), (LONGEST_TEXT + 1, "PARAMETER_INVALID")]
)
async def test_a_parameter_that_is_no_token_has_a_greatest_length(house: House, length: int, reason: str) -> None:
    request = exchanging(house)
    request.audience[:] = ["https://as.tools.example/".ljust(length, "a")]

    found = await outcome(house, house.stub("inprocess").ExchangeIdentity(request))

    assert found.reason == reason


def test_a_scope_parameter_is_as_long_as_it_may_be_and_no_longer() -> None:
    assert scope_names("a" * LONGEST_SCOPE) == ("a" * LONGEST_SCOPE,)
    with pytest.raises(ValueError, match="too long"):
        scope_names("a" * (LONGEST_SCOPE + 1))


def test_a_module_of_ours_that_is_missing_is_not_told_as_a_library_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "grantd_server.cli.app", None)

    with pytest.raises(ModuleNotFoundError):
        main()

    assert "pip install" not in capsys.readouterr().err
