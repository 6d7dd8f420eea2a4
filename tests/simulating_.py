"""Simulations against a running service: its store, its keys, children of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import organisation as org
from grantd_server.governance.document import canonical
from grantd_server.simulation.running.simulator import Simulator, pseudonym_keys
from grantd_server.store.opening import Opening

if TYPE_CHECKING:
    from grantd_server.simulation.report.result import Result
    from house import House


def simulator(house: House, processes: int = 1) -> Simulator:
    opening = Opening(f"sqlite:///{house.folder / 'grantd.db'}", "test")
    return Simulator(opening, lambda: pseudonym_keys(house.parts.world.ring.keys), processes)


async def simulated(house: House, document: dict[str, Any] | None = None, **more: Any) -> Result:
    """What a candidate changes of all that was decided so far; the active bundle, if none is named."""
    content = canonical(org.bundle() if document is None else document)
    return await simulator(house, more.pop("processes", 1)).simulate(content, 0, house.now + 60, **more)
