"""Tries what rules say under every set of circumstances that they can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.moments import Moment, moments

if TYPE_CHECKING:
    from grantd_server.governance.analysis.judging.judge import Terms


def circumstances(now: int, *several: Terms) -> list[Moment]:
    """Those that any of the rules can tell apart, from now on."""
    every = {(term.rule.deny, term.clauses, term.rule.expires): term for terms in several for term in terms.every()}
    tenants = frozenset[str | None]().union(*(terms.tenants for terms in several))
    return moments(every.values(), now, tenants)


class Possible:
    """Whether there are circumstances under which a scope is granted; tried once for rules
    that want the same."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._known: dict[object, bool] = {}

    def __call__(self, terms: Terms) -> bool:
        wanted = terms.wants()
        if wanted not in self._known:
            tried = circumstances(self._now, terms)
            self._known[wanted] = any(terms.allow(moment, moment.inputs()) for moment in tried)
        return self._known[wanted]
