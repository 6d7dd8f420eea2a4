"""The text of `grantd chain`: a tree with times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.audit.explaining.shown import shown
from grantd_server.audit.explaining.text import moment
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.audit.explaining.journey import Journey, Node


def chain_text(found: Journey) -> str:
    """Tells a chain; lines of text without a trailing newline."""
    return "\n".join(_lines(found))


def _lines(found: Journey) -> Iterator[str]:
    revoked = f", revoked {utc(found.revoked)}" if found.revoked else ""
    yield f"chain {shown(found.chain)}{revoked}"
    depths: dict[str, int] = {}
    for node in found.nodes:
        depth = depths[node.name] = depths.get(node.parent, -1) + 1
        yield f"{'   ' * depth}{'└─ ' if depth else ''}{_told(node)}"
    if found.cut:
        yield "… and more: only a part of this chain was read"


def _told(node: Node) -> str:
    parts = [f"{moment(node.time) or 'at an unknown time':<24}", shown(node.kind), *_detail(node)]
    if node.expires and node.kind not in {"revocation", "refusal"}:
        parts.append(f"until {utc(node.expires)}")
    if node.decision.id:
        parts.append(f"[{shown(node.decision.id)}]")
    return " ".join(part for part in parts if part)


def _detail(node: Node) -> Iterator[str]:
    decision = node.decision
    match node.kind:
        case "sign-in":
            yield f"at {shown(node.provider)}" if node.provider else ""
            yield f"acr {shown(node.acr)}" if node.acr else ""
            yield f"amr {shown(node.amr)}" if node.amr else ""
        case "introspection":
            times = f"{node.count} times" if node.count > 1 else "once"
            last = f", last {utc(node.last, 'minutes')}" if node.last > node.time else ""
            yield f"{shown(node.outcome)} for {shown(node.asker or '?')}, {times}{last}"
        case "refusal":
            yield f"{shown(decision.rpc)} {shown(node.outcome)}: {shown(decision.reason)}"
            yield f"used by {shown(decision.used_by)}" if decision.used_by else ""
        case _:
            yield f"by {shown(decision.client)}" if decision.client else ""
            yield f"for {shown(decision.audience)}" if node.kind == "grant" and decision.audience else ""
            yield f"at {shown(decision.resources)}" if decision.resources else ""
            yield f"({shown(decision.scopes_granted)})" if decision.scopes_granted else ""
