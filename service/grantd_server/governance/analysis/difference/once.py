"""What was told already: what holds for fewer attributes holds for more, and is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.governance.analysis.judging.somebody import Somebody


class Once:
    """Of one scope at one place; the plainest people have to come first."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, frozenset[str], str], list[Somebody]] = {}
        """By what is not known of them, since those who are not listed never stand for those
        who are; and by a name: of very many who are told by name, no two are compared."""

    def first(self, somebody: Somebody, change: str, when: str) -> bool:
        """Whether nothing that was told says so of them."""
        unknown = somebody.unknown
        keys = [(change, text, unknown, name) for text in {"", when} for name in ("", *somebody.users)]
        if any(one.within(somebody) for key in keys for one in self._told.get(key, ())):
            return False
        self._told.setdefault((change, when, unknown, min(somebody.users, default="")), []).append(somebody)
        return True
