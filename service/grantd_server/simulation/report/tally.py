"""Counts what would change, in bounded memory: a table of so many rows, and how much
found no room in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from grantd_server.simulation.report.result import Change, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.simulation.replay.answer import Answer
    from grantd_server.simulation.replay.case import Access, Case, Ended

MOST_ROWS: Final = 20_000
"""Rows of one table. A candidate that changes more for more people than that is known by
its counts."""


class _Row(NamedTuple):
    allowed: bool
    subject: str
    client: str
    resource: str
    scope: str


class Tally:
    """Counts cases; `examples` ids are kept of each row, the oldest."""

    def __init__(self, examples: int, most_rows: int = MOST_ROWS) -> None:
        self._examples = examples
        self._most = most_rows
        self._rows: dict[_Row, tuple[int, list[str], str]] = {}
        self._result = Result()
        self._skipped: Counter[str] = Counter()
        self._undetermined: Counter[str] = Counter()

    def skip(self, why: str) -> None:
        """A record that was not replayed."""
        self._skipped[why] += 1

    def add(self, decision_id: str, case: Case, ended: Ended, answer: Answer) -> None:
        """Compares how a decision ended with what the candidate answers."""
        result = self._result
        result.replayed += 1
        if answer.open:
            result.undetermined += 1
            self._undetermined.update(answer.open)
        elif answer.granted.keys() == ended.granted.keys():
            result.same += 1
            result.other_rule += answer.granted != ended.granted
        else:
            result.changed += 1
            names = {**answer.names, **ended.names}
            for access in answer.granted.keys() - ended.granted.keys():
                self._change(decision_id, _row(case, access, names, allowed=True), answer.granted[access])
            for access in ended.granted.keys() - answer.granted.keys():
                self._change(decision_id, _row(case, access, names, allowed=False), answer.denied.get(access, ""))

    def _change(self, decision_id: str, row: _Row, rule: str) -> None:
        found = self._rows.get(row)
        if found is None:
            if len(self._rows) >= self._most:
                self._result.unlisted += 1
                return
            found = (0, [], rule)
        count, examples, first_rule = found
        if len(examples) < self._examples:
            examples.append(decision_id)
        self._rows[row] = (count + 1, examples, first_rule)

    def result(self) -> Result:
        """What was counted."""
        self._result.skipped_by = dict(self._skipped)
        self._result.undetermined_by = dict(self._undetermined)
        self._result.changes = [Change(*row, *found) for row, found in self._rows.items()]
        return self._result


def _row(case: Case, access: Access, names: Mapping[str, str], *, allowed: bool) -> _Row:
    uri, scope = access
    return _Row(allowed, case.subject, case.client, names.get(uri, uri), scope)
