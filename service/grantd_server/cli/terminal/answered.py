"""Answers of DecisionService as the values that texts are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.explaining.explanation import Asked, Explanation, Made, Miss, Place
from grantd_server.audit.explaining.journey import Journey, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd.administration.decisions import results

_SHORT: Final = (
    "id", "rpc", "outcome", "reason", "told", "issuer", "client", "subject", "audience", "bundle_version", "chain",
    "trace_id", "caller", "address",
)  # fmt: skip
_LISTS: Final = ("resources", "scopes_asked", "scopes_granted")
_FULL: Final = (
    "remedy", "whose", "sentence", "client_id", "client_method", "client_credential", "transport", "role",
    "subject_key", "tenant", "family", "jti_hash", "token_hash", "error_id", "used_by",
)  # fmt: skip
_TABLES: Final = ("rules", "refused_scopes", "shadow", "facts")
_ESCAPED: Final = re.compile(r"\\(?:\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})")
_NODE: Final = ("name", "parent", "kind", "outcome", "asker", "provider", "acr")


def decided(answer: results.Decision) -> Explanation:
    """A decision in short."""
    return Explanation(**_short(answer))


def explained(answer: results.Explanation) -> Explanation:
    """A decision in full."""
    full: dict[str, Any] = {name: _text(getattr(answer, name)) for name in _FULL}
    full |= {name: _table(getattr(answer, name)) for name in _TABLES}
    return Explanation(
        **_short(answer.decision),
        **full,
        expires=answer.expires or 0,
        advice=tuple(map(_text, answer.advice)),
        checks=tuple(Made(_text(c.step), _text(c.name), c.ok, _text(c.expected), _text(c.got)) for c in answer.checks),
        near_misses=tuple(
            Miss(_text(m.rule), _text(m.clause), _text(m.expected), _text(m.got), m.failed) for m in answer.near_misses
        ),
        introspected=tuple(Asked(_text(one.token), _text(one.outcome)) for one in answer.introspected),
        inputs=tuple(map(dict, answer.inputs)),
        position=tuple(
            Place(_text(node.name), node.time or 0.0, _text(node.kind), _text(node.outcome)) for node in answer.chain
        ),
    )


def traced(answer: results.Chain) -> Journey:
    """A chain."""
    return Journey(_text(answer.chain), tuple(map(_node, answer.nodes)), answer.revoked or 0, answer.cut)


def _node(answer: results.ChainNode) -> Node:
    texts: dict[str, Any] = {name: _text(getattr(answer, name)) for name in _NODE}
    return Node(
        **texts,
        time=answer.time or 0.0,
        last=answer.last or 0.0,
        count=answer.count,
        expires=answer.expires or 0,
        amr=tuple(map(_text, answer.amr)),
        decision=decided(answer.decision),
    )


def _short(answer: results.Decision) -> dict[str, Any]:
    found: dict[str, Any] = {name: _text(getattr(answer, name)) for name in _SHORT}
    found |= {name: tuple(map(_text, getattr(answer, name))) for name in _LISTS}
    return {**found, "time": answer.time or 0.0, "bundle_epoch": answer.bundle_epoch}


def _table(found: Mapping[str, str]) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in found.items()}


def _text(told: str) -> str:
    """What the service escaped, as it was: whatever prints it escapes it again, whoever
    the service may be."""
    return _ESCAPED.sub(lambda found: found[0].encode().decode("unicode_escape"), told)
