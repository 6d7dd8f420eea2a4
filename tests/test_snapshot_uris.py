"""Normalisation of resource identifiers: RFC 3986 section 6.2.2 and nothing more (G-27)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd_server.model.uris import (
    LONGEST_URI,
    check_issuer,
    check_web_address,
    is_bare_origin,
    is_loopback,
    normalise_resource,
)


@pytest.mark.req("G-27")
@pytest.mark.parametrize(
    ("uri", "normalised"),
    [
        ("HTTPS://EXAMPLE.com/Path", "https://example.com/Path"),
        ("https://h/%7euser%2d%5F", "https://h/~user-_"),
        ("https://h/a%2fb%3a", "https://h/a%2Fb%3A"),
        ("https://h/a%20b", "https://h/a%20b"),
        ("https://h/a/./b/../c", "https://h/a/c"),
        ("https://h/a/..", "https://h/"),
        ("https://h/a/.", "https://h/a/"),
        ("https://h/../../a", "https://h/a"),
        ("https://h/%2e%2e/a", "https://h/a"),
        ("https://h//a//", "https://h//a//"),
        ("https://h/...", "https://h/..."),
        ("https://h", "https://h"),
        ("https://h/", "https://h/"),
        ("https://h:443/", "https://h:443/"),
        ("https://h:/", "https://h:/"),
        ("https://h/?", "https://h/?"),
        ("https://h/?a=%7e/../b", "https://h/?a=~/../b"),
        ("https://EX%41mple.com/", "https://example.com/"),
        ("https://h%c3%a4/", "https://h%C3%A4/"),
        ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("urn:example:A%2d/../b", "urn:example:A-/../b"),
    ],
)
def test_what_is_the_same_is_written_the_same(uri: str, normalised: str) -> None:
    assert normalise_resource(uri) == normalised


@pytest.mark.req("A-08")
@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("", "character"),
        ("mcp", "not absolute"),
        ("/mcp", "not absolute"),
        ("//h/mcp", "not absolute"),
        ("1http://h", "not absolute"),
        ("https://h/#", "fragment"),
        ("https://h/#a", "fragment"),
        ("https://u@h/", "user information"),
        ("https://u:p@h/", "user information"),
        ("https://h\\@evil/", "character"),
        ("https://h/a b", "character"),
        ("https://h/\n", "character"),
        ("https://h/\x00", "character"),
        ("https://h/\u00e4", "character"),
        ("https://h/%", "character"),
        ("https://h/%2", "character"),
        ("https://h/%zz", "character"),
        ("https://h/<a>", "character"),
        ("https://", "no host"),
        ("https:/a", "no host"),
        ("https:a", "no host"),
        ("https://:80/", "no valid host"),
        ("https://h:80a/", "no valid port"),
        ("https://h:123456/", "no valid port"),
        ("https://[::1/", "Invalid IPv6 URL"),
        ("https://[::g]/", "no valid host|IPv6|valid"),
        ("https://[::1]x/", "no valid port|Invalid"),
        ("https://h/[a]", "bracket"),
        ("urn:", "names nothing"),
        ("https://h/" + "a" * LONGEST_URI, "longer than"),
    ],
)
def test_what_is_no_resource_identifier_is_refused(uri: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        normalise_resource(uri)


@pytest.mark.parametrize(
    ("uri", "bare"),
    [("https://h", True), ("https://h/", True), ("https://h/a", False), ("https://h?", False), ("https://h/?a", False),
     ("urn:a", False), ("x:/", False)],
)  # fmt: skip
def test_only_an_origin_without_path_has_two_spellings(uri: str, bare: bool) -> None:
    assert is_bare_origin(normalise_resource(uri)) is bare


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aA%2eE.:/?#@[]hts~-", max_size=20).map(lambda rest: "https://h" + rest))
def test_normalising_twice_changes_nothing(uri: str) -> None:
    try:
        once = normalise_resource(uri)
    except ValueError:
        return
    assert normalise_resource(once) == once


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_resource_or_a_value_error(uri: str) -> None:
    for check in (normalise_resource, check_issuer, check_web_address):
        with contextlib.suppress(ValueError):
            check(uri)


@pytest.mark.parametrize(
    "issuer", ["https://h", "https://h/as", "http://127.0.0.1:8420/as", "http://localhost", "http://[::1]:1/"]
)
def test_an_issuer_is_https_or_on_loopback(issuer: str) -> None:
    check_issuer(issuer)
    check_web_address(issuer)


@pytest.mark.parametrize(
    "issuer",
    ["http://h", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1", "ftp://h", "urn:a",
     "https://h?a", "https://h#a", "https://h?", "https://u@h", "https://", "HTTP://evil.example"],
)  # fmt: skip
def test_anything_else_is_no_issuer(issuer: str) -> None:
    with pytest.raises(ValueError):
        check_issuer(issuer)


def test_a_query_is_fine_in_an_address_to_fetch_from() -> None:
    check_web_address("https://h/keys?tenant=1")
    with pytest.raises(ValueError):
        check_web_address("http://h/keys")


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
                                             ("0.0.0.0", False), ("LOCALHOST.example", False), ("", False)])  # fmt: skip
def test_loopback_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local
