"""Proves that clients, database and audit chain agree one to one, or says where not.

Pure. What a promise is, stands in `BREACHES`; each finding is of one of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chaos.evidence import ACTIVE, TOKEN, UNKNOWN, excused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaos.evidence import Call, Held, Outage, Row

BREACHES: Final = {
    "double": "two tokens of one single-use grant",
    "no record": "an answer without its committed record",
    "extra record": "a record without a call that could have caused it",
    "differs": "the record tells another ending than the client was told",
    "mark": "uses of grants and records of redemptions are not one to one",
    "issued": "noted tokens and records of redemptions are not one to one",
    "undelivered": "a token that nobody was given is still good",
    "chain": "the chain of records does not hold",
    "never used": "a grant was refused as used, and never used",
    "failed": "an honest call failed by us, with nothing done to its replica",
    "served": "a hostile call got what it asked for",
    "wrong answer": "a call got an answer that is not the right one",
}

REDEEM: Final = "RedeemGrant"
NOT_DURABLE: Final = frozenset({"CLIENT_AUTHENTICATION_FAILED", "ISSUER_UNKNOWN", "MESSAGE_MALFORMED"})
"""Refusals before the client is known: counted, not recorded one by one."""
RECORDED: Final = frozenset({REDEEM, "ExchangeIdentity", "RevokeToken"})
SHOWN: Final = 5


@dataclass
class Verdict:
    """Breaches by kind, with some of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    excused: Counter[str] = field(default_factory=Counter)
    """Honest calls without an answer, by what was done to their replica."""
    undelivered: int = 0
    """Grants used by calls whose answer never arrived."""
    tokens: int = 0

    @property
    def holds(self) -> bool:
        return not self.counts

    def found(self, breach: str, what: str) -> None:
        assert breach in BREACHES, breach
        self.counts[breach] += 1
        if len(self.examples[breach]) < SHOWN:
            self.examples[breach].append(what)


def agree(calls: Iterable[Call], held: Held, outages: Sequence[Outage], right: Mapping[str, frozenset[str]]) -> Verdict:
    """Compares all three; `right` are the right answers to each kind of call."""
    verdict, calls = Verdict(), list(calls)
    if held.broken:
        verdict.found("chain", held.broken)
    answers(verdict, calls, outages, right)
    records = {row.id: row for row in held.records}
    _answered(verdict, calls, records)
    unknown = _unmatched(verdict, calls, held.records)
    _doubles(verdict, calls, held.records)
    _kept(verdict, held)
    _undelivered(verdict, calls, held, unknown, outages)
    return verdict


def answers(
    verdict: Verdict, calls: Sequence[Call], outages: Sequence[Outage], right: Mapping[str, frozenset[str]]
) -> None:
    """Each call by itself: was its answer a right one, and if none came, why?"""
    for call in calls:
        if call.answer in right[call.kind]:
            continue
        honest = not right[call.kind].isdisjoint({TOKEN, ACTIVE})
        what = f"{call.rpc}, {call.kind}: {call.answer} {call.status} {call.cause} {call.decision}".strip()
        if call.answer == UNKNOWN:
            why = excused(call, outages)
            if why:
                verdict.excused[why] += 1
            elif honest:
                verdict.found("failed", what)
        elif call.answer in {TOKEN, ACTIVE}:
            verdict.found("served", what)
        else:
            verdict.found("failed" if honest else "wrong answer", what)


def _answered(verdict: Verdict, calls: Sequence[Call], records: Mapping[str, Row]) -> None:
    """What a client was told is on record, and says the same."""
    granted = {row.chain for row in records.values() if row.rpc == REDEEM and row.outcome == "granted"}
    for call in calls:
        if call.rpc not in RECORDED or call.answer == UNKNOWN:
            continue
        row = records.get(call.decision)
        if row is None:
            if call.answer not in NOT_DURABLE:
                verdict.found("no record", f"{call.answer} of {call.decision or 'no decision'} for {call.chain[:12]}")
            continue
        done = "revoked" if call.rpc == "RevokeToken" else "granted"
        wanted = (done, call.chain, call.token) if call.answer == TOKEN else ("refused", row.chain, "")
        if (row.outcome, row.chain, row.token if call.rpc == REDEEM else wanted[2]) != wanted:
            verdict.found("differs", f"{row.id}: {row.outcome}, {call.answer}")
        if call.answer == "ASSERTION_REPLAYED" and call.chain not in granted:
            verdict.found("never used", f"{call.chain[:12]} by {call.decision}")


