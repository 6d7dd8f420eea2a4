"""Which schema this release reads and writes, and the refusal to open another."""

from __future__ import annotations

REVISION = "0006"
"""A test holds it to the newest migration."""


class SchemaMismatch(Exception):
    """The database has another schema than this release; nothing was touched."""

    def __init__(self, found: str | None) -> None:
        has = f"schema {found}" if found else "no schema of grantd"
        super().__init__(f"the database has {has}, this release needs {REVISION}: run `grantd db upgrade`")
        self.found = found
