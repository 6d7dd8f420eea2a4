"""The life of our keys in four steps: publish, activate, retire, remove; and taint.

Each step holds the directory's lock and reads what is there before it writes, so two
processes that rotate at once make one successor, and a repeated step changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import active_of
from grantd_server.keys.own.stored import State, StoredKey, create

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.keys.own.files import KeyDirectory
    from grantd_server.keys.own.ring import Needed

DAY: Final = 86_400
SHORTEST_LEAD: Final = 300
"""Seconds between publication and first use, at least: verifiers keep a JWKS that long."""


class RotationRefused(Exception):
    """A step that would leave an issuer without a key or break honest tokens."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When keys rotate by themselves; seconds."""

    ages: Mapping[Purpose, int] = field(
        default_factory=lambda: {
            Purpose.GRANT_SIGNING: 30 * DAY,
            Purpose.ACCESS_TOKEN: 30 * DAY,
            Purpose.CLIENT_ASSERTION: 30 * DAY,
            Purpose.CHECKPOINT: 365 * DAY,
            Purpose.PSEUDONYM: 365 * DAY,
            Purpose.DPOP_NONCE: 30 * DAY,
        }
    )
    """How long a key signs. A purpose that is not named rotates by command only."""
    lead: int = 2 * SHORTEST_LEAD
    """From publication to first use: one cache lifetime of our JWKS or more (E-18)."""
    keep: int = DAY
    """From the last use to removal: the longest token plus the skew or more (E-18)."""

    def __post_init__(self) -> None:
        if self.lead < SHORTEST_LEAD:
            raise ValueError(f"a key is published {SHORTEST_LEAD} seconds before its first use or earlier")

    def lead_of(self, purpose: Purpose) -> int:
        """Nobody has to learn a secret, so it needs no lead."""
        return 0 if purpose.symmetric else self.lead


_KEPT_FOR_EVER: Final = frozenset({Purpose.CHECKPOINT, Purpose.PSEUDONYM, Purpose.PAIRWISE, Purpose.ENVELOPE})
"""Old records are read with old keys: these are removed by command only."""


