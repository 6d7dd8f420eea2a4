"""Who is compared: one person, as the bundle before knows them and the one after."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.analysis.judging.census import NOT_LISTED, Census
from grantd_server.governance.analysis.judging.open_ways import VOUCHED
from grantd_server.governance.analysis.judging.somebody import NOBODY, Somebody, can_be

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.snapshot import Snapshot


class Human(NamedTuple):
    """One person; None where a directory refuses them."""

    told_as: Somebody
    """By the fewest attributes that decide, or by name."""
    before: Somebody | None
    after: Somebody | None

    def words(self) -> str:
        """For people."""
        if self.told_as.unknown and not self.told_as.users:
            return f"{self.told_as} who is not in its directory"
        return str(self.told_as)


class Humans:
    """The people of two bundles."""

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self._providers = {**old.identity_providers, **new.identity_providers}
        self._old, self._new = Census(old, new), Census(new, old)

    def of(self, provider: str, people: list[Somebody]) -> Iterator[Human]:
        """Those of whom it makes a difference to be one of these people, plainest first."""
        if provider == VOUCHED:
            yield from (Human(one, one, one) for one in people)
        elif self._old.directory(provider) is None and self._new.directory(provider) is None:
            for one in people:
                if can_be(one, self._providers[provider]):
                    yield Human(one, one, one)
        else:
            yield from self._listed(provider, people)

    def _listed(self, provider: str, people: list[Somebody]) -> Iterator[Human]:
        """Everybody in either directory, and one who is in none, each with what only a
        sign-in says: claims, and addresses."""
        directories = [found for each in (self._old, self._new) if (found := each.directory(provider)) is not None]
        subs = {sub for directory in directories for sub in directory.users} | {""}
        subs |= {name.partition(":")[2] for one in people for name in one.users if ":mailto:" not in name}
        said = {_said(one) for one in people} | {Somebody(provider)}
        seen: set[tuple[Somebody | None, Somebody | None]] = set()
        for sub in sorted(subs):
            pair = self._known(provider, sub)
            for more in said:
                before, after = (None if one is None else one.joined(more) for one in pair)
                if before != after or (before, after) not in seen:
                    seen.add((before, after))
                    yield Human(_told_as(provider, sub, people, before, after), before, after)

    def _known(self, provider: str, sub: str) -> tuple[Somebody | None, Somebody | None]:
        """Where only one of the bundles has a directory, sign-ins are taken to say the same."""
        if self._old.directory(provider) is None:
            after = self._new.person(provider, sub)
            return after or Somebody(provider), after
        before = self._old.person(provider, sub)
        return before, before or Somebody(provider) if self._new.directory(provider) is None else self._new.person(
            provider, sub
        )


def _said(one: Somebody) -> Somebody:
    return Somebody(one.provider, users=frozenset(n for n in one.users if ":mailto:" in n), claims=one.claims)


def _told_as(
    provider: str, sub: str, people: list[Somebody], before: Somebody | None, after: Somebody | None
) -> Somebody:
    """By attributes where the person has the same in both; by name where a directory moved them."""
    if before is not None and after is not None:
        for one in people:
            if one.within(before) and one.within(after):
                return one
    known = after or before or Somebody(provider)
    users = frozenset({f"{provider}:{sub}"}) if sub else NOBODY
    return Somebody(
        provider, users=users | _said(known).users, claims=known.claims, unknown=NOBODY if sub else NOT_LISTED
    )
