"""Moments as texts: in UTC, as RFC 3339 writes them and bundles read them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(seconds: float, timespec: str = "seconds") -> str:
    """`2026-11-21T20:00:00Z`, to the second or whatever `timespec` says
    (`datetime.isoformat`). A number that no calendar has stays a number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return str(seconds)
