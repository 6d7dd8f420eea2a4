"""Says which extra to install when a module's libraries are not there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turns a missing library into the command that installs it.

    Raises:
        ImportError: a library of `grantd[extra]` is missing.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] == "grantd":
            raise  # a fault in this package is not mended by installing something
        raise ImportError(f"{missing.name} is not installed: pip install 'grantd[{extra}]'") from missing
