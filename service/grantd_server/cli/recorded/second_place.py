"""Signs what an administrator did to records on purpose, where checkpoints go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from grantd_server.cli.terminal.ending import USAGE, end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.audit.chain import Head
    from grantd_server.audit.checkpoint import Kind
    from grantd_server.settings import Settings
    from grantd_server.store import Store

LONGEST_REASON = 256


async def sign_boundary(settings: Settings, store: Store, pruned: Sequence[Head], why: str) -> int:
    """Signs which records are about to be deleted; call it before. Returns the number of
    the checkpoint; 0 where there is no second place. Raises NotTaken."""
    from grantd_server.audit.checkpoint import Kind  # noqa: PLC0415 - late, as all commands

    return await _sign(settings, store, Kind.BOUNDARY, pruned, why)


async def sign_restoration(settings: Settings, store: Store, why: str) -> int:
    """Signs that the database is an older one again; as `sign_boundary`."""
    from grantd_server.audit.checkpoint import Kind  # noqa: PLC0415 - late, as all commands

    return await _sign(settings, store, Kind.RESTORED, (), why)


async def _sign(settings: Settings, store: Store, kind: Kind, pruned: Sequence[Head], why: str) -> int:
    from grantd_server.keys.own.files import KeyDirectory  # noqa: PLC0415 - late, as all commands
    from grantd_server.keys.own.ring import KeyRing  # noqa: PLC0415 - the same
    from grantd_server.wiring.checkpoints import checkpointer  # noqa: PLC0415 - the same

    place, keys = settings.audit.checkpoints.directory, settings.keys.directory
    if place is None:
        return 0
    if keys is None:
        end(USAGE, ["keys.directory is missing; the checkpoint key signs what was done."])
    taking = checkpointer(place, store, KeyRing(KeyDirectory(keys)), time.time)
    taken = await taking.take(kind, pruned=pruned, why=why)
    return taken.checkpoint.number if taken is not None else 0
