"""The text of `grantd explain`: one record, told to a person.

Everything in a record may have come from an attacker: control characters are shown,
not obeyed (a terminal must not be driven by a `sub`), and values are cut.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 200
"""Characters shown of one value."""

_WIDTH: Final = 14
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are escaped: controls, direction overrides, line separators."""

_WHOSE: Final = {
    "client": "the client's developer",
    "identity": "the identity administrator",
    "mcp": "the owner of the MCP server",
    "operator": "the operator of grantd",
    "grantd": "the grantd project",
}


def explain(body: dict[str, Any]) -> str:
    """Explains one record's body; lines of text without a trailing newline."""
    return "\n".join(_lines(body))


def shown(value: object, longest: int = LONGEST) -> str:
    """Makes a value safe to print: what is unseen is escaped, what is long is cut."""
    text = value if isinstance(value, str) else _plain(value)
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(_escaped(char) for char in cut)


def _escaped(char: str) -> str:
    if char != "\\" and unicodedata.category(char) not in _UNSEEN:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return str(value)


def _lines(body: dict[str, Any]) -> Iterator[str]:
    reason = _reason(body)
    yield f"decision {shown(body.get('id', '?'))}"
    yield from _row("outcome", _outcome(body))
    yield from _row("when", _when(body.get("time")))
    yield from _row("call", body.get("rpc"))
    yield from _who(body)
    for name in ("issuer", "subject", "tenant", "audience", "resources"):
        yield from _row(name, body.get(name))
    yield from _row("asked for", body.get("scopes_asked"))
    yield from _row("granted", body.get("scopes_granted"))
    yield from _row("bundle", _bundle(body))
    for name in ("chain", "family", "jti_hash", "token_hash", "trace_id", "error_id"):
        yield from _row(name.replace("_", " "), body.get(name))
    yield from _row("used by", (body.get("facts") or {}).get("winner"))
    yield from _checks(body.get("checks") or [])
    yield from _rules(body)
    yield from _near_misses(body.get("near_misses") or [])
    yield from _facts(body.get("facts") or {})
    if reason is not None:
        yield ""
        yield f"next: {reason.remedy}"
        yield f"whose job: {_WHOSE[reason.whose]}"


def _row(label: str, value: object) -> Iterator[str]:
    if value:
        yield f"  {label:<{_WIDTH}}{shown(value)}"


def _reason(body: dict[str, Any]) -> Reason | None:
    """The row of the failure table; None too for a reason of another release."""
    return Reason.__members__.get(str(body.get("reason", "")))


def _outcome(body: dict[str, Any]) -> str:
    outcome, reason = str(body.get("outcome", "")) or "unfinished", body.get("reason")
    return f"{outcome}: {reason}" if reason else outcome


def _when(time: object) -> str:
    if not isinstance(time, int | float):
        return ""
    try:
        return datetime.fromtimestamp(time, UTC).isoformat(sep=" ", timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return str(time)


def _who(body: dict[str, Any]) -> Iterator[str]:
    client = body.get("client")
    if client:
        credential = body.get("client_credential")
        by = (body.get("client_id"), body.get("client_method"), f"secret {credential}" if credential else "")
        client = f"{client} ({', '.join(str(part) for part in by if part)})" if any(by) else client
    yield from _row("client", client or "not authenticated")
    role = f" ({body['role']})" if body.get("role") else ""
    caller = f"{body['caller']}{role}" if body.get("caller") else ""
    through = f" over {body['transport']}" if body.get("transport") else ""
    yield from _row("caller", f"{caller}{through}".strip())
    yield from _row("address", body.get("address"))


def _bundle(body: dict[str, Any]) -> str:
    if not body.get("bundle_version"):
        return ""
    return f"{body['bundle_version']} (epoch {body.get('bundle_epoch', 0)})"


def _checks(checks: list[Any]) -> Iterator[str]:
    if not checks:
        return
    yield ""
    yield "checks, in order:"
    for step, name, ok, expected, got in checks:
        where = f"{shown(step)}: " if step else ""
        yield f"  {'ok    ' if ok else 'FAILED'} {where}{shown(name)}"
        if expected:
            yield f"           expected {shown(expected)}"
        if got:
            yield f"           got      {shown(got)}"


def _rules(body: dict[str, Any]) -> Iterator[str]:
    granted, refused, shadow = (body.get(name) or {} for name in ("rules", "refused_scopes", "shadow"))
    if granted or refused or shadow:
        yield ""
        yield "rules:"
    for scope, rule in granted.items():
        yield f"  {shown(scope)}: granted by rule {shown(rule)}"
    for scope, why in refused.items():
        yield f"  {shown(scope)}: not granted, {shown(why)}"
    for rule, effect in shadow.items():
        yield f"  shadow rule {shown(rule)} would {shown(effect)}"


def _near_misses(misses: list[Any]) -> Iterator[str]:
    if misses:
        yield ""
        yield "nearest misses:"
    for miss in misses:
        yield f"  rule {shown(miss.get('rule', '?'))} failed at {shown(miss.get('clause', '?'))}"
        yield f"           expected {shown(miss.get('expected', ''))}"
        yield f"           got      {shown(miss.get('got', ''))}"


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    others = {name: value for name, value in facts.items() if name != "winner"}
    if others:
        yield ""
        yield "facts:"
    for name, value in others.items():
        yield f"  {shown(name)}: {shown(value)}"
