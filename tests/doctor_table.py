"""Prints each planted fault, the finding it must lead to, and whether the doctor has it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from doctor_judging import meets
from doctor_walk import Walk
from doctor_world import faults, world

if TYPE_CHECKING:
    from collections.abc import Sequence


LISTS = {
    "a live set-up": "doctor_faults",
    "more of it": "doctor_faults_more",
    "a bundle against it": "doctor_faults_governance",
    "a walk through both legs": "doctor_faults_probe",
    "set-ups in the field": "doctor_faults_fresh",
    "walks in the field": "doctor_faults_fresh_walk",
    "bundles in the field": "doctor_faults_fresh_governance",
}
WALKED = {"doctor_faults_probe", "doctor_faults_fresh_walk"}


async def table(name: str, rows: Sequence[dict[str, Any]]) -> tuple[list[str], int]:
    """The lines for one list, and how many faults were missed."""
    lines, missed = [], 0
    for row in rows:
        async with world(row) as here:
            here.walk = Walk(row) if name in WALKED else None
            found = await here.examined(bundle=row.get("bundle", {}) if name.endswith("_governance") else None)
        codes = [
            each.code for each in found.findings if (meets(row, each) if "says" in row else each.code == row["code"])
        ]
        missed += not codes
        lines.append(f"{'found ' if codes else 'MISSED'}  {row['code']:<32}{row['fault']}")
    return [*lines, f"found {len(rows) - missed} / planted {len(rows)}", ""], missed


async def main() -> int:
    """Prints every list; the number of faults that were missed."""
    missed = 0
    for title, name in LISTS.items():
        lines, lacking = await table(name, faults(name))
        print("\n".join([f"# {title}", *lines]))
        missed += lacking
    return missed


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
