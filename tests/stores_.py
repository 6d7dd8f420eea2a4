"""Stores of a test, closed at its end."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from grantd_server.store import Store


@asynccontextmanager
async def closed_in_the_end(make: Callable[..., Store]) -> AsyncIterator[Callable[..., Any]]:
    """Gives what makes a store as `make` does; whatever was made is closed at the end."""
    stores: list[Store] = []

    def opened(**settings: Any) -> Store:
        stores.append(make(**settings))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()
