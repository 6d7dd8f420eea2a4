"""What a probe is given, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from grantd_server.checks import TOKEN_TYPE_ID_TOKEN, TOKEN_TYPE_REFRESH_TOKEN, TOKEN_TYPE_SAML2

if TYPE_CHECKING:
    from grantd_server.doctor.probing.credentials import Credential
    from grantd_server.doctor.probing.proofs import Proofs
    from grantd_server.doctor.reading.exchanges import Exchange

KINDS: Final = {
    "id_token": TOKEN_TYPE_ID_TOKEN,
    "refresh_token": TOKEN_TYPE_REFRESH_TOKEN,
    "saml2": TOKEN_TYPE_SAML2,
}
"""Of sign-ins, by their short names."""
_LONG: Final = re.compile(r"[A-Za-z0-9_+=-]{24,}")
"""What may be a part of a token or a secret."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A test user's sign-in, and the client's credentials at both legs."""

    subject_token: str = field(repr=False)
    at_grant_issuer: Credential
    at_authorization_server: Credential
    subject_token_type: str = TOKEN_TYPE_ID_TOKEN


@dataclass(frozen=True, slots=True)
class Journey:
    """Each step that was taken; None is one that was not reached."""

    probe: Probe
    at: float
    """When it began, by the clock of this machine."""
    why_not: str = ""
    """Why it was not begun; then no credential went anywhere."""
    leg1: Exchange | None = None
    leg2: Exchange | None = None
    replay: Exchange | None = None
    """The same grant, redeemed once more."""
    opened: Exchange | None = None
    """The MCP server, called with the access token."""
    altered: Exchange | None = None
    """The same, with a signature that was altered."""
    unproven: Exchange | None = None
    """The same, with a token that is bound to a key, and without its proof."""
    proofs: Proofs | None = None
    """What proofs of possession were made with; None where nobody wanted any."""
    proven_at_leg1: bool = False
    revoked: tuple[Exchange, ...] = ()

    @property
    def grant(self) -> str:
        """The ID-JAG of leg 1; empty where there is none."""
        return token_of(self.leg1)

    @property
    def access_token(self) -> str:
        """The access token of leg 2; empty where there is none."""
        return token_of(self.leg2)

    @property
    def scheme(self) -> str:
        """How the access token is presented: Bearer, or DPoP where it can be; else empty."""
        found = str(((self.leg2 and self.leg2.members) or {}).get("token_type", "")).lower()
        return {"bearer": "Bearer", "dpop": "DPoP" if self.proofs is not None else ""}.get(found, "")

    def told(self, text: str) -> str:
        """What somebody answered, less everything that may be a token or a secret: there
        are servers that repeat the request in their errors."""
        for secret in (self.probe.subject_token, self.grant, self.access_token):
            text = text.replace(secret, "(withheld)") if secret else text
        for credential in (self.probe.at_grant_issuer, self.probe.at_authorization_server):
            secret = getattr(credential, "secret", "")
            text = text.replace(secret, "(withheld)") if secret else text
        return _LONG.sub("(withheld)", text)


def token_of(answered: Exchange | None) -> str:
    """The token of a successful answer."""
    if answered is None or answered.status != 200 or answered.members is None:
        return ""
    found = answered.members.get("access_token")
    return found if isinstance(found, str) else ""
