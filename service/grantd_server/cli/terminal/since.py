"""`--since`: a moment that is over, or a duration before now."""

from __future__ import annotations

import time

from grantd_server.cli.terminal.ending import USAGE, end


def moment_past(option: str, when: str | None) -> int:
    """Seconds since the epoch; 0 where none is given."""
    if when is None:
        return 0
    from grantd_server.governance.faults import Wrong  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.reading.texts import scalars  # noqa: PLC0415 - the same
    from grantd_server.governance.reading.texts.nodes import Node  # noqa: PLC0415 - the same

    now, node = int(time.time()), Node(when, option)
    try:
        found = now - scalars.seconds(node) if when[-1:].islower() else scalars.instant(node)
    except Wrong:
        found = now
    if not 0 <= found < now:
        end(USAGE, [f"{option} is a duration such as 30d, or a moment that is over, such as 2026-01-31T00:00:00Z."])
    return found
