"""What a service said no with, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.rpc import error_details_pb2, status_pb2

from grantd.errors import of_rpc, printable
from grantd_server.cli.terminal.moments import shown

if TYPE_CHECKING:
    from grpc.aio import AioRpcError


def sentences(error: AioRpcError) -> list[str]:
    """What happened, what it was about, and the decision to ask about."""
    told = of_rpc(error)
    trailing: Any = error.trailing_metadata() or ()
    trailers: dict[str, str | bytes] = dict(trailing)
    raw = trailers.get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(raw if isinstance(raw, bytes) else b"")
    lines = [f"{told.description or told.code}{_field(status)}."]
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and "author" in info.metadata:
            who, epoch, version = (printable(info.metadata[name]) for name in ("author", "epoch", "version"))
            when = info.metadata["activated"]
            lines.append(f"{who} put {version} in force, epoch {epoch}, {_when(when)}.")
    if told.decision_id:
        lines.append(f"For more: grantd explain {told.decision_id}")
    return lines


def _field(status: status_pb2.Status) -> str:
    for detail in status.details:
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            return ": " + ", ".join(printable(each.field) for each in request.field_violations)
    return ""


def _when(seconds: str) -> str:
    return f"at {shown(int(seconds))}" if seconds.isdecimal() and len(seconds) < 12 else "at an unknown time"
