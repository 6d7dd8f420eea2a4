"""A rule, compiled: names resolved against what is registered, clauses ready to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs
from grantd_server.policy.clauses.who import AttemptT, Claim, Clause
from grantd_server.policy.index import Index, index_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.model.bundle.details import DetailTerms
    from grantd_server.policy.clauses.scope_sign_ins import Demands


@dataclass(frozen=True, slots=True)
class Rule(Generic[AttemptT]):
    """One rule. Resources, clients and scopes are sets of names: patterns were
    resolved at compile time, and equal patterns share one set."""

    id: str
    deny: bool
    resources: frozenset[str]
    clients: frozenset[str]
    scopes: frozenset[str]
    clauses: tuple[Clause[AttemptT], ...]
    """Every one must hold."""
    keys: tuple[str, ...] = ()
    """Index keys of its most selective clause; none: anybody."""
    unknown_key: str = ""
    """For a deny: the key under which it is found when that attribute is unknown."""
    shadow: bool = False
    expires: int | None = None
    """Seconds since the epoch; from then on the rule does nothing."""
    details: Mapping[str, DetailTerms] = field(default_factory=dict)
    """What it grants of each detail type, by name."""
    written: Mapping[str, str] = field(default_factory=dict)
    """`clients`, `resources` and `scopes` as the administrator wrote them."""

    def concerns(self, inputs: AttemptT) -> bool:
        """Whether the rule is about this client at this resource, now."""
        return inputs.resource in self.resources and inputs.client in self.clients and self.in_force(inputs.now)

    def in_force(self, now: int) -> bool:
        return self.expires is None or now < self.expires

    def matches(self, inputs: AttemptT) -> bool:
        """Whether every clause holds. Unknown counts against the asker: it fails an
        allow and satisfies a deny."""
        for clause in self.clauses:
            holds = clause.holds(inputs)
            if not holds and not (self.deny and holds is None):
                return False
        return True

    def failing(self, inputs: AttemptT) -> list[Clause[AttemptT]]:
        """The clauses that an allow lacks."""
        return [clause for clause in self.clauses if clause.holds(inputs) is not True]


@dataclass(frozen=True, slots=True)
class RuleSet(Generic[AttemptT]):
    """The rules of one issuer or authorization server, indexed."""

    name: str
    scopes: Mapping[str, frozenset[str]]
    """Registered scopes by resource name."""
    allows: Index[Rule[AttemptT]]
    denies: Index[Rule[AttemptT]]
    shadows: Index[Rule[AttemptT]]
    users: frozenset[str] = frozenset()
    """Every user key that a rule names; a recorded input is matched against them."""
    claim_values: frozenset[str] = frozenset()
    """Every claim value that a rule names, likewise."""
    demands: Mapping[str, Demands] = field(default_factory=dict)
    """By resource: what scopes demand of the sign-in; only of those that do."""
    claims: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """By identity provider: the claims that rules are filed under, each with what its
    index keys begin with."""
    detail_fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the name of a detail type: the fields that a rule names. Their values go on
    record, and no others do."""

    @classmethod
    def of(
        cls,
        name: str,
        scopes: Mapping[str, frozenset[str]],
        rules: Iterable[Rule[AttemptT]],
        users: frozenset[str] = frozenset(),
        claim_values: frozenset[str] = frozenset(),
    ) -> RuleSet[AttemptT]:
        """Indexes rules. Their order is lost on purpose: it never matters."""
        ordered = sorted(rules, key=lambda rule: rule.id)
        live = [rule for rule in ordered if not rule.shadow]
        fields: dict[str, frozenset[str]] = {}
        for rule in ordered:
            for kind, terms in rule.details.items():
                fields[kind] = fields.get(kind, frozenset()).union(name for name, _ in terms.fields)
        return cls(
            name=name,
            scopes=scopes,
            allows=index_of([rule for rule in live if not rule.deny]),
            denies=index_of([rule for rule in live if rule.deny]),
            shadows=index_of([rule for rule in ordered if rule.shadow]),
            users=users,
            claim_values=claim_values,
            claims=_claims(ordered),
            detail_fields=fields,
        )


def _claims(rules: Iterable[Rule[Any]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Read off the rules themselves: of a claim that were left out no deny would be found."""
    found: dict[str, set[tuple[str, str]]] = {}
    for clause in (clause for rule in rules for clause in rule.clauses):
        if isinstance(clause, Claim):
            found.setdefault(clause.provider, set()).add((clause.claim, clause.kind))
    return {provider: tuple(sorted(claims)) for provider, claims in found.items()}


GrantRules = RuleSet[GrantInputs]
RedemptionRules = RuleSet[RedemptionInputs]
