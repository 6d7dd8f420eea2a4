"""Who is compared: people whom no rule tells apart, as the bundle before knows them and the
one after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.analysis.judging.census import NOT_LISTED, Census
from grantd_server.governance.analysis.judging.open_ways import VOUCHED
from grantd_server.governance.analysis.judging.somebody import Somebody, can_be, plainest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.snapshot import Snapshot


class Human(NamedTuple):
    """People whom no rule tells apart; None where a directory refuses them."""

    before: Somebody | None
    after: Somebody | None
    said: Somebody
    """What only a sign-in says of them; of people of no directory, all there is to say."""
    subs: tuple[str, ...] = ()
    """Their names, where a directory of either bundle lists them."""

    def has(self, one: Somebody) -> bool:
        """Whether they are among those people in both bundles; nobody of whom a directory
        says nothing is told by what others have."""
        known = self.before is not None and self.after is not None
        return bool(self.subs) and known and all(one.within(each) for each in (self.before, self.after) if each)

    def named(self) -> Iterator[Somebody]:
        """Each of them by name; people of no directory together."""
        for sub in self.subs:
            yield replace(self.said, users=self.said.users | {f"{self.said.provider}:{sub}"})
        if not self.subs:
            yield self.said


class Humans:
    """The people of two bundles."""

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self._providers = {**old.identity_providers, **new.identity_providers}
        self._old, self._new = Census(old, new), Census(new, old)
        self._alike: dict[str, list[Human]] = {}

    def of(self, provider: str, people: list[Somebody]) -> Iterator[Human]:
        """Those of whom it makes a difference to be one of these people."""
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
        if provider not in self._alike:
            self._alike[provider] = list(self._grouped(provider))
        named = {name.partition(":")[2] for one in people for name in one.users if ":mailto:" not in name}
        strangers = [self._stranger(provider, sub) for sub in sorted(named - self._subs(provider))]
        said = plainest_first({_said(one) for one in people} | {Somebody(provider)})
        for human in (*self._alike[provider], *strangers):
            for more in said:
                before, after = (None if one is None else one.joined(more) for one in human[:2])
                yield Human(before, after, human.said.joined(more), human.subs)

    def _subs(self, provider: str) -> set[str]:
        directories = (each.directory(provider) for each in (self._old, self._new))
        return {sub for directory in directories if directory is not None for sub in directory.users}

    def _grouped(self, provider: str) -> Iterator[Human]:
        """Those who are not listed, and all who are: of very many, only few differ."""
        yield self._stranger(provider, "")
        alike: dict[tuple[Somebody | None, Somebody | None], list[str]] = {}
        for sub in sorted(self._subs(provider)):
            alike.setdefault(self._known(provider, sub), []).append(sub)
        for (before, after), subs in alike.items():
            yield Human(before, after, Somebody(provider), tuple(subs))

    def _stranger(self, provider: str, sub: str) -> Human:
        """Somebody in neither directory: with a name that rules know, or any other."""
        users = frozenset({f"{provider}:{sub}"} if sub else ())
        return Human(*self._known(provider, sub), Somebody(provider, users=users, unknown=NOT_LISTED))

    def _known(self, provider: str, sub: str) -> tuple[Somebody | None, Somebody | None]:
        """Where only one of the bundles has a directory, sign-ins are taken to say the same."""
        if self._old.directory(provider) is None:
            after = self._new.person(provider, sub)
            return after or Somebody(provider), after
        before = self._old.person(provider, sub)
        return before, before or Somebody(provider) if self._new.directory(provider) is None else self._new.person(
            provider, sub
        )


def words(told_as: Somebody) -> str:
    """For people."""
    if told_as.unknown and not told_as.users:
        return f"{told_as} who is not in its directory"
    return str(told_as)


def _said(one: Somebody) -> Somebody:
    return Somebody(one.provider, users=frozenset(n for n in one.users if ":mailto:" in n), claims=one.claims)
