"""Rules that have expired, or soon will."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Subject

SOON = 30 * 24 * 60 * 60


def ending(subject: Subject) -> Iterator[Finding]:
    """Whatever has an end that has come or comes within thirty days."""
    for listed in subject.listed():
        expires, deny = listed.rule.expires, listed.rule.deny
        if expires is None or expires > subject.now + SOON:
            continue
        moment = utc(expires)
        effect = "what it denied is open again wherever a rule allows it" if deny else "it allows nothing any more"
        if expires <= subject.now:
            sentence = f"it expired at {moment}: {effect}"
            yield subject.finding("expired", Severity.WARNING, listed.rule.id, sentence, "Take it away, or renew it.")
        else:
            sentence = f"it expires at {moment}"
            yield subject.finding("expires-soon", Severity.INFO, listed.rule.id, sentence, "Renew it, or let it go.")
