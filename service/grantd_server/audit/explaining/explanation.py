"""One record as a value that can be explained: what was checked, what policy said, what
to do next and whose job that is. It is read leniently: a record may be of another
release, or have been tampered with, and must be told all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grantd_server.audit.explaining.inactive import advice_on
from grantd_server.refusals import Public, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOSE: Final = {
    "client": "the client's developer",
    "identity": "the identity administrator",
    "mcp": "the owner of the MCP server",
    "operator": "the operator of grantd",
    "grantd": "the grantd project",
}


class Made(NamedTuple):
    """One check, as it was made."""

    step: str
    name: str
    ok: bool
    expected: str
    got: str


class Miss(NamedTuple):
    """A rule that came close."""

    rule: str
    clause: str
    expected: str
    got: str
    failed: int = 0
    """How many of its clauses did not hold; 0 where that is not on record."""


class Asked(NamedTuple):
    """One introspected token and the answer."""

    token: str
    outcome: str


class Place(NamedTuple):
    """One decision of the same chain."""

    id: str
    time: float
    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision, explained. Empty is unknown, not there, or not for the asker."""

    id: str = ""
    time: float = 0.0
    rpc: str = ""
    outcome: str = ""
    reason: str = ""
    """The row of the failure table: what happened."""
    told: str = ""
    """The public row: what the caller was told."""
    sentence: str = ""
    """The sentence of the public row."""
    advice: tuple[str, ...] = ()
    """What a client's developer can try, the same for every reason of one public row: it
    tells no two of them apart."""
    transport: str = ""
    caller: str = ""
    role: str = ""
    address: str = ""
    issuer: str = ""
    client: str = ""
    client_id: str = ""
    client_method: str = ""
    client_credential: str = ""
    subject: str = ""
    subject_key: str = ""
    tenant: str = ""
    audience: str = ""
    resources: tuple[str, ...] = ()
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] = ()
    bundle_version: str = ""
    bundle_epoch: int = 0
    chain: str = ""
    family: str = ""
    jti_hash: str = ""
    token_hash: str = ""
    expires: int = 0
    """When what was issued ends."""
    trace_id: str = ""
    error_id: str = ""
    used_by: str = ""
    """The decision that used a one-time token first."""
    introspected: tuple[Asked, ...] = ()
    checks: tuple[Made, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    refused_scopes: Mapping[str, str] = field(default_factory=dict)
    shadow: Mapping[str, str] = field(default_factory=dict)
    near_misses: tuple[Miss, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()
    """What policy decided by."""
    facts: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""
    whose: str = ""
    position: tuple[Place, ...] = ()
    """The decisions of its chain, oldest first, itself among them."""


_TEXTS: Final = (
    "id", "rpc", "outcome", "reason", "transport", "caller", "role", "address", "issuer", "client", "client_id",
    "client_method", "client_credential", "subject", "subject_key", "tenant", "audience", "bundle_version", "chain",
    "family", "jti_hash", "token_hash", "trace_id", "error_id",
)  # fmt: skip
_LISTS: Final = ("resources", "scopes_asked", "scopes_granted")
_MOST: Final = 2**53
_TABLES: Final = ("rules", "refused_scopes", "shadow")


def explained(body: Mapping[str, Any], position: tuple[Place, ...] = ()) -> Explanation:
    """Makes an explanation of the body of a record."""
    facts = _table(body.get("facts"))
    reason = Reason.__members__.get(str(body.get("reason", "")))
    checks = tuple(_check(one) for one in _rows(body.get("checks"), len(Made._fields)))
    same: dict[str, Any] = {name: _text(body.get(name)) for name in _TEXTS}
    same |= {name: _texts(body.get(name)) for name in _LISTS}
    same |= {name: _table(body.get(name)) for name in _TABLES}
    return Explanation(
        **same,
        **(_about_inactive(checks) if body.get("outcome") == "inactive" else _about(reason)),
        time=_number(body.get("time")),
        bundle_epoch=int(_number(body.get("bundle_epoch"))),
        expires=int(_number(body.get("expires"))),
        used_by=facts.pop("winner", ""),
        introspected=tuple(Asked(_text(one[0]), _text(one[1])) for one in _rows(body.get("introspected"), 2)),
        checks=checks,
        near_misses=tuple(_miss(one) for one in _many(body.get("near_misses")) if isinstance(one, dict)),
        inputs=tuple(one for one in _many(body.get("inputs")) if isinstance(one, dict)),
        facts=facts,
        position=position,
    )


def _about_inactive(checks: tuple[Made, ...]) -> dict[str, Any]:
    """What to do about the last of the tokens that were told inactive."""
    failed = [check.name for check in checks if not check.ok]
    if not failed:
        return {}
    advice = advice_on(failed[-1])
    return {"remedy": advice.remedy, "whose": WHOSE[advice.whose]}


def _about(reason: Reason | None) -> dict[str, Any]:
    """What the failure table says; nothing of a reason of another release."""
    if reason is None:
        return {}
    public = reason.public
    return {
        "told": public.name,
        "sentence": public.sentence,
        "advice": ADVICE[public],
        "remedy": reason.remedy,
        "whose": WHOSE[reason.whose],
    }


ADVICE: Final[Mapping[Public, tuple[str, ...]]] = {
    public: tuple(reason.remedy for reason in Reason if reason.public is public and reason.whose == "client")
    for public in Public
}
"""By public row: what a client's developer can do about any of its reasons."""


def _check(row: list[Any]) -> Made:
    step, name, ok, expected, got = row
    return Made(_text(step), _text(name), ok is True, _text(expected), _text(got))


def _miss(miss: Mapping[str, Any]) -> Miss:
    rule, clause, expected, got = (_text(miss.get(name)) for name in ("rule", "clause", "expected", "got"))
    return Miss(rule, clause, expected, got, int(_number(miss.get("failed"))))


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(one) for one in _many(value))


def _table(value: object) -> dict[str, str]:
    return {_text(name): _text(one) for name, one in value.items()} if isinstance(value, dict) else {}


def _many(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _rows(value: object, width: int) -> list[list[Any]]:
    return [list(one) for one in _many(value) if isinstance(one, list | tuple) and len(one) == width]


def _number(value: object) -> float:
    """A number that everything after can hold; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and abs(value) <= _MOST else 0.0
