"""Where a token was sent, and whether its kind belongs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.audit.explaining.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.cli.decoding.pasting.tokens import Found

_URN: Final = "urn:ietf:params:oauth:token-type:"
_TYPES: Final[Mapping[str, str]] = {
    f"{_URN}id_token": "ID token",
    f"{_URN}id-jag": "ID-JAG",
    f"{_URN}saml2": "SAML",
    f"{_URN}access_token": "access token",
    f"{_URN}refresh_token": "refresh token",
}
_PLACES: Final[Mapping[str, str]] = {
    "assertion": "ID-JAG",
    "client_assertion": "client assertion",
    "id_token": "ID token",
    "logout_token": "logout token",
    "dpop header": "DPoP proof",
    "SAMLResponse": "SAML",
}


def misplaced(found: Found, kind: str) -> Iterator[str]:
    """Tells that a token of another kind belongs where this one was."""
    if found.declared:
        wanted, said = _TYPES.get(found.declared, ""), f"{found.place}_type says {shown(found.declared)}"
    else:
        wanted, said = _PLACES.get(found.place, ""), f"it was sent as {found.place}"
    fitting = kind == wanted or (wanted == "access token" and kind.startswith(wanted))
    if wanted and not fitting:
        yield f"in the wrong place: {said}, where {'an' if wanted[0] in 'aAI' else 'a'} {wanted} belongs"
