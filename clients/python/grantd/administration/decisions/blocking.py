"""`Decisions`: what was decided, why, and what it is part of, from threads.

Every method raises `grantd.errors.Refused` for a "no" and `Unavailable` when there is no
answer. Each only reads, and is tried again when the service is UNAVAILABLE.
"""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from grantd.administration.decisions import calls
from grantd.administration.decisions.calls import DecisionFilter
from grantd.administration.times import ACT
from grantd.client.calling.blocking import Caller
from grantd.client.retry import is_planned_end
from grantd.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from grantd.administration.decisions import results
    from grantd.administration.decisions.calls import View

_ANY = DecisionFilter()


class Decisions(Caller):
    """DecisionService, from threads; each call blocks."""

    _services = calls.SERVICES
    _usual_deadline = ACT

    def explain_decision(self, decision_id: str, *, view: View | None = None) -> results.Explanation:
        """What was checked, with expected and got, the rules, and whose job it is now.

        `view` shows no more than that role may see. `Refused` with `code` NOT_FOUND where
        there is no such record.
        """
        return self._run(calls.explain_decision(decision_id, view))

    def list_decisions(self, which: DecisionFilter = _ANY, *, limit: int | None = None) -> Iterator[results.Decision]:
        """Decisions, the newest first, read page by page as they are taken."""
        return self._rows(partial(calls.list_decisions, which), limit)

    def follow_decisions(self, which: DecisionFilter = _ANY) -> Generator[results.Followed, None, None]:
        """Decisions as they are committed, from now on and without an end. Close it to
        leave: `with contextlib.closing(decisions.follow_decisions()) as followed:`.

        The service ends each stream after 15 minutes; then this comes again, and what
        was decided in between is in `list_decisions` only. Any other end is raised.
        """
        while True:
            try:
                with closing(self._answers(calls.follow_decisions(which))) as told:
                    yield from told
            except Unavailable as error:
                if not is_planned_end(error):
                    raise
            time.sleep(self._retry.first_pause)

    def trace_chain(self, name: str, *, view: View | None = None) -> results.Chain:
        """A chain from sign-in to revocation, named by itself or by any decision on it.
        `view` as for `explain_decision`."""
        return self._run(calls.trace_chain(name, view))

    def report_access(self, *, since: float | None = None, until: float | None = None) -> Iterator[results.AccessUse]:
        """Clients by resources: users, grants, tokens, last use, and scopes that nobody
        used, between two moments in seconds since the epoch. Observers may not call."""
        with closing(self._answers(calls.report_access(since, until))) as parts:
            for part in parts:
                yield from part
