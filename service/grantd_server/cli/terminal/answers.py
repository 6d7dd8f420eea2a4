"""What a service said no with, as sentences."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from grantd.administration import BundleInvalid, BundleMoved, Refused
from grantd_server.cli.terminal.ending import REFUSED, end
from grantd_server.cli.terminal.moments import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grantd.errors import GrantdError

_UNREACHED: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})


def sentences(error: GrantdError) -> list[str]:
    """What happened, what it was about, and the decision to ask about."""
    if isinstance(error, BundleInvalid):
        return list(error.faults)
    if error.oauth_error is None and error.code in _UNREACHED:
        return [f"The service does not answer: {_cause(error) or error.code}."]
    about = ": " + ", ".join(error.fields) if error.fields else ""
    lines = [f"{error.description or error.code}{about}."]
    if isinstance(error, BundleMoved) and error.version:
        lines.append(f"{error.author} put {error.version} in force, epoch {error.epoch}, {_when(error.activated)}.")
    if error.nearest:
        lines.append(f"Is it {' or '.join(error.nearest)}?")
    if error.decision_id:
        lines.append(f"For more: grantd explain {error.decision_id}")
    return lines


@contextmanager
def missing(lines: Sequence[str]) -> Iterator[None]:
    """Ends the command with these sentences where a service does not have what it is asked for."""
    try:
        yield
    except Refused as refused:
        if refused.code != "NOT_FOUND":
            raise
        end(REFUSED, lines)


def _cause(error: GrantdError) -> str:
    """Why there is no connection; gRPC tells first that it tried every address."""
    last = error.description.rpartition("last error: ")[2]
    return last.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ").rstrip(".")


def _when(moment: int | None) -> str:
    return "at an unknown time" if moment is None or moment >= 10**11 else f"at {shown(moment)}"
