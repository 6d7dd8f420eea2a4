"""What the engine answers for one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.simulation.replay.case import Access


@dataclass(frozen=True, slots=True)
class Answer:
    """What would be granted, or why nobody can tell."""

    granted: dict[Access, str] = field(default_factory=dict)
    denied: dict[Access, str] = field(default_factory=dict)
    """What a deny covers, with its rule: shown beside what is lost."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Spelling to the candidate's name of the resource."""
    open: frozenset[str] = frozenset()
    """What was not recorded and would decide it; empty where the answer is certain."""


def refused() -> Answer:
    """Refused, whatever the rules say."""
    return Answer()


def undetermined(*attributes: str) -> Answer:
    """Nobody can tell without these."""
    return Answer(open=frozenset(attributes))
