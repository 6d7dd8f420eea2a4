"""Fixtures that several test files share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import organisation
from house import House, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytest_plugins = ["conformance_", "postgres_"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running service with the test company's bundle in force."""
    async with running(tmp_path, organisation.bundle()) as service:
        yield service
