"""What a call asked for is on record in full, or marked as cut: never a part that looks whole."""

from __future__ import annotations

from typing import Any, cast

import pytest

from grantd_server.audit.record import Record
from grantd_server.checks import LONGEST_SCOPE
from grantd_server.flows.terms.asked import LONGEST, MOST, note_exchange, note_redemption
from grantd_server.grants.grant import Grant
from grantd_server.model.bundle.rules import SignIn
from grantd_server.model.requests import ClientProof, Exchange, Observed, Redeem

MANY = tuple(f"https://r{number}.example" for number in range(MOST + 1))
TOO_MUCH: list[dict[str, Any]] = [
    {"resource": MANY},
    {"resource": ("https://" + LONGEST * "r",)},
    {"scope": (LONGEST_SCOPE + 1) * "s"},
]
JUST: list[dict[str, Any]] = [{"resource": MANY[1:]}, {"resource": (LONGEST * "r",)}, {"scope": LONGEST_SCOPE * "s"}]


def exchange(audience: tuple[str, ...] = (), resource: tuple[str, ...] = (), scope: str | None = None) -> Any:
    record = Record("ExchangeIdentity", 0.0)
    nobody = ClientProof(None, None)
    asked = Exchange("", nobody, Observed(), None, audience, resource, scope, None, None, None, None, None)
    note_exchange(record, asked, None)
    return record.asked


def redemption(
    resource: tuple[str, ...] = (), scope: str | None = None, granted: tuple[str, ...] = (), scopes: Any = None
) -> Any:
    record = Record("RedeemGrant", 0.0)
    issuer = cast("Any", type("Issuer", (), {"issuer": "https://grants.example"}))
    grant = Grant(issuer, "u-1", "u-1", "j", 0, granted, scopes, SignIn(None, None, None))
    note_redemption(
        record, Redeem("", ClientProof(None, None), Observed(), "", None, scope, resource, None), grant, None
    )
    return record.asked


@pytest.mark.parametrize("much", [*TOO_MUCH, {"audience": MANY}])
def test_an_exchange_that_asks_for_too_much_is_marked_as_cut(much: dict[str, Any]) -> None:
    assert exchange(**much) == {"cut": True}


@pytest.mark.parametrize(
    "much",
    [*TOO_MUCH, {"granted": MANY}, {"scopes": ((LONGEST_SCOPE + 1) * "s",)}, {"granted": ((LONGEST + 1) * "r",)}],
)
def test_a_redemption_that_asks_for_too_much_or_of_a_grant_that_does_is_marked_as_cut(much: dict[str, Any]) -> None:
    assert redemption(**much) == {"cut": True}


@pytest.mark.parametrize("just", JUST)
def test_what_just_fits_is_kept_in_full(just: dict[str, Any]) -> None:
    kept = {name: list(value) if isinstance(value, tuple) else value for name, value in just.items()}

    assert exchange(**just).items() >= kept.items()
    assert redemption(**just)["narrowed"] == kept
