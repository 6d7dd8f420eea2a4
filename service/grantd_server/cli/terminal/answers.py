"""What a service said no with, as sentences."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError

from grantd.errors import of_rpc, printable
from grantd_server.cli.terminal.ending import REFUSED, end
from grantd_server.cli.terminal.moments import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_UNREACHED: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})


def sentences(error: AioRpcError) -> list[str]:
    """What happened, what it was about, and the decision to ask about."""
    told = of_rpc(error)
    if told.oauth_error is None and told.code in _UNREACHED:
        return [f"The service does not answer: {_cause(error) or told.code}."]
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
        if "nearest" in info.metadata:
            lines.append(f"Is it {' or '.join(printable(info.metadata['nearest'], 500).split())}?")
    if told.decision_id:
        lines.append(f"For more: grantd explain {told.decision_id}")
    return lines


@contextmanager
def missing(lines: Sequence[str]) -> Iterator[None]:
    """Ends the command with these sentences where a service does not have what it is asked for."""
    try:
        yield
    except AioRpcError as error:
        if error.code().name != "NOT_FOUND":
            raise
        end(REFUSED, lines)


def _cause(error: AioRpcError) -> str:
    """Why there is no connection; gRPC tells first that it tried every address."""
    last = (error.details() or "").rpartition("last error: ")[2]
    return printable(last.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: "), 400).rstrip(".")


def _field(status: status_pb2.Status) -> str:
    for detail in status.details:
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            return ": " + ", ".join(printable(each.field) for each in request.field_violations)
    return ""


def _when(seconds: str) -> str:
    return f"at {shown(int(seconds))}" if seconds.isdecimal() and len(seconds) < 12 else "at an unknown time"
