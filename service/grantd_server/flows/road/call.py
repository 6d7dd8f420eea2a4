"""One call on its way: who calls, how long it may take, and its record."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.model.caller import Caller


@dataclass(slots=True)
class Call:
    """What a handler gets beside its message; neutral to transport."""

    method: str
    """The full method, `/grantd.v1.AuthorizationService/RedeemGrant`."""
    caller: Caller
    deadline: float
    """Monotonic seconds at which the answer is worthless."""
    record: Record
    metadata: Mapping[str, str] = field(default_factory=dict)

    def remaining(self) -> float:
        """Seconds left; negative when it is too late."""
        return self.deadline - time.monotonic()
