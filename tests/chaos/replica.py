"""A replica in a process of its own: `grantd serve rpc`, and what a test does to it.

`python -m chaos.replica CONFIG [--wrong NAME] [--pause STEP] [--clock SECONDS] [--memory ROOM]`
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from chaos.pauses import pause_at
from chaos.wrong_stores import WRONG, plant
from grantd_server.settings import Serving, load
from grantd_server.wiring.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.world import World


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--wrong", choices=WRONG)
    parser.add_argument("--pause")
    parser.add_argument("--clock", type=float, default=0.0)
    parser.add_argument("--memory", type=int)
    asked = parser.parse_args()
    if asked.wrong:
        plant(asked.wrong)
    if asked.pause:
        pause_at(asked.pause)
    if asked.clock:
        _set_clock(asked.clock)
    if asked.memory:
        _bound_memory(asked.memory)
    uvloop.run(serve(load(asked.config, os.environ), Serving.RPC))


def _set_clock(ahead: float) -> None:
    """The clock of this machine is wrong."""

    def change(world: World) -> None:
        world.clock = lambda: time.time() + ahead

    _once_built(change)


def _bound_memory(room: int) -> None:
    """What grows with use is full at once, so that growth after that is none of theirs."""

    def change(world: World) -> None:
        world.ledger._room = world.verified._most = room

    _once_built(change)


def _once_built(change: Callable[[World], None]) -> None:
    module: Any = importlib.import_module(serve.__module__)
    real = module.build

    def build(*values: Any) -> Any:
        parts = real(*values)
        change(parts.world)
        return parts

    module.build = build


if __name__ == "__main__":
    main()
