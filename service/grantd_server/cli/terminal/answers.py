"""What a service said no with, as sentences."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from grantd.administration import BundleInvalid, BundleMoved, Refused
from grantd_server.audit.explaining.shown import shown
from grantd_server.cli.terminal.ending import REFUSED, end
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grantd.errors import GrantdError

_HINTS: Final = (
    ("Hostname Verification", "Its certificate has another name: say which with --server-name.", True),
    ("security handshaker", "--ca, --cert and --key are PEM files, and the key is that of the certificate.", True),
    ("Tls handshake failed", "It speaks no TLS, or no authority in --ca vouches for its certificate.", True),
    ("http1.x", "What listens there does not speak gRPC.", True),
    ("Socket closed", "It speaks TLS only (--ca, --cert, --key), or knows no authority of our certificate.", False),
)
"""What gRPC says of a connection that failed, what to look at, and whether that must be
changed before it is tried again."""
_UNREACHED: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})


def sentences(error: GrantdError) -> list[str]:
    """What happened, what it was about, and the decision to ask about."""
    if isinstance(error, BundleInvalid):
        return [shown(fault, 2000) for fault in error.faults]
    if error.oauth_error is None and error.code in _UNREACHED:
        hints = [hint for said, hint, _ in _HINTS if said in error.description]
        return [f"The service does not answer: {_cause(error) or error.code}.", *hints[:1]]
    about = ": " + ", ".join(error.fields) if error.fields else ""
    lines = [f"{error.description or error.code}{about}."]
    if isinstance(error, BundleMoved) and error.version:
        lines.append(f"{error.author} put {error.version} in force, epoch {error.epoch}, {_when(error.activated)}.")
    if error.nearest:
        lines.append(f"Is it {' or '.join(error.nearest)}?")
    if error.decision_id:
        lines.append(f"For more: grantd explain {error.decision_id}")
    return lines


def is_our_fault(error: GrantdError) -> bool:
    """Whether trying again mends nothing: what we were told of the service is wrong."""
    reached = error.oauth_error is not None or error.code != "UNAVAILABLE"
    return not reached and any(sure and said in error.description for said, _, sure in _HINTS)


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
    return "at an unknown time" if moment is None or moment >= 10**11 else f"at {utc(moment)}"
