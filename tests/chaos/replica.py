"""A replica in a process of its own: `grantd serve rpc`, and what a test does to it.

`python -m chaos.replica CONFIG [--wrong NAME] [--pause STEP] [--clock SECONDS]`
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path
from typing import Any

import uvloop

from chaos.pauses import pause_at
from chaos.wrong_stores import WRONG, plant
from grantd_server.settings import Serving, load
from grantd_server.wiring.serve import serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--wrong", choices=WRONG)
    parser.add_argument("--pause")
    parser.add_argument("--clock", type=float, default=0.0)
    asked = parser.parse_args()
    if asked.wrong:
        plant(asked.wrong)
    if asked.pause:
        pause_at(asked.pause)
    if asked.clock:
        _set_clock(asked.clock)
    uvloop.run(serve(load(asked.config, os.environ), Serving.RPC))


def _set_clock(ahead: float) -> None:
    """The clock of this machine is wrong."""
    module: Any = importlib.import_module(serve.__module__)
    real = module.build

    def build(*values: Any) -> Any:
        parts = real(*values)
        parts.world.clock = lambda: time.time() + ahead
        return parts

    module.build = build


if __name__ == "__main__":
    main()
