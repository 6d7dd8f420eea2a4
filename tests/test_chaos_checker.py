"""The checker of the fault suite: it holds where three witnesses agree, and names what differs."""

from __future__ import annotations

import io
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from chaos.checker import Verdict, agree
from chaos.database import Follower
from chaos.evidence import Call, Held, Journal, Outage, Row, Used, excused, read
from grantd_server.audit.chain import Head, link
from grantd_server.store import Entry, StoredEntry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RIGHT = {
    "honest": frozenset({"token", "active"}),
    "again": frozenset({"token", "ASSERTION_REPLAYED"}),
    "forged": frozenset({"ASSERTION_INVALID"}),
    "stranger": frozenset({"CLIENT_AUTHENTICATION_FAILED"}),
    "forged token": frozenset({"inactive"}),
}
KILL = Outage(2, 50.0, 50.1, "kill -9")


def call(number: int, answer: str = "token", kind: str = "honest", **changed: Any) -> Call:
    """A redemption of the grant `c<number>` that began in second `number`."""
    token = f"t{number}" if answer == "token" else ""
    decision = "" if answer == "unknown" else f"d{number}"
    began = float(number)
    made = Call("RedeemGrant", kind, 1, began, began + 0.1, answer, "OK", f"c{number}", decision, token)
    return replace(made, **changed)


def row(number: int, outcome: str = "granted", **changed: Any) -> Row:
    token = f"t{number}" if outcome == "granted" else ""
    return replace(Row(f"d{number}", "RedeemGrant", outcome, "", f"c{number}", f"j{number}", token), **changed)


class Witnesses:
    """What three witnesses say of a run in which all went as promised."""

    def __init__(self) -> None:
        self.calls = [
            call(1),
            call(2),
            call(3, "ASSERTION_REPLAYED", "again", chain="c2"),
            call(4, "ASSERTION_INVALID", "forged", chain=""),
            call(5, "CLIENT_AUTHENTICATION_FAILED", "stranger", chain=""),
            call(6, rpc="ExchangeIdentity"),
            call(7, "active", rpc="IntrospectToken"),
            call(8, "inactive", "forged token", rpc="IntrospectToken"),
            call(50, "unknown", replica=2, status="UNAVAILABLE"),
            call(49, "unknown", "again", replica=2, ended=50.05, status="UNAVAILABLE", chain="c2"),
        ]
        self.rows = [
            row(1),
            row(2),
            row(3, "refused", chain="c2", jti="j2"),
            row(4, "refused", jti=""),
            row(6, rpc="ExchangeIdentity"),
            row(50),
        ]
        self.marks = [Used("p", f"j{n}", 1, f"d{n}") for n in (1, 2, 50)]
        self.issued = {(f"c{n}", f"t{n}") for n in (1, 2, 50)}
        self.tombstones: set[str] = set()
        self.outages = [KILL]
        self.broken = ""

    def verdict(self) -> Verdict:
        held = Held(self.rows, self.marks, self.issued, self.tombstones, self.broken)
        return agree(self.calls, held, self.outages, RIGHT)


def test_witnesses_who_agree_are_believed() -> None:
    verdict = Witnesses().verdict()
    assert verdict.holds, verdict.examples
    assert (verdict.tokens, verdict.undelivered, verdict.excused) == (2, 1, {"kill -9": 2})


def unknown(witnesses: Witnesses, **changed: Any) -> None:
    """A replica that lives answers that it does not know, and its record was committed."""
    witnesses.calls.append(call(60, "unknown", decision="d60", status="UNAVAILABLE", **changed))
    witnesses.rows.append(row(60))
    witnesses.marks.append(Used("p", "j60", 1, "d60"))
    witnesses.issued.add(("c60", "t60"))
    witnesses.outages.append(Outage(None, 59.0, 61.0, "cut at COMMIT"))


def _second_token(witnesses: Witnesses) -> None:
    witnesses.calls.append(call(9, "token", "again", chain="c2"))
    witnesses.rows.append(row(9, chain="c2", jti="j9"))
    witnesses.marks.append(Used("p", "j9", 1, "d9"))
    witnesses.issued.add(("c2", "t9"))


def _second_token_without_answer(witnesses: Witnesses) -> None:
    witnesses.rows.append(row(9, chain="c2", jti="j9"))
    witnesses.marks.append(Used("p", "j9", 1, "d9"))
    witnesses.issued.add(("c2", "t9"))


