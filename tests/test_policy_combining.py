"""How decisions for several resources and objects become one answer."""

from __future__ import annotations

import pytest

from grantd_server.model.bundle.details import Detail, DetailType
from grantd_server.policy.combining import agree, share

ASKED = ("files:read", "files:write")
PAYMENT = DetailType("payment", "payment_initiation", "bank", "pay", lambda value: None)


@pytest.mark.parametrize(
    ("granted", "scopes", "kept"),
    [
        pytest.param([("a", ASKED)], ASKED, ("a",), id="one resource"),
        pytest.param([("a", ["files:read"])], ("files:read",), ("a",), id="a part"),
        pytest.param([("a", [])], (), (), id="nothing"),
        pytest.param([("a", ASKED), ("b", ["files:read"])], ("files:read",), ("a", "b"), id="what both grant"),
        pytest.param([("a", ["files:read"]), ("b", ASKED)], ("files:read",), ("a", "b"), id="in either order"),
        pytest.param([("a", ["files:read"]), ("b", ["files:write"])], ("files:read",), ("a",), id="nothing shared"),
        pytest.param([("a", []), ("b", ["files:read"])], ("files:read",), ("b",), id="the first is left out"),
    ],
)
def test_several_resources_share_what_every_one_that_is_kept_grants(
    granted: list[tuple[str, list[str]]], scopes: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    assert share((name, ASKED, those) for name, those in granted) == (scopes, kept)


@pytest.mark.parametrize(
    ("scopes", "resources", "rules", "left", "by"),
    [
        pytest.param(("pay",), {"bank"}, ["r1"], ("pay",), ("r1",), id="granted"),
        pytest.param((), {"bank"}, ["r1"], (), (None,), id="its scope is not granted"),
        pytest.param(("pay",), {"shop"}, ["r1"], (), (None,), id="its resource is not kept"),
        pytest.param(("pay", "see"), {"bank"}, [None], ("see",), (None,), id="no rule grants it"),
        pytest.param(("pay",), {"bank"}, [None, "r2"], ("pay",), (None, "r2"), id="one of two is granted"),
    ],
)
def test_an_object_goes_with_its_scope_and_a_scope_without_any_of_its_objects_is_left_out(
    scopes: tuple[str, ...],
    resources: set[str],
    rules: list[str | None],
    left: tuple[str, ...],
    by: tuple[str | None, ...],
) -> None:
    details = [Detail(PAYMENT, {"number": number}) for number in range(len(rules))]

    agreed = agree(details, scopes, resources, lambda detail: rules[detail.value["number"]])

    assert agreed == (left, by)
