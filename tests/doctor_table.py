"""Prints each planted fault, the finding it must lead to, and whether the doctor has it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from doctor_world import faults, world

if TYPE_CHECKING:
    from collections.abc import Sequence


async def table(rows: Sequence[dict[str, Any]]) -> tuple[list[str], int]:
    """The lines, and how many were missed."""
    lines, missed = [], 0
    for row in rows:
        async with world(row) as here:
            found = await here.examined()
        codes = {finding.code for finding in found.findings}
        missed += row["code"] not in codes
        lines.append(f"{'found ' if row['code'] in codes else 'MISSED'}  {row['code']:<32}{row['fault']}")
    return [*lines, f"found {len(rows) - missed} / planted {len(rows)}"], missed


if __name__ == "__main__":
    told, lacking = asyncio.run(table(faults()))
    print("\n".join(told))
    sys.exit(1 if lacking else 0)