WRONG: dict[str, tuple[Callable[[Witnesses], Any], str]] = {
    "two tokens of one grant": (_second_token, "double"),
    "a second token that its client never saw": (_second_token_without_answer, "double"),
    "a token, and no record": (lambda w: w.rows.remove(row(1)), "no record"),
    "a token without a decision id": (lambda w: w.calls.append(call(9, decision="")), "no record"),
    "a refusal, and no record": (lambda w: w.rows.remove(w.rows[3]), "no record"),
    "a record that no call can have caused": (lambda w: w.rows.append(row(9, "refused")), "extra record"),
    "one more record than calls without an answer": (
        lambda w: w.rows.append(row(9, "refused", chain="c50", token="")),
        "extra record",
    ),
    "a record of a refusal where the client has a token": (
        lambda w: w.rows.__setitem__(0, row(1, "refused")),
        "differs",
    ),
    "a record of another token": (lambda w: w.rows.__setitem__(0, row(1, token="t99")), "differs"),
    "a record of another grant": (lambda w: w.rows.__setitem__(0, row(1, chain="c99")), "differs"),
    "a token where the client was refused": (lambda w: w.rows.__setitem__(3, row(4)), "differs"),
    "a redemption that used nothing": (lambda w: w.marks.pop(0), "mark"),
    "a use without a redemption": (lambda w: w.marks.append(Used("p", "j9", 1, "d9")), "mark"),
    "a use of another grant": (lambda w: w.marks.__setitem__(0, Used("p", "j9", 1, "d1")), "mark"),
    "two uses by one decision": (lambda w: w.marks.append(Used("p", "j1", 2, "d1")), "mark"),
    "a token that is not noted": (lambda w: w.issued.remove(("c1", "t1")), "issued"),
    "a noted token that is on no record": (lambda w: w.issued.add(("c9", "t9")), "issued"),
    "refused as used, and never used": (
        lambda w: (w.calls.append(call(9, "ASSERTION_REPLAYED", "again")), w.rows.append(row(9, "refused"))),
        "never used",
    ),
    "an honest call without an answer": (lambda w: w.calls.append(call(9, "unknown")), "failed"),
    "a good grant presented again without an answer": (lambda w: w.calls.append(call(9, "unknown", "again")), "failed"),
    "one on another replica than was killed": (lambda w: w.calls.append(call(50, "unknown")), "failed"),
    "one that began after the kill": (lambda w: w.calls.append(call(51, "unknown", replica=2)), "failed"),
    "an honest call refused": (lambda w: w.calls.append(call(5, "CLIENT_AUTHENTICATION_FAILED")), "failed"),
    "a forged grant served": (lambda w: w.calls.__setitem__(0, call(1, kind="forged")), "served"),
    "a forged token called active": (
        lambda w: w.calls.append(call(9, "active", "forged token", rpc="IntrospectToken")),
        "served",
    ),
    "a hostile call refused for another reason": (
        lambda w: w.calls.__setitem__(4, call(5, "CLIENT_AUTHENTICATION_FAILED", "forged")),
        "wrong answer",
    ),
    "a broken chain": (lambda w: setattr(w, "broken", "row 7 is missing"), "chain"),
    "a token that nobody was given": (unknown, "undelivered"),
}


@pytest.mark.parametrize(("change", "breach"), WRONG.values(), ids=list(WRONG))
def test_each_thing_that_differs_is_found(change: Callable[[Witnesses], Any], breach: str) -> None:
    witnesses = Witnesses()
    change(witnesses)
    verdict = witnesses.verdict()
    assert breach in verdict.counts, verdict.examples
    assert verdict.examples[breach]
    assert not verdict.holds


def test_a_token_that_nobody_was_given_may_be_revoked_or_have_died_with_its_replica() -> None:
    revoked, chain_revoked, died = Witnesses(), Witnesses(), Witnesses()
    for witnesses in (revoked, chain_revoked, died):
        unknown(witnesses)
    revoked.tombstones.add("t60")
    chain_revoked.tombstones.add("c60")
    died.outages.append(Outage(1, 60.5, 60.6, "kill -9"))
    for witnesses in (revoked, chain_revoked, died):
        verdict = witnesses.verdict()
        assert verdict.holds, verdict.examples
        assert verdict.undelivered == 2


def test_a_hostile_call_may_go_without_an_answer_at_any_time() -> None:
    witnesses = Witnesses()
    witnesses.calls.append(call(9, "unknown", "forged", chain=""))
    assert witnesses.verdict().holds


def test_a_grant_that_only_ever_went_unknown_and_was_used_once_is_no_extra_record() -> None:
    witnesses = Witnesses()
    witnesses.calls.append(call(51, "unknown", "again", replica=2, begun=49.9, chain="c50"))
    assert witnesses.verdict().holds


@pytest.mark.parametrize(
    ("replica", "begun", "ended", "covered"),
    [(2, 50.0, 50.0, True), (2, 49.0, 50.0, True), (2, 50.1, 51.0, True), (2, 49.0, 49.9, False),
     (2, 50.2, 51.0, False), (1, 49.0, 51.0, False)],
)  # fmt: skip
def test_a_call_is_excused_by_what_was_done_to_its_replica_meanwhile(
    replica: int, begun: float, ended: float, covered: bool
) -> None:
    under_way = call(1, "unknown", replica=replica, begun=begun, ended=ended)
    assert excused(under_way, [KILL]) == ("kill -9" if covered else "")
    assert Outage(None, 50.0, 50.1, "all").covers(replace(under_way, replica=7)) == (covered or replica == 1)


def test_a_journal_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w") as file:
        journal = Journal(file)
        for each in Witnesses().calls:
            journal.note(each)
    assert list(read(path)) == Witnesses().calls
    journal = Journal(file := io.StringIO())
    journal.note(call(1))
    assert file.getvalue().count("\n") == 1


# the chain, row by row


def stored(seq: int, prev: bytes, writer: str = "w") -> StoredEntry:
    entry = Entry(f"d{seq}", seq, "RedeemGrant", "granted", "", "", "", "", "", b"{}")
    return StoredEntry(entry, writer, 1, seq, prev, link(prev, writer, 1, seq, entry))


def test_the_chain_is_followed_to_its_head() -> None:
    first = stored(1, bytes(32))
    second = stored(2, first.hash)
    follower = Follower()
    for each in (first, second):
        follower.follow(each)
    assert follower.broken == ""
    assert follower.short_of([Head("w", 1, 2, second.hash)]) == ""
    assert "w:" in follower.short_of([Head("w", 1, 3, second.hash)])
    assert "w:" in follower.short_of([Head("w", 1, 2, first.hash)])
    assert "v:" in follower.short_of([Head("v", 1, 1, first.hash)])


def test_a_row_that_does_not_fit_is_named_and_the_first_one_stays() -> None:
    first = stored(1, bytes(32))
    follower = Follower()
    follower.follow(stored(2, first.hash))
    follower.follow(stored(9, sha256(b"x").digest()))
    assert follower.broken.startswith("w 2: missing")
