"""Moments as options: a duration from now, or a date; and how they are shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from grantd_server.cli.terminal.ending import USAGE, end


def moment_of(option: str, when: str | None) -> int | None:
    """A moment ahead, or a duration from now; None where none is given."""
    if when is None:
        return None
    from grantd_server.governance.faults import Wrong  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.reading.texts import scalars  # noqa: PLC0415 - the same
    from grantd_server.governance.reading.texts.nodes import Node  # noqa: PLC0415 - the same

    now, node = int(time.time()), Node(when, option)
    try:
        found = now + scalars.seconds(node) if when[-1:].islower() else scalars.instant(node)
    except Wrong:
        found = 0
    if found <= now:
        end(USAGE, [f"{option} is a duration such as 30d, or a moment ahead such as 2027-01-31T00:00:00Z."])
    return found


def moment_before(option: str, when: str) -> int:
    """A moment that is over, or a duration before now."""
    from grantd_server.governance.faults import Wrong  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.reading.texts import scalars  # noqa: PLC0415 - the same
    from grantd_server.governance.reading.texts.nodes import Node  # noqa: PLC0415 - the same

    now, node = int(time.time()), Node(when, option)
    try:
        found = now - scalars.seconds(node) if when[-1:].islower() else scalars.instant(node)
    except Wrong:
        found = now
    if not 0 < found < now:
        end(USAGE, [f"{option} is a duration such as 7d, or a moment that is over such as 2026-01-31T00:00:00Z."])
    return found


def shown(moment: int) -> str:
    """A moment for people and programs alike."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
