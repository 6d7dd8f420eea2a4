"""The list of guards whose removal no test can notice, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path


def read(file: Path) -> dict[str, str]:
    """Reason by the guard's key: path, function, operator, and what becomes of it.

    Raises:
        ValueError: an entry has no reason, or is there twice.
    """
    reasons: dict[str, str] = {}
    for path, functions in (yaml.safe_load(file.read_text("utf-8")) or {}).items():
        for function, guards in functions.items():
            for guard, reason in guards.items():
                key = f"{path} {function} {guard}"
                if key in reasons or not isinstance(reason, str) or not reason.endswith("."):
                    raise ValueError(f"{file.name}: one sentence is expected for {key}")
                reasons[key] = reason
    return reasons
