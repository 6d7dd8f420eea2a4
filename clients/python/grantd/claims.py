"""Pure checks on claims, for the service and the verifiers; `now` is an argument.

A reader returns the claim's value or raises `Fault("claim:<name>")`. An optional
claim may be absent; null is a value, and never the right one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from grantd import strict
from grantd.strict import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

SKEW: Final = 30
"""Seconds that two clocks may differ. The one tolerance of this code: also what a
replay mark is kept longer than the token it marks."""
MOST_SKEW: Final = 60
LONGEST_TEXT: Final = 256
MOST_ITEMS: Final = 1024
_END_OF_TIME: Final = 253402300800  # the year 10000; milliseconds lie beyond it


class Passed(NamedTuple):
    """A check that held, for the record."""

    check: str
    expected: str
    got: str


class Times(NamedTuple):
    """The dates of a token in seconds, and the checks they passed."""

    exp: float
    iat: float | None
    nbf: float | None
    passed: tuple[Passed, ...]


def text(claims: Mapping[str, object], name: str, limit: int = LONGEST_TEXT) -> str:
    """A required text: 1 to `limit` characters, printable, valid Unicode."""
    return _plain(name, claims.get(name, _MISSING), limit)


def optional_text(claims: Mapping[str, object], name: str, limit: int = LONGEST_TEXT) -> str | None:
    """The same, or None when the claim is absent."""
    return text(claims, name, limit) if name in claims else None


def exactly(claims: Mapping[str, object], name: str, expected: str) -> Passed:
    """A required text that equals `expected` byte for byte."""
    got = text(claims, name, max(LONGEST_TEXT, len(expected)))
    if got != expected:
        raise Fault(_check(name), strict.shown(expected), strict.shown(got))
    return Passed(_check(name), strict.shown(expected), strict.shown(got))


def date(claims: Mapping[str, object], name: str) -> float:
    """A required NumericDate: seconds as a JSON number, before the year 10000."""
    value = claims.get(name, _MISSING)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault(_check(name), "seconds as a number", _kind(value))
    if not 0 < value < _END_OF_TIME:
        raise Fault(_check(name), "seconds before the year 10000", "a number out of range")
    return value


def optional_date(claims: Mapping[str, object], name: str) -> float | None:
    """The same, or None when the claim is absent."""
    return date(claims, name) if name in claims else None


def sole_audience(claims: Mapping[str, object]) -> str:
    """The audience of a token with exactly one: a text or a list of one text (B-06)."""
    found = audiences(claims)
    if len(found) != 1:
        raise Fault("claim:aud", "exactly one audience", f"{len(found)} audiences")
    return found[0]


def audiences(claims: Mapping[str, object]) -> tuple[str, ...]:
    """The audiences of a token: a text, or a list of at least one text."""
    value = claims.get("aud", _MISSING)
    if isinstance(value, str):
        return (text(claims, "aud", _LONGEST_URI),)
    found = text_list(claims, "aud", _LONGEST_URI)
    if not found:
        raise Fault("claim:aud", "an audience", "an empty list")
    return found


def text_list(claims: Mapping[str, object], name: str, limit: int = LONGEST_TEXT) -> tuple[str, ...]:
    """A required list of texts, possibly empty, MOST_ITEMS at most."""
    value = claims.get(name, _MISSING)
    if not isinstance(value, list):
        raise Fault(_check(name), "a list of texts", _kind(value))
    if len(value) > MOST_ITEMS:
        raise Fault(_check(name), f"at most {MOST_ITEMS} items", f"{len(value)} items")
    return tuple(_plain(name, item, limit) for item in value)


def optional_text_list(claims: Mapping[str, object], name: str, limit: int = LONGEST_TEXT) -> tuple[str, ...] | None:
    """The same, or None when the claim is absent."""
    return text_list(claims, name, limit) if name in claims else None


def check_times(
    claims: Mapping[str, object],
    now: float,
    *,
    skew: float = SKEW,
    max_lifetime: float | None = None,
    require_iat: bool = True,
) -> Times:
    """Checks exp, nbf, iat and the life between iat and exp.

    `max_lifetime` is never skipped: a token without iat is measured from now, so that
    leaving iat out does not buy a longer life. A token that is well-formed but out of
    time is a Fault "expired", "time:nbf", "time:iat", "time:exp" or "time:life".
    """
    if not 0 <= skew <= MOST_SKEW:
        raise ValueError(f"the clock skew must be between 0 and {MOST_SKEW} seconds")
    exp = date(claims, "exp")
    nbf = optional_date(claims, "nbf")
    iat = date(claims, "iat") if require_iat else optional_date(claims, "iat")
    passed = [_hold("expired", now < exp + skew, f"exp after {now:.0f} less {skew:g} s", f"{exp:.0f}")]
    if nbf is not None:
        passed.append(_hold("time:nbf", nbf <= now + skew, f"not after {now:.0f} plus {skew:g} s", f"{nbf:.0f}"))
    if iat is not None:
        passed.append(_hold("time:iat", iat <= now + skew, f"not after {now:.0f} plus {skew:g} s", f"{iat:.0f}"))
        passed.append(_hold("time:exp", exp > iat, f"after iat {iat:.0f}", f"{exp:.0f}"))
    if max_lifetime is not None:
        life = exp - now - skew if iat is None else exp - iat
        passed.append(
            _hold("time:life", life <= max_lifetime, f"a life of {max_lifetime:g} s at most", f"{life:.0f} s")
        )
    return Times(exp, iat, nbf, tuple(passed))


_MISSING: Final = object()
_LONGEST_URI: Final = 2048


def _check(name: str) -> str:
    return f"claim:{name}"


def _kind(value: object) -> str:
    return "nothing" if value is _MISSING else strict.kind(value)


def _plain(name: str, value: object, limit: int) -> str:
    # The value is not repeated in the fault: a subject or a name is nobody's log line.
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise Fault(_check(name), f"a text of 1 to {limit} characters", _kind(value))
    if strict.UNPRINTABLE.search(value):
        raise Fault(_check(name), "printable text", "control characters")
    return value


def _hold(check: str, holds: bool, expected: str, got: str) -> Passed:
    if not holds:
        raise Fault(check, expected, got)
    return Passed(check, expected, got)
