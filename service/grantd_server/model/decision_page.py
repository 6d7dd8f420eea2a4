"""The organisation's own page about refusals: an address with a place for the decision id."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from grantd_server.model.uris import check_web_address

PLACE = "{decision}"
_SOME_ID = "d" + "0" * 32


def check_decision_page(template: str) -> None:
    """Checks such an address: https, or http on a loopback host; no fragment.

    Raises:
        ValueError: it is not one.
    """
    before, place, after = template.partition(PLACE)
    if not place or PLACE in after:
        raise ValueError(f"an address is expected that has {PLACE} in it once")
    # By itself, too: an id must complete no host name, no port and no percent-encoding.
    check_web_address(before)
    parts = urlsplit(before)
    if not parts.path and not parts.query:
        raise ValueError(f"{PLACE} belongs into the path or the query")
    check_web_address(f"{before}{_SOME_ID}{after}")


def decision_page(template: str, decision_id: str) -> str:
    """The address of one decision, for `error_uri` (RFC 6749 section 5.2)."""
    return template.replace(PLACE, quote(decision_id, safe=""))
