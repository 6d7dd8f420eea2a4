"""The grammar of `scope`, and its bound."""

from __future__ import annotations

import pytest

from grantd_server.checks import LONGEST_SCOPE, scope_names


@pytest.mark.req("A-14", "G-17")
def test_a_scope_longer_than_the_bound_is_refused_whatever_its_names() -> None:
    assert scope_names("a" * LONGEST_SCOPE) == ("a" * LONGEST_SCOPE,)
    with pytest.raises(ValueError, match="too long"):
        scope_names("a" * (LONGEST_SCOPE + 1))


@pytest.mark.req("A-14")
@pytest.mark.parametrize("raw", ["", " ", "a  b", " a", "a ", 'a"b', "a\\b", "a\tb", "\u00e9"])
def test_a_malformed_scope_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        scope_names(raw)
