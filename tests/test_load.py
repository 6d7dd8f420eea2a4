"""The load that `make once` runs, in small, and that it would say so if a promise broke."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from load.once import once, problems
from redeeming import Answers, Kept

if TYPE_CHECKING:
    from pathlib import Path


async def test_ten_grants_presented_ten_times_over_two_replicas(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await once(tmp_path, database, 10, 10, 2) == 0
    said = capsys.readouterr().out
    assert "10 tokens, 90 (ASSERTION_REPLAYED) refused, 0 failed" in said
    assert "10 granted, 90 refused, by r0/0, r1/0" in said


def answered(failed: int = 0, refused: int = 2, **tokens: list[str]) -> Answers:
    return Answers(tokens, Counter(ASSERTION_REPLAYED=refused), Counter(UNAVAILABLE=failed))


def kept(*jtis: str, granted: int = 2, refused: int = 2) -> Kept:
    hashes = frozenset(sha256(jti.encode()).hexdigest() for jti in jtis)
    return Kept(granted, refused, hashes, frozenset({"r0/0"}))


@pytest.mark.parametrize(
    ("answers", "found", "told"),
    [
        (answered(a=["1"], b=["2"]), kept("1", "2"), []),
        (
            answered(a=["1", "3"], b=["2"]),
            kept("1", "2", "3"),
            ["1 grants gave several tokens", "3 tokens for 2 grants"],
        ),
        (answered(a=["1"]), kept("1"), ["1 tokens for 2 grants"]),
        (answered(a=["1"], b=["2"]), kept("1", "2", granted=3), ["3 records of a token"]),
        (answered(a=["1"], b=["2"]), kept("1", "2", refused=1), ["1 records of a refusal"]),
        (answered(a=["1"], b=["2"]), kept("1", "3"), ["other tokens on record than were given"]),
        (answered(failed=1, a=["1"], b=["2"]), kept("1", "2"), ["1 calls failed"]),
    ],
    ids=["kept", "a double", "a lost token", "a record too many", "a record too few", "another token", "a failure"],
)
def test_a_promise_that_broke_is_told(answers: Answers, found: Kept, told: list[str]) -> None:
    assert problems(answers, found, grants=2, calls=2) == told
