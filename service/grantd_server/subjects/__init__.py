"""Kinds of subject token: one file and one line of the registry each.

A kind declares its type name and reads a verified identity out of a raw token. It
enforces nothing that concerns the request; `flows.exchange` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from grantd_server.checks import TOKEN_TYPE_ID_TOKEN, TOKEN_TYPE_REFRESH_TOKEN, TOKEN_TYPE_SAML2
from grantd_server.subjects import id_token, refresh_token, saml2

if TYPE_CHECKING:
    from grantd_server.subjects.identity import Identity, Reading


class SubjectKind(Protocol):
    """How a kind of subject token becomes an identity."""

    async def __call__(self, reading: Reading, raw: str) -> Identity:
        """Verifies `raw` and returns who signed in; refuses with a SUBJECT_TOKEN row."""


KINDS: dict[str, SubjectKind] = {
    TOKEN_TYPE_ID_TOKEN: id_token.read_identity,
    TOKEN_TYPE_REFRESH_TOKEN: refresh_token.read_identity,
    TOKEN_TYPE_SAML2: saml2.read_identity,
}
"""By `subject_token_type`. A kind that is not here is refused (A-19)."""
