"""The hosts that answered: how long they took, and for how long their certificates hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.findings import Finding, Row, Severity, cut
from grantd_server.doctor.reading.addresses import origin
from grantd_server.keys.foreign.fetch import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.view import View

ENDS = Row(
    "tls.ends", Severity.WARNING, "The certificate of a host ends in less than a week.",
    "Renew it, and see why nothing renewed it by itself: with it ends every leg that goes there.",
)  # fmt: skip
TARDY = Row(
    "document.tardy", Severity.WARNING, f"An answer took longer than {SECONDS:g} s.",
    "Answer at once, metadata and keys from memory: many verifiers and clients give up after a few seconds.",
)  # fmt: skip
ROWS: Final = (ENDS, TARDY)

NOTICE: Final = 7 * 86_400
"""Seconds; certificates that are renewed by machines live for weeks, and are renewed before this."""


def check(view: View) -> Iterator[Finding]:
    """The certificate of each host once, and each answer; by the clock of this machine."""
    told: set[str] = set()
    for party, exchange in view.exchanges():
        host = origin(exchange.url)
        ends = None if exchange.answer is None else exchange.answer.certificate_ends
        if ends is not None and ends < exchange.received_at + NOTICE and host not in told:
            told.add(host)
            yield ENDS.at(party, host, f"{cut(host)}: in {(ends - exchange.received_at) / 3600:.0f} hours")
        taken = exchange.received_at - exchange.sent_at
        if exchange.answer is not None and taken > SECONDS:
            yield TARDY.at(party, exchange.url, f"{taken:.0f} s")
