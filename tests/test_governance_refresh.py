"""Refresh tokens in the bundle: their lives, and which clients may have them."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

DOMAIN = "    trust_domain: workforce\n"
GRANTS = "        grant_types: [token-exchange]\n"


def text(policy: str = "{lifetime: 12h, session: 14d}", grants: str = "[token-exchange, refresh-token]") -> str:
    declared = DOMAIN + f"    refresh_tokens: {policy}\n" if policy else DOMAIN
    return northwind.changed(DOMAIN, declared).replace(GRANTS, f"        grant_types: {grants}\n")


@pytest.mark.req("A-39")
@pytest.mark.parametrize(
    ("policy", "lives"),
    [
        ("{lifetime: 12h, session: 14d}", (43200, 14 * 86400)),
        ("{lifetime: 8h}", (28800, 28800)),
        ("{lifetime: 90d, session: 90d}", (90 * 86400, 90 * 86400)),
    ],
)
def test_an_issuer_says_how_long_its_refresh_tokens_live(tmp_path: Path, policy: str, lives: tuple[int, int]) -> None:
    issuer = northwind.snapshot(tmp_path, text(policy)).grant_issuers["https://grants.northwind.example"]
    assert issuer.refresh_tokens is not None
    assert (issuer.refresh_tokens.lifetime, issuer.refresh_tokens.session) == lives


def test_an_issuer_that_says_nothing_has_none(tmp_path: Path) -> None:
    issuer = northwind.snapshot(tmp_path).grant_issuers["https://grants.northwind.example"]
    assert issuer.refresh_tokens is None


@pytest.mark.parametrize(
    ("bundle", "sentences"),
    [
        (text("{}"), ['b.yaml:15:21: grant_issuers.northwind.refresh_tokens: the key "lifetime" is missing']),
        (
            text("12h"),
            [
                "b.yaml:15:21: grant_issuers.northwind.refresh_tokens: a mapping is expected, not a text",
            ],
        ),
        (
            text("{lifetime: 12}"),
            [
                "b.yaml:15:32: grant_issuers.northwind.refresh_tokens.lifetime: a duration with its unit is expected, such as 300s, 5m, 8h or 30d, not 12 (write 12s if seconds are meant)"
            ],
        ),
        (
            text("{lifetime: 12h, session: 11h}"),
            [
                "b.yaml:15:46: grant_issuers.northwind.refresh_tokens.session: a session is no shorter than the life of one refresh token"
            ],
        ),
        (
            text("{lifetime: 12h, session: 91d}"),
            [
                "b.yaml:15:46: grant_issuers.northwind.refresh_tokens.session: more than 90d is never allowed; people sign in again"
            ],
        ),
        (
            text("{lifetime: 91d}"),
            [
                "b.yaml:15:32: grant_issuers.northwind.refresh_tokens.lifetime: more than 90d is never allowed; people sign in again"
            ],
        ),
        (
            text("{lifetime: 12h, idle: 1h}"),
            ['b.yaml:15:37: grant_issuers.northwind.refresh_tokens: the key "idle" is not known here'],
        ),
        (
            text(""),
            [
                "b.yaml:70:22: clients.desk.at.northwind: northwind has no refresh tokens; declare refresh_tokens there",
            ],
        ),
        (
            text().replace("grant_types: [jwt-bearer]", "grant_types: [jwt-bearer, refresh-token]"),
            [
                "b.yaml:77:22: clients.desk.at.tools: an authorization server offers jwt-bearer and nothing else",
            ],
        ),
    ],
    ids=["empty", "no mapping", "no unit", "too short", "too long", "too long a life", "stray", "client", "server"],
)
def test_a_broken_declaration_is_refused_with_its_place(tmp_path: Path, bundle: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, bundle) == sentences
