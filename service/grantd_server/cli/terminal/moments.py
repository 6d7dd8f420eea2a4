"""Moments as options: a duration from now or before it, or a date; and how they are shown."""

from __future__ import annotations

import time

from grantd_server.cli.terminal.ending import USAGE, end

AHEAD = "a duration such as 30d, or a moment ahead such as 2027-01-31T00:00:00Z"
OVER = "a duration such as 30d, or a moment that is over such as 2026-01-31T00:00:00Z"


def moment_of(option: str, when: str | None) -> int | None:
    """A moment ahead, or a duration from now; None where none is given."""
    if when is None:
        return None
    now = int(time.time())
    found = _read(option, when, now, 1)
    if found is None or found <= now:
        end(USAGE, [f"{option} is {AHEAD}."])
    return found


def moment_before(option: str, when: str | None) -> int:
    """A moment that is over, or a duration before now; 0 where none is given."""
    if when is None:
        return 0
    now = int(time.time())
    found = _read(option, when, now, -1)
    if found is None or not 0 < found < now:
        end(USAGE, [f"{option} is {OVER}."])
    return found


def instant_of(option: str, when: str) -> int:
    """A moment, whenever it is."""
    found = None if when[-1:].islower() else _read(option, when, 0, 1)
    if found is None:
        end(USAGE, [f"{option} is a moment with its offset such as 2027-01-31T09:00:00Z."])
    return found


def _read(option: str, when: str, now: int, direction: int) -> int | None:
    from grantd_server.governance.faults import Wrong  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.reading.texts import scalars  # noqa: PLC0415 - the same
    from grantd_server.governance.reading.texts.nodes import Node  # noqa: PLC0415 - the same

    node = Node(when, option)
    try:
        return now + direction * scalars.seconds(node) if when[-1:].islower() else scalars.instant(node)
    except Wrong:
        return None
