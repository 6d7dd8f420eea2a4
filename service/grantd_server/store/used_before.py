"""What it means that a one-time mark was used before: the reason and the check, by space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.refusals import Reason
from grantd_server.store import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

USED_BEFORE: Final[Mapping[Space, tuple[Reason, str]]] = {
    Space.ID_JAG: (Reason.ASSERTION_REPLAYED, "assertion.first_use"),
    Space.REFRESH: (Reason.REFRESH_TOKEN_ROTATED, "subject.current"),
    Space.SAML: (Reason.SUBJECT_TOKEN_USED, "subject.first_use"),
    Space.CLIENT_ASSERTION: (Reason.CLIENT_ASSERTION_REPLAYED, "client.assertion.first_use"),
    Space.DPOP: (Reason.PROOF_REPLAYED, "dpop.first_use"),
}