class Rotation:
    """The steps, on one directory. `now` is wall-clock seconds."""

    def __init__(self, directory: KeyDirectory, schedule: Schedule) -> None:
        self._directory = directory
        self._schedule = schedule

    def create(self, issuer: str, purpose: Purpose, alg: str, now: int) -> StoredKey:
        """Makes the first key of a purpose, in use at once: no verifier has an older set."""
        with self._directory.changing():
            ours = self._keys(issuer, purpose)
            if active_of(ours):
                raise RotationRefused("There is an active key already; publish its successor instead.")
            return self._begin(create(issuer, purpose, alg, _next(ours), now).activate(now), ours, now)

    def ensure(self, needed: Iterable[Needed], now: int) -> list[StoredKey]:
        """Makes the needed keys that are not there. For development only: the caller asks
        its switch before."""
        made = []
        for each in needed:
            with self._directory.changing():
                ours = self._keys(each.issuer, each.purpose)
                if any(key.alg == each.alg for key in active_of(ours)):
                    continue
                fresh = create(each.issuer, each.purpose, each.alg, _next(ours), now)
                made.append(self._begin(fresh.activate(now), ours, now))
        return made

    def publish(self, issuer: str, purpose: Purpose, now: int, alg: str | None = None) -> StoredKey:
        """Step 1: makes a successor that others may learn and that does not sign yet. One
        that is published already is the successor."""
        if purpose is Purpose.PAIRWISE:
            raise RotationRefused("With another key everybody would be a stranger everywhere; it has no successor.")
        with self._directory.changing():
            return self._publish(self._keys(issuer, purpose), _active(self._keys(issuer, purpose)), now, alg)

    def activate(self, issuer: str, purpose: Purpose, now: int, *, at_once: bool = False) -> StoredKey:
        """Steps 2 and 3: the successor signs, and its predecessor retires."""
        with self._directory.changing():
            ours = self._keys(issuer, purpose)
            successor = _successor(ours)
            if successor is None:
                raise RotationRefused("No successor is published; publish one first.")
            wait = successor.created + self._schedule.lead_of(purpose) - now
            if wait > 0 and not at_once:
                raise RotationRefused(f"Verifiers may not know the successor yet; wait {wait} seconds.")
            return self._begin(successor.activate(now), ours, now)

    def retire(self, issuer: str, purpose: Purpose, kid: str, now: int) -> StoredKey:
        """Step 3 by command: a published key that shall never sign, or a superseded one."""
        with self._directory.changing():
            ours = self._keys(issuer, purpose)
            key = _named(ours, kid)
            if key in active_of(ours):
                raise RotationRefused("The key is the one in use; activate its successor instead.")
            if key.state is State.TAINTED:
                raise RotationRefused("The key is tainted, which is final.")
            retired = key if key.state is State.RETIRED else key.retire(now)
            self._directory.write(retired)
            return retired

    def remove(self, issuer: str, purpose: Purpose, kid: str, now: int, *, at_once: bool = False) -> None:
        """Step 4: deletes a key whose last token has expired."""
        with self._directory.changing():
            key = _named(self._keys(issuer, purpose), kid)
            if key.state not in {State.RETIRED, State.TAINTED}:
                raise RotationRefused(f"The key is {key.state.value}; only a retired or tainted key is removed.")
            wait = (key.retired or 0) + self._schedule.keep - now
            if key.state is State.RETIRED and wait > 0 and not at_once:
                raise RotationRefused(f"Tokens that it signed may live; wait {wait} seconds.")
            self._directory.delete(key)

    def taint(self, issuer: str, purpose: Purpose, kid: str, now: int) -> StoredKey | None:
        """Withdraws a key at once and forgets its private half; what it signed is refused.

        Returns the successor when the key was in use. It signs at once, although
        verifiers with an old copy of our JWKS have to fetch it first.
        """
        with self._directory.changing():
            ours = self._keys(issuer, purpose)
            key = _named(ours, kid)
            successor = None
            if key in active_of(ours):
                waiting = _successor(ours) or create(issuer, purpose, key.alg, _next(ours), now)
                successor = waiting.activate(now)
                self._directory.write(successor)
            if key.state is not State.TAINTED:
                self._directory.write(key.taint(now))
            return successor

    def by_age(self, now: int) -> list[str]:
        """Takes every step that is due, for all keys; says what was done."""
        done = []
        with self._directory.changing():
            keys = self._directory.read_locked()
            for use in sorted({(key.issuer, key.purpose.value) for key in keys}):
                done += self._due([key for key in keys if (key.issuer, key.purpose.value) == use], now)
        return done

    def _due(self, ours: list[StoredKey], now: int) -> list[str]:
        purpose = ours[0].purpose
        lead, age, successor = self._schedule.lead_of(purpose), self._schedule.ages.get(purpose), _successor(ours)
        done = []
        for active in active_of(ours):
            if age is None:
                break
            ends = (active.activated or active.created) + age
            if now >= ends - lead and successor is None:
                successor = self._publish(ours, active, now, None)
                done.append(f"published {successor.kid}")
            if successor is not None and now >= max(ends, successor.created + lead):
                self._begin(successor.activate(now), ours, now)
                return [*done, f"activated {successor.kid}"]
        return done + self._tidied(ours, now)

    def _tidied(self, ours: list[StoredKey], now: int) -> list[str]:
        done = []
        in_use = active_of(ours)
        for key in ours:
            if key.state is State.ACTIVE and key not in in_use:
                self._directory.write(key.retire(now))  # its rotation died half-way
                done.append(f"retired {key.kid}")
            over = key.state is State.RETIRED and (key.retired or 0) + self._schedule.keep <= now
            if over and key.purpose not in _KEPT_FOR_EVER:
                self._directory.delete(key)
                done.append(f"removed {key.kid}")
        return done

    def _keys(self, issuer: str, purpose: Purpose) -> list[StoredKey]:
        return [key for key in self._directory.read_locked() if key.issuer == issuer and key.purpose is purpose]

    def _publish(self, ours: list[StoredKey], active: StoredKey, now: int, alg: str | None) -> StoredKey:
        successor = _successor(ours)
        if successor is None:
            successor = create(active.issuer, active.purpose, alg or active.alg, _next(ours), now)
            self._directory.write(successor)
        return successor

    def _begin(self, key: StoredKey, ours: list[StoredKey], now: int) -> StoredKey:
        # The successor first: whoever reads after a crash in between finds two active
        # keys and uses the newer, never none.
        self._directory.write(key)
        for other in ours:
            if other.state is State.ACTIVE:
                self._directory.write(other.retire(now))
        return key


def _next(ours: list[StoredKey]) -> int:
    return max((key.number for key in ours), default=0) + 1


def _active(ours: list[StoredKey]) -> StoredKey:
    for key in active_of(ours):
        return key
    raise RotationRefused("There is no active key; create the first one.")


def _successor(ours: list[StoredKey]) -> StoredKey | None:
    """The newest published key that is newer than the one in use."""
    newest = max((key.number for key in active_of(ours)), default=0)
    waiting = [key for key in ours if key.state is State.PUBLISHED and key.number > newest]
    return max(waiting, key=lambda key: key.number, default=None)


def _named(ours: list[StoredKey], kid: str) -> StoredKey:
    for key in ours:
        if key.kid == kid:
            return key
    raise RotationRefused("There is no key with this kid for this issuer and purpose.")
