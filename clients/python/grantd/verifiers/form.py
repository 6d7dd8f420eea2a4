"""What an issuer's access tokens look like: as grantd issues them (RFC 9068), or as the
enterprise's own provider does, whose tokens then need no second one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd import claims
from grantd.strict import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from grantd.jws import Claims

LONGEST_SCOPE = 4096
LONGEST_LIFE = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    """How the claims of one declared issuer are read. Nothing of it is learnt from a token."""

    typ: str = "at+jwt"
    """`JWT` for providers that do not mark their access tokens; their ID tokens are then
    told apart by audience and by the claims that only ID tokens have."""
    client_claim: str = "client_id"
    """`azp` or `appid` at Entra, `cid` at Okta."""
    scope_claim: str = "scope"
    """`scp` at Entra and Okta; a text or a list of texts."""
    groups_claim: str = "groups"
    scopes_by_group: Mapping[str, Collection[str]] = field(default_factory=dict)
    """What membership of a group (or role, by `groups_claim`) grants here."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """Claims that must have one value, such as the tenant: `{"tid": "…"}`."""
    is_id_required: bool = True
    """Whether a token must have a `jti`; Entra's have none."""
    longest_life: float = LONGEST_LIFE
    """Seconds from `iat` to `exp`: how long a revoked token can still be accepted by keys
    alone. A token that lives longer is refused."""

    def __post_init__(self) -> None:
        if self.typ not in {"at+jwt", "JWT"}:
            raise ValueError("typ is at+jwt or JWT")

    def check(self, verified: Claims, now: float) -> claims.Times:
        """Checks times, and what was declared. Raises Fault."""
        times = claims.check_times(verified, now, max_lifetime=self.longest_life)
        for name, value in self.equal.items():
            claims.exactly(verified, name, value)
        if self.typ == "JWT":
            for name in ("nonce", "at_hash", "c_hash"):
                # The signature of an ID token is as good, and it goes to every client.
                if name in verified:
                    raise Fault("typ", "an access token", f"an ID token, by {name}")
        return times

    def scopes(self, verified: Claims) -> frozenset[str]:
        """The scopes of a token, and those of its groups. Raises Fault."""
        scopes = set(_words(verified, self.scope_claim))
        # Groups that are missing, or too many to be listed, grant nothing.
        if self.scopes_by_group and self.groups_claim in verified:
            for group in claims.text_list(verified, self.groups_claim):
                scopes.update(self.scopes_by_group.get(group, ()))
        return frozenset(scopes)


def _words(verified: Claims, name: str) -> tuple[str, ...]:
    value = verified.get(name)
    if name not in verified or value == "":
        return ()
    # `scope` itself is one text (RFC 8693 section 4.2); others have lists.
    if isinstance(value, list) and name != "scope":
        return claims.text_list(verified, name, LONGEST_SCOPE)
    return tuple(claims.text(verified, name, LONGEST_SCOPE).split())
