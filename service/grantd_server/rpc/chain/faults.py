"""What nobody planned: told to the log, named to the caller by an error id only."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.rpc.chain.edge import Edge


def unplanned(exc: Exception, record: Record, edge: Edge) -> Refused:
    """Logs an exception that nobody raised on purpose and returns the refusal that stands for it."""
    record.error_id = record.error_id or "e" + secrets.token_hex(8)
    # A log that fails must not let the exception out in its place: grpc would send its text.
    with contextlib.suppress(Exception):
        edge.observer.log.fault(record.error_id, exc)
    return Refused(Reason.BUG)
