"""The table of requirements, and where its rows live in the contract."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("requirements.yaml")
FIELDS = Path(__file__).with_name("requirement_fields.yaml")

LEVELS = ("MUST", "SHOULD", "MAY", "DEC")


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement, in our own words."""

    id: str
    group: str
    level: str
    says: str
    later: str = ""
    """What it waits for, in one word."""
    declined: str = ""
    """Why it is not built, with what a caller gets."""


@cache
def rows() -> dict[str, Row]:
    """The table by id, in its order."""
    table = yaml.safe_load(TABLE.read_text("utf-8"))
    return {name: Row(name, group, **row) for group, named in table.items() for name, row in named.items()}
