"""How long calls of administrators may take, as the service has it."""

from __future__ import annotations

from typing import Final

ACT: Final = 75.0
"""Seconds for a call, and for a page of a list: longer than the service lets an act take,
so that it is the service that says so."""
STREAM: Final = 915.0
"""Seconds for an upload, and for answers that come as a stream: longer, for the same reason."""
