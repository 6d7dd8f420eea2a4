"""Whether a token may be used by whoever shows it (RFC 7800, RFC 9449 section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.verifiers.tokens import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_binding(claims: Mapping[str, object], jkt: str | None) -> None:
    """Compares what a token is bound to with the key its bearer proved, if any.

    A bound token shown as Bearer is a downgrade, and refused (C-14); an unbound one under
    the DPoP scheme proves nothing about its bearer, although the proof is good.

    Raises:
        TokenRefused: bound to another key, to something else, or not as it was shown.
    """
    if "cnf" not in claims:
        if jkt is not None:
            raise TokenRefused("claim:cnf")
        return
    # A second member would be a second condition, which nobody here checks.
    if jkt is None or claims["cnf"] != {"jkt": jkt}:
        raise TokenRefused("claim:cnf")
