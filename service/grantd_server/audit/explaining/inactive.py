"""What to do about a token that is told inactive: no refusal, so that no row of the failure
table says it. Known by the check that failed last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Advice(NamedTuple):
    """What to do next, and whose job that is, as in the failure table."""

    remedy: str
    whose: str


_TAKEN_BACK: Final = Advice(
    "The token was taken back before its time; `grantd chain` with this decision id tells when, `grantd blocks` what is"
    " blocked.",
    "identity",
)
_OTHER_RESOURCE: Final = Advice(
    "Ask as the resource server that the token is for, or have the client get a token for this resource.", "mcp"
)
_NOT_OURS: Final = Advice(
    "Send a fresh access token of this authorization server, exactly as it was returned; `grantd decode` tells what this"
    " one is.",
    "client",
)
_BY_CHECK: Final[Mapping[str, Advice]] = {
    "token.not_withdrawn": _TAKEN_BACK,
    "token.audience": _OTHER_RESOURCE,
}


def advice_on(check: str) -> Advice:
    """What to do about a token that this check was false of."""
    return _BY_CHECK.get(check, _NOT_OURS)
