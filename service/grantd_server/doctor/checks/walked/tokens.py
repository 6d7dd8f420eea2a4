"""What the checks of three kinds of tokens have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd import jwk, jws
from grantd.strict import Fault
from grantd_server.doctor.checks.keys.published import usable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen


def parsed(token: str) -> jws.Parsed | None:
    """A token of which nothing is proven; None for what is no JSON Web Token."""
    try:
        return jws.read(token)
    except Fault:
        return None


def unproven(token: jws.Parsed, signer: IssuerSeen | None, typ: jws.Typ) -> Fault | None:
    """Why the token is none of the signer's, or not of this kind; None where it is, or
    where nobody's keys were seen."""
    if signer is None or not signer.keys:
        return None
    try:
        jws.verify(token, usable(signer), jwk.ALGORITHMS, typ)
    except Fault as fault:
        return fault
    return None


def number(claims: Mapping[str, object], name: str) -> float | None:
    """A claim that is a time; None where it is none."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def values(claims: Mapping[str, object], name: str) -> list[object]:
    """A claim that may be one value or a list."""
    value = claims.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def no_store(answered: Exchange) -> bool:
    """Whether caches are kept from keeping the answer."""
    return "no-store" in answered.header("cache-control").lower()


def scopes(claims: Mapping[str, object]) -> list[str]:
    """The scopes of a token or an answer; empty where they are no text."""
    value = claims.get("scope")
    return value.split() if isinstance(value, str) else []
