"""Fixtures that several test files share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import organisation
from hostile_tokens import published
from house import House, running
from key_server import KeyServer, answer, key_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytest_plugins = ["conformance_", "postgres_", "failover_"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running service with the test company's bundle in force."""
    async with running(tmp_path, organisation.bundle()) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The same, for all tests of a module."""
    async with running(tmp_path_factory.mktemp("hall"), organisation.bundle()) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def keys() -> AsyncIterator[KeyServer]:
    """The key server of a party that publishes good and bad keys, for all tests of a module."""
    async with key_server() as served:
        served.scripts["/jwks"] = answer(json.dumps(published()), "Content-Type: application/json")
        yield served
