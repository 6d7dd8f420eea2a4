"""Writes package-lock.json again, with nothing in it but versions and hashes: no address
of a registry, so that any mirror serves it, and no address for donations.

    python tests/interop/lock.py
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
LOCK = FOLDER / "package-lock.json"


def main() -> None:
    subprocess.run(["npm", "install", "--package-lock-only"], cwd=FOLDER, check=True)
    lock = json.loads(LOCK.read_text())
    for package in lock["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    LOCK.write_text(json.dumps(lock, indent=2) + "\n")
    if "://" in LOCK.read_text():
        raise SystemExit(f"an address is left in {LOCK}")


if __name__ == "__main__":
    main()
