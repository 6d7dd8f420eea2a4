"""A `grantd` that looks for changes of the live state only when a call must know, never by itself."""

from __future__ import annotations

import asyncio

from grantd_server.__main__ import main
from grantd_server.store.view import RevocationView


async def deaf(self: RevocationView) -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    RevocationView.run = deaf  # type: ignore[method-assign]
    main()
