"""Kinds of grant: one file and one line of the registry each.

A kind declares its grant type and reads a verified grant out of a raw assertion. It
enforces nothing that concerns the request; `flows.redeem` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from grantd_server.checks import GRANT_TYPE_JWT_BEARER
from grantd_server.grants import id_jag

if TYPE_CHECKING:
    from grantd_server.grants.grant import Grant, Reading


class GrantKind(Protocol):
    """How a kind of assertion becomes a grant."""

    async def __call__(self, reading: Reading, raw: str) -> Grant:
        """Verifies `raw` and returns what it grants; refuses with an ASSERTION row."""


KINDS: dict[str, GrantKind] = {GRANT_TYPE_JWT_BEARER: id_jag.read_grant}
"""By `grant_type`. A kind that is not here is refused (F-33)."""
