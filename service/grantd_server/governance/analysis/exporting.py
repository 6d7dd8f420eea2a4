"""Rows of an analysis as CSV and JSON, for access reviews and for programs."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from grantd_server.audit.explaining import shown

if TYPE_CHECKING:
    from collections.abc import Iterable


def as_csv(kind: type[Any], rows: Iterable[Any]) -> str:
    """One line a row, under the names of the fields; lists are joined by semicolons."""
    names = [field.name for field in fields(kind)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([cell(getattr(row, name)) for name in names])
    return out.getvalue()


def as_json(rows: Iterable[Any]) -> str:
    """A list of objects."""
    return shown.as_json([asdict(row) for row in rows], indent=2) + "\n"


def cell(value: object) -> str:
    """One value; a spreadsheet must not run what it begins with."""
    return shown.cell("; ".join(map(str, value)) if isinstance(value, tuple | list) else value)
