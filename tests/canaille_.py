"""Test support: canaille as the company's OpenID provider, as the demo runs it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deploy.demo.directory import Directory, Person
from deploy.demo.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = Path(__file__).parent.parent / ".canaille" / "bin" / "python"

ALICE = Person("alice", "Alice Jones", ("eng",))
BOB = Person("bob", "Bob Smith", ())

needs_canaille = pytest.mark.skipif(not PYTHON.exists(), reason="canaille is not installed: make .canaille")


@contextmanager
def canaille(folder: Path) -> Iterator[Directory]:
    """A running provider with Alice, of the group `eng`, and Bob, of none."""
    provider = Directory(free_port(), (ALICE, BOB), "desk-sso", "a-secret-of-the-sign-in-client")
    program = provider.start(PYTHON, folder)
    try:
        program.wait_until(provider.is_up)
        yield provider
    finally:
        program.stop()
