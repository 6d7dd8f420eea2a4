"""Decides one case again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.model.bundle.rules import GrantInputs
from grantd_server.simulation.replay.answer import refused
from grantd_server.simulation.replay.exchanges import replay_exchange
from grantd_server.simulation.replay.redemptions import replay_redemption

if TYPE_CHECKING:
    from grantd_server.simulation.replay.answer import Answer
    from grantd_server.simulation.replay.candidate import Candidate
    from grantd_server.simulation.replay.case import Case


def replay(candidate: Candidate, case: Case) -> Answer:
    """What the candidate answers. A function of its two arguments: nothing is kept."""
    if case.stopped:
        return refused()
    person = case.person
    if isinstance(person, GrantInputs):
        return replay_exchange(candidate, case, person)
    return replay_redemption(candidate, case, person)
