"""What GovernanceService answers: frozen values. Moments are seconds since the epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. Credentials are never shown."""

    kind: str
    """`added`, `removed` or `changed`."""
    section: str
    name: str
    """The object; of a rule its list and id."""
    field: str
    """Empty where the whole object came or went."""
    before: str
    """As JSON; empty where there was none."""
    after: str


@dataclass(frozen=True, slots=True)
class AccessChange:
    """Who gains or loses what."""

    gained: bool
    """Lost otherwise."""
    subject: str
    """As a rule names them: `group corp:engineering`."""
    client: str
    resource: str
    scope: str
    rules_before: tuple[str, ...]
    """The rules that decided it before; empty where none did."""
    rules_after: tuple[str, ...]
    when: str
    """Circumstances under which it is so, one example; empty means always."""
    issuer: str
    """Who grants it."""


@dataclass(frozen=True, slots=True)
class BundleDiff:
    """What differs between two versions."""

    from_version: str
    """Empty where there was none."""
    to_version: str
    fields: tuple[FieldChange, ...]
    access: tuple[AccessChange, ...]
    more_fields: int
    """How many of `fields` were left out, to keep the answer short."""
    more_access: int


@dataclass(frozen=True, slots=True)
class PolicyTestFailure:
    """One policy test that failed."""

    name: str
    """Suite and name."""
    place: str
    """`file:line:column`."""
    expected: str
    got: str
    because: tuple[str, ...]
    """The rule that decided, or the nearest misses."""


@dataclass(frozen=True, slots=True)
class PolicyTests:
    """What the policy tests of a directory said."""

    total: int
    failed: int
    failures: tuple[PolicyTestFailure, ...]
    """The last may be left out, to keep the answer short."""


@dataclass(frozen=True, slots=True)
class ReplayCount:
    """What a candidate would change of what was decided, in short."""

    changed: int
    """Decisions that would end otherwise."""
    undetermined: int
    """Decisions that hang on what was not recorded."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a directory that was applied, or tried."""

    version: str
    """Of the directory."""
    epoch: int
    """In force afterwards."""
    activated: bool
    """Whether this call put it in force. False after a dry run, and where it was in force already."""
    compared_epoch: int
    """What it was compared with: the `expected_epoch` to apply it with."""
    diff: BundleDiff
    tests: PolicyTests
    replay: ReplayCount | None
    """None where no replay was asked for."""
    decision_id: str | None
    """Of the act, on record."""


@dataclass(frozen=True, slots=True)
class Activated:
    """What came of a version that was put in force."""

    epoch: int
    changed: bool
    """False where it was in force already."""
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class BundleVersion:
    """One stored version."""

    version: str
    stored: int
    author: str
    reason: str
    active: bool
    """Whether it is in force."""
    epoch: int | None
    """That it was last put in force with; None where it never was."""
    activated: int | None
    activated_by: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version's document."""

    version: str
    epoch: int
    """In force when it was read, be it with this version or another."""
    document: bytes = field(repr=False)
    """Canonical JSON, of which `version` is the hash."""

    def content(self) -> dict[str, Any]:
        """The document as Python values."""
        found: dict[str, Any] = json.loads(self.document)
        return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a simulation is."""

    done: int
    total: int
    """As far as is known."""


@dataclass(frozen=True, slots=True)
class SimulatedChange:
    """Decisions that would end otherwise, alike in who, through what, on what."""

    allowed: bool
    """Newly allowed; newly refused otherwise."""
    subject: str
    """The pseudonym of the user."""
    client: str
    resource: str
    scope: str
    count: int
    examples: tuple[str, ...]
    """Some of their ids, to explain."""
    rule: str
    """That would decide now; empty where none would."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a candidate would change of what was decided; counts of decisions."""

    replayed: int
    """`same`, `changed` and `undetermined` together."""
    same: int
    changed: int
    undetermined: int
    """Hang on what was not recorded."""
    undetermined_by: Mapping[str, int]
    """The same by attribute: a decision is counted with each that it hangs on."""
    other_rule: int
    """Of `same`: by another rule."""
    skipped: int
    """Could not be replayed."""
    skipped_by: Mapping[str, int]
    changes: tuple[SimulatedChange, ...]
    """The most frequent first."""
    more_changes: int
    """Rows beyond those listed."""
    unlisted: int
    """Changes of a scope that found no room in the table of changes."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block in force."""

    kind: str
    name: str
    reason: str
    until: int | None
    """When it ends by itself; None: when it is lifted."""
    author: str
    """Who blocked it."""
    since: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """A chain that is revoked."""

    chain: str
    tokens: int
    """Live tokens and grants that were revoked with it."""
    decision_id: str | None
