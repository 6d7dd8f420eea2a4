"""Representative circumstances: for every way in which some clauses can hold or fail
together, one sign-in, address, time and tenant at which they do."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any

from grantd_server.model.bundle.rules import UNKNOWN, GrantInputs, SignIn
from grantd_server.policy.clauses.circumstances import Networks, Window
from grantd_server.policy.clauses.sign_in import Acr, Amr, AuthAge, SignedInSince
from grantd_server.policy.clauses.who import Tenants

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from grantd_server.governance.analysis.judging.judge import Term
    from grantd_server.policy.clauses.who import Clause

MOST = 20_000
"""Circumstances of one comparison. Beyond it one is tried for each set of rules that can
hold together, which is as exact and tells less of when."""

OTHER = "another"
"""A value that no rule names."""

DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Moment:
    """One set of circumstances."""

    now: int
    acr: str | None = None
    amr: tuple[str, ...] | None = None
    auth_time: int | None = None
    address: str | None = None
    tenant: str | None = None

    def inputs(self) -> GrantInputs:
        """What the clauses about circumstances read."""
        sign_in = SignIn(self.acr, self.amr, self.auth_time)
        who = (UNKNOWN, UNKNOWN, UNKNOWN)
        return GrantInputs("", *who, {}, "", "", (), sign_in, self.address, self.now, self.tenant)


def moments(terms: Collection[Term], now: int, tenants: Collection[str | None]) -> list[Moment]:
    """Every combination that the clauses of these rules can tell apart, from now on."""
    clauses = {clause for term in terms for clause in term.clauses}
    expiries = {term.rule.expires for term in terms if term.rule.expires is not None}
    times = _times(clauses, {moment for moment in expiries if moment > now}, now)
    parts: list[list[dict[str, Any]]] = [
        [{"tenant": value} for value in sorted(tenants, key=lambda one: one or "")],
        [{"acr": value} for value in _acrs(clauses)],
        [{"amr": value} for value in _amrs(clauses)],
        [{"address": value} for value in _addresses(clauses)],
        [{"now": moment, "auth_time": since} for moment in times for since in _sign_ins(clauses, moment)],
    ]
    size = prod(len(part) for part in parts)
    chosen = map(_joined, product(*parts)) if size <= MOST else _told_apart(parts, tuple(terms))
    return [Moment(**each) for each in chosen]


_KINDS = ((Tenants,), (Acr,), (Amr,), (Networks,), (Window, AuthAge, SignedInSince))
"""The clauses that read each part of a moment."""


def _told_apart(parts: list[list[dict[str, Any]]], terms: tuple[Term, ...]) -> Iterable[dict[str, Any]]:
    """One combination for each set of rules that hold, part by part: of two beginnings
    under which the same rules can still hold, the first goes on."""
    every = frozenset(range(len(terms)))
    found: dict[tuple[object, frozenset[int]], dict[str, Any]] = {(None, every): {}}
    for part, kinds in zip(parts, _KINDS, strict=True):
        longer: dict[tuple[object, frozenset[int]], dict[str, Any]] = {}
        for value in part:
            inputs = Moment(**{"now": 0, **value}).inputs()
            left = frozenset(n for n, term in enumerate(terms) if term.can_hold(inputs, kinds))
            if "now" in value:
                left = frozenset(n for n in left if terms[n].rule.in_force(inputs.now))
            for (tenant, able), chosen in found.items():
                longer.setdefault((value.get("tenant", tenant), able & left), chosen | value)
        found = longer
    return found.values()


def _joined(chosen: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in chosen for name, value in part.items()}


def _acrs(clauses: Iterable[Clause[Any]]) -> list[str | None]:
    named = [frozenset(clause.values) for clause in clauses if isinstance(clause, Acr)]
    told_apart = {
        tuple(value in each for each in named): value for value in sorted(frozenset().union(*named), reverse=True)
    }
    return [*sorted(told_apart.values()), OTHER, None] if named else [None]


def _amrs(clauses: Iterable[Clause[Any]]) -> list[tuple[str, ...] | None]:
    """A method that an allow wants may come with one that a deny forbids: pairs."""
    named = [clause.values for clause in clauses if isinstance(clause, Amr)]
    told_apart = {
        tuple(value in each for each in named): value for value in sorted(frozenset().union(*named), reverse=True)
    }
    values = sorted(told_apart.values())
    if not values:
        return [None]
    return [*((value,) for value in values), *combinations(values, 2), (), None]


def _addresses(clauses: Iterable[Clause[Any]]) -> list[str | None]:
    """Both ends of every network and what lies beyond them: a stretch between two ends is
    in the same networks from one end to the other."""
    found: dict[tuple[bool, ...], str] = {}
    networks = [network for clause in clauses if isinstance(clause, Networks) for network in clause.values]
    for network in networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        kind = type(network.network_address)
        for number in (first, last, first - 1, last + 1):
            if 0 <= number < 1 << network.max_prefixlen:
                address = kind(number)
                if getattr(address, "ipv4_mapped", None) is None:
                    found.setdefault(tuple(address in other for other in networks), str(address))
    if networks and not any(not any(inside) for inside in found):
        found[()] = _outside(networks)
    return [*found.values(), None] if networks else [None]


def _outside(networks: list[Any]) -> str:
    """An address of the other family, where one family is covered as a whole."""
    return (
        "2001:db8::1" if any(network.version == 4 for network in networks) else str(ipaddress.ip_address("192.0.2.1"))
    )


def _sign_ins(clauses: Iterable[Clause[Any]], now: int) -> list[int | None]:
    """Just now, and just too long ago for each demand."""
    edges = {now - clause.seconds - 1 for clause in clauses if isinstance(clause, AuthAge)}
    for clause in clauses:
        if isinstance(clause, SignedInSince):
            edges |= {edge for edge in (clause.moment, clause.moment - 1) if edge <= now}
    return [now, *sorted(edges, reverse=True), None] if edges else [None]


def _times(clauses: Collection[Clause[Any]], expiries: set[int], now: int) -> list[int]:
    """Now, when each rule has expired, and within a week of either every beginning and
    end of a window; of those that no clause tells apart, the first."""
    windows = [clause for clause in clauses if isinstance(clause, Window)]
    starts = sorted({now, *expiries, *(c.moment for c in clauses if isinstance(c, SignedInSince) and c.moment > now)})
    found: dict[tuple[object, ...], int] = {}
    for start in starts:
        for moment in (start, *(edge for window in windows for edge in _edges(window, start))):
            passed = sum(moment >= one for one in starts)
            found.setdefault((passed, *(window.holds(Moment(moment).inputs()) for window in windows)), moment)
    return list(found.values())


def _edges(window: Window, start: int) -> Iterator[int]:
    local = datetime.fromtimestamp(start, window.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(8):
        for minute in (window.since, window.until):
            moment = int((local + timedelta(days=day, minutes=minute)).timestamp())
            if moment >= start:
                yield moment
