"""The bundle that is tried, with everything that is the same for all cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.model.bundle.rules import State
from grantd_server.policy.recorded import names_in
from grantd_server.simulation.replay.open_rules import claim, reads
from grantd_server.simulation.replay.readings import reread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grantd_server.audit.pseudonym import Pseudonyms
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.rules import GrantInputs
    from grantd_server.model.registered import Registration
    from grantd_server.policy.rules import RuleSet
    from grantd_server.simulation.replay.case import Case

_CLAIMS = claim("", "").partition(":")[0]


class Candidate:
    """A compiled candidate; `document` is its content, and `keys` all pseudonym keys that
    records may have been written with."""

    def __init__(self, snapshot: Snapshot, document: Mapping[str, Any], keys: Sequence[Pseudonyms]) -> None:
        self.snapshot = snapshot
        self._document = document
        self._keys = {key.key_id: key for key in keys}
        lookups = snapshot.lookups
        self.names = {
            pseudonym: name
            for rules in lookups.grant_rules.values()
            for key in keys
            for pseudonym, name in names_in(rules, key.subject).items()
        }
        """Pseudonym to name, of all that rules name."""
        self._reads = {name: reads(rules) for name, rules in lookups.grant_rules.items()}
        self._changed: dict[str, Mapping[str, frozenset[str]]] = {}
        self._subjects: dict[tuple[str, str, str], frozenset[str]] = {}

    def knows(self, version: str) -> bool:
        """Whether it was told how that bundle read its sign-ins."""
        return version in self._changed

    def learn(self, version: str, document: Mapping[str, Any] | None) -> None:
        """Tells how an earlier bundle read its sign-ins; None where that is lost."""
        self._changed[version] = {} if document is None else reread(document, self._document)

    def changed(self, version: str, provider: str) -> frozenset[str]:
        """What of a provider's people this bundle reads otherwise than that one did."""
        return self._changed.get(version, {}).get(provider, frozenset())

    def client(self, case: Case) -> Registration | None:
        """The client as this bundle registers it; None where it would not be let in. What
        it proves itself with is not looked at."""
        found = self.snapshot.registration(case.issuer, case.client_id)
        return found if found is not None and found.client == case.client else None

    def unrecorded(self, case: Case, rules: RuleSet[Any], person: GrantInputs) -> frozenset[str]:
        """What these rules read and the record does not tell."""
        wanted = self._reads[rules.name]
        if not wanted:
            return wanted
        provider = person.identity_provider
        missing = set(self.changed(case.version, provider))
        for name in wanted:
            if name.startswith(f"{_CLAIMS}{provider}:") and name.partition(":")[2] not in person.claims:
                missing.add(name)
        if case.subject_key not in self._keys:
            # Nobody can say whose pseudonyms these are.
            known = [name for name, found in person.claims.items() if found.state is State.KNOWN]
            missing.update(("users", *(claim(provider, name) for name in known)))
        return wanted & missing

    def known_subjects(self, case: Case, issuer: str, subjects: frozenset[str]) -> frozenset[str] | None:
        """The pseudonyms of an issuer's known users; None where the key is lost."""
        key = self._keys.get(case.subject_key)
        if key is None:
            return None
        which = (case.subject_key, case.issuer, issuer)
        if which not in self._subjects:
            self._subjects[which] = frozenset(key.subject(f"{issuer}|{subject}") for subject in subjects)
        return self._subjects[which]
