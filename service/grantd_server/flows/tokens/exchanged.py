"""What a token exchange answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.flows.road.possession import Possession
    from grantd_server.model.bundle.details import Detail


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An issued ID-JAG and what it grants; or a refresh token, which grants nothing."""

    token: str
    type: str
    expires_in: int
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    possession: Possession | None = None
    """The key that the grant is bound to."""
    details: tuple[Detail, ...] = ()
