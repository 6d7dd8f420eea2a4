"""Whether a window stays open for company: only while that pays.

How many calls are on their way cannot be seen from here: under load they wait in the
transport until the loop's thread lets go. So it is learned from what waiting brought.
"""

from __future__ import annotations

from typing import Final

RARELY: Final = 64
"""Windows of one call between two that wait only to learn whether company is back."""


class Pace:
    """What a writer has learned of its callers."""

    __slots__ = ("_alone",)

    def __init__(self) -> None:
        self._alone = 1
        """Windows in a row that held one call; 0 while there is company."""

    def waits(self, present: int) -> bool:
        """Whether a window that `present` calls are in stays open for more."""
        return present > 1 or self._alone % RARELY == 0

    def learned(self, size: int) -> None:
        """Takes note of how many calls a window held in the end."""
        self._alone = 0 if size > 1 else self._alone + 1
