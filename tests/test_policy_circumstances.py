"""Networks and hours: the edges of both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from grantd_server.model.bundle.rules import ScopeRefusal
from grantd_server.policy import decide_grant
from policy_world import asking, grant_rules, rule


def granted(require: dict[str, Any], **changed: Any) -> bool:
    return bool(decide_grant(grant_rules(rule("r", require=require)), asking(**changed)).granted)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("::10.1.2.3", False),
        ("not an address", False),
        ("10.1", False),
        (None, False),
    ],
)
def test_the_network_of_the_client(address: str | None, inside: bool) -> None:
    assert granted({"network": ["10.0.0.0/8", "2001:db8::/32"]}, address=address) is inside


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "garbage", None])
def test_a_deny_by_network_is_not_slipped_past(address: str | None) -> None:
    rules = grant_rules(rule("a"), rule("d", "deny", require={"network": ["10.0.0.0/8"]}))
    refused = decide_grant(rules, asking(address=address)).refused
    assert refused == {"ledger.read": (ScopeRefusal.DENY_RULE, "d")}
    assert decide_grant(rules, asking(address="192.0.2.1")).granted


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-20T08:00:00+01:00", True),
        ("2026-11-20T07:59:59+01:00", False),
        ("2026-11-20T17:59:59+01:00", True),
        ("2026-11-20T18:00:00+01:00", False),
        ("2026-11-21T12:00:00+01:00", False),
        ("2026-07-03T08:00:00+02:00", True),
        ("2026-07-03T06:00:00+00:00", True),
        ("2026-07-03T07:59:59+02:00", False),
    ],
)
def test_hours_are_those_of_the_time_zone_in_summer_and_winter(moment: str, inside: bool) -> None:
    window = {"days": ["fri"], "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"}
    assert granted({"time": window}, now=int(datetime.fromisoformat(moment).timestamp())) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-20T21:59:59Z", False),
        ("2026-11-20T22:00:00Z", True),
        ("2026-11-21T05:59:59Z", True),
        ("2026-11-21T06:00:00Z", False),
        ("2026-11-20T05:00:00Z", False),
        ("2026-11-21T22:00:00Z", False),
    ],
)
def test_a_night_belongs_to_the_day_it_began(moment: str, inside: bool) -> None:
    window = {"days": ["fri"], "from": "22:00", "to": "06:00", "timezone": "UTC"}
    assert granted({"time": window}, now=int(datetime.fromisoformat(moment).timestamp())) is inside


def test_a_whole_day_has_no_gap_at_midnight() -> None:
    window = {"days": ["fri"], "from": "00:00", "to": "24:00", "timezone": "UTC"}
    first = int(datetime.fromisoformat("2026-11-20T00:00:00Z").timestamp())
    assert [granted({"time": window}, now=first + add) for add in (-1, 0, 86399, 86400)] == [False, True, True, False]
