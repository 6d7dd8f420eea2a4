"""What linters look at: a bundle, compiled, with the rules as they are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.governance.analysis.linting.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.analysis.judging.judge import Judge
    from grantd_server.governance.testing.suites import Suite
    from grantd_server.policy.rules import Rule, RuleSet


class Listed(NamedTuple):
    """One rule, and the list it is of."""

    leg: int
    rules: RuleSet[Any]
    rule: Rule[Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """One bundle."""

    judge: Judge
    texts: Mapping[str, Mapping[str, Any]]
    """By rule: as it is written."""
    places: Mapping[str, str]
    suites: tuple[Suite, ...]
    now: int

    def listed(self) -> Iterator[Listed]:
        """Every rule that decides something, of both legs, in order."""
        lookups = self.judge.snapshot.lookups
        for leg, sets in ((1, lookups.grant_rules), (2, lookups.redemption_rules)):
            for name in sorted(sets):
                rules: RuleSet[Any] = sets[name]
                found = rules.allows.rules() | rules.denies.rules()
                yield from (Listed(leg, rules, found[rule]) for rule in sorted(found))

    def in_force(self) -> Iterator[Listed]:
        """Those that have not expired."""
        return (each for each in self.listed() if each.rule.in_force(self.now))

    def finding(self, code: str, severity: Severity, rule: str, sentence: str, remedy: str) -> Finding:
        """A finding about a rule, in its place."""
        return Finding(code, severity.value, rule, self.places.get(rule, ""), sentence, remedy)


def texts_of(document: bytes) -> dict[str, dict[str, Any]]:
    """The rules of a document as they are written, by id."""
    whole = json.loads(document)
    lists = [rules for section in ("grants", "redemptions") for rules in whole.get(section, {}).values()]
    return {rule["id"]: rule for rules in lists for rule in rules}