def _unmatched(verdict: Verdict, calls: Sequence[Call], records: Sequence[Row]) -> dict[str, str]:
    """Records that no client was told of, by the call without an answer that caused each;
    what is left over is extra. Returns the chain of each that is accounted for."""
    told = {call.decision for call in calls if call.answer != UNKNOWN or call.decision}
    lone = Counter((call.rpc, call.chain) for call in calls if call.answer == UNKNOWN and not call.decision)
    accounted: dict[str, str] = {}
    for row in sorted(records, key=lambda row: not row.chain):
        if row.rpc not in RECORDED or row.id in told:
            continue
        causes = [(row.rpc, row.chain), (row.rpc, "")]
        if not row.chain:
            causes += [key for key in lone if key[0] == row.rpc]
        cause = next((key for key in causes if lone[key] > 0), None)
        if cause is None:
            verdict.found("extra record", f"{row.rpc} {row.outcome} {row.id} for {row.chain[:12]}")
        else:
            lone[cause] -= 1
            accounted[row.id] = row.chain
    return accounted


def _doubles(verdict: Verdict, calls: Sequence[Call], records: Sequence[Row]) -> None:
    """By what clients hold, and by what is on record."""
    got: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        if call.rpc == REDEEM and call.answer == TOKEN:
            got[call.chain].add(call.token)
    for row in records:
        if row.rpc == REDEEM and row.outcome == "granted":
            got[row.chain].add(row.token)
    verdict.tokens = sum(call.rpc == REDEEM and call.answer == TOKEN for call in calls)
    for chain, tokens in got.items():
        for _ in range(len(tokens) - 1):
            verdict.found("double", f"{len(tokens)} tokens of {chain[:12]}")


def _kept(verdict: Verdict, held: Held) -> None:
    """Marks, noted tokens and records of redemptions, each for each."""
    granted = [row for row in held.records if row.rpc == REDEEM and row.outcome == "granted"]
    by_id = {row.id: row for row in granted}
    used = {mark.decision: mark.digest for mark in held.marks}
    if len(used) < len(held.marks):
        verdict.found("mark", "one decision used two grants")
    for mark in held.marks:
        row = by_id.get(mark.decision)
        if row is None or row.jti != mark.digest:
            verdict.found("mark", f"used by {mark.decision}, which granted nothing of it")
    noted = {(row.chain, row.token) for row in granted}
    for chain, digest in held.issued - noted:
        verdict.found("issued", f"{digest[:12]} of {chain[:12]} is on no record")
    for row in granted:
        if row.id not in used:
            verdict.found("mark", f"{row.id} granted, and used nothing")
        if (row.chain, row.token) not in held.issued:
            verdict.found("issued", f"the token of {row.id} is not noted")


def _undelivered(
    verdict: Verdict, calls: Sequence[Call], held: Held, accounted: Mapping[str, str], outages: Sequence[Outage]
) -> None:
    """A redemption whose answer never arrived: nobody holds its token, and where the
    replica lived on it has revoked it."""
    last_kill = {o.replica: o.begun for o in outages if o.what.startswith("kill")}
    unknown = {call.decision: call for call in calls if call.answer == UNKNOWN and call.decision}
    for row in held.records:
        if row.rpc != REDEEM or row.outcome != "granted":
            continue
        verdict.undelivered += row.id in accounted or row.id in unknown
        call = unknown.get(row.id)
        if call is None or row.token in held.tombstones or row.chain in held.tombstones:
            continue
        if call.status == "UNAVAILABLE" and last_kill.get(call.replica, 0) < call.begun:
            verdict.found("undelivered", f"{row.id} was answered as unknown, and its token is good")
