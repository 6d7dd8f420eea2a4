"""An issuer as it shows itself: metadata at each well-known form, keys, token endpoint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from grantd import jwk
from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.doctor.findings import Party
from grantd_server.doctor.reading.exchanges import Exchange, form
from grantd_server.model.uris import check_issuer, check_web_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.doctor.reading.exchanges import Asker

OAUTH: Final = "RFC 8414"
OPENID_INSERTED: Final = "OpenID, path inserted"
OPENID: Final = "OpenID"
_ORDER: Final = {Party.PROVIDER: (OPENID, OAUTH), Party.ISSUER: (OAUTH, OPENID, OPENID_INSERTED)}
_SERVER_ORDER: Final = (OAUTH, OPENID_INSERTED, OPENID)
_GRANT: Final = {Party.ISSUER: GRANT_TYPE_TOKEN_EXCHANGE, Party.SERVER: GRANT_TYPE_JWT_BEARER}


@dataclass(frozen=True, slots=True)
class IssuerSeen:
    """What one issuer answered."""

    party: Party
    identifier: str
    """As it was asked for."""
    malformed: str = ""
    """Why it is no issuer identifier; then nothing was asked."""
    forms: Mapping[str, Exchange] = field(default_factory=dict)
    """Its metadata by well-known form, in the order in which a client prefers them."""
    appended: Exchange | None = None
    """What is at the end of its path, where no client looks; asked where no form is usable."""
    jwks: Exchange | None = None
    token: Exchange | None = None
    """The answer of the token endpoint to a request without credentials."""

    @property
    def usable(self) -> dict[str, Exchange]:
        """The forms that were answered with a JSON object."""
        return {name: each for name, each in self.forms.items() if each.status == 200 and each.members is not None}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata that a client would take; empty where there are none."""
        return next((each.members for each in self.usable.values() if each.members is not None), {})

    @property
    def key_set(self) -> Mapping[str, Any] | None:
        """The published key set; None where there is none."""
        return self.jwks.members if self.jwks is not None and self.jwks.status == 200 else None

    @property
    def keys(self) -> list[Any]:
        """The keys of the set that a verifier reads, as they were published."""
        listed = (self.key_set or {}).get("keys")
        return listed[: jwk.MAX_KEYS] if isinstance(listed, list) else []

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of client authentication that it takes; where they are left out,
        those of RFC 8414 section 2."""
        return self.texts("token_endpoint_auth_methods_supported") or ("client_secret_basic",)

    def text(self, member: str) -> str:
        """A member that is a text; empty where it is absent or something else."""
        value = self.metadata.get(member)
        return value if isinstance(value, str) else ""

    def address(self, member: str) -> str:
        """A member that is an address to ask; empty where it is none."""
        try:
            check_web_address(self.text(member))
        except ValueError:
            return ""
        return self.text(member)

    def texts(self, member: str) -> tuple[str, ...] | None:
        """A member that is a list of texts; None where it is absent or something else."""
        value = self.metadata.get(member)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return None
        return tuple(value)


async def read_issuer(asker: Asker, party: Party, identifier: str) -> IssuerSeen:
    """Reads all that an issuer publishes."""
    try:
        check_issuer(identifier.encode("idna").decode() if not identifier.isascii() else identifier)
    except (ValueError, UnicodeError) as fault:
        return IssuerSeen(party, identifier, malformed=str(fault))
    urls = metadata_urls(identifier)
    # Forms of an issuer without a path fall together; the first name stays.
    names = {urls[name]: name for name in reversed(_ORDER.get(party, _SERVER_ORDER))}
    wanted = {name: url for url, name in reversed(names.items())}
    answers = await asyncio.gather(*map(asker.get, wanted.values()))
    seen = IssuerSeen(party, identifier, forms=dict(zip(wanted, answers, strict=True)))
    if not seen.usable:
        return replace(seen, appended=await _appended(asker, seen))
    jwks, token = await asyncio.gather(_keys(asker, seen), _token(asker, seen))
    return replace(seen, jwks=jwks, token=token)


def metadata_urls(issuer: str) -> dict[str, str]:
    """Where an issuer's metadata may be, by form (RFC 8414 sections 3.1 and 5)."""
    bare = issuer.rstrip("/")
    parts = urlsplit(bare)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {
        OAUTH: f"{origin}/.well-known/oauth-authorization-server{parts.path}",
        OPENID_INSERTED: f"{origin}/.well-known/openid-configuration{parts.path}",
        OPENID: f"{bare}/.well-known/openid-configuration",
    }


async def _appended(asker: Asker, seen: IssuerSeen) -> Exchange | None:
    url = f"{seen.identifier.rstrip('/')}/.well-known/oauth-authorization-server"
    return None if url in {each.url for each in seen.forms.values()} else await asker.get(url)


async def _keys(asker: Asker, seen: IssuerSeen) -> Exchange | None:
    url = seen.address("jwks_uri")
    return await asker.get(url) if url else None


async def _token(asker: Asker, seen: IssuerSeen) -> Exchange | None:
    """Nobody is authenticated by this, so that it can neither take nor leave anything."""
    url = seen.address("token_endpoint")
    if not url or seen.party is Party.PROVIDER:
        return None
    return await asker.post(url, *form(grant_type=_GRANT[seen.party]))
