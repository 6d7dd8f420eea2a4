"""An MCP server as it shows itself: its metadata, its challenge, and how it refuses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from grantd_server.doctor.reading.addresses import origin
from grantd_server.doctor.reading.challenges import Challenge, Malformed, read_challenges
from grantd_server.doctor.reading.exchanges import Exchange, message
from grantd_server.model.uris import normalise_resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.doctor.reading.exchanges import Asker

INSERTED: Final = "path inserted"
ROOT: Final = "at the root"
CHALLENGED: Final = "named by the challenge"

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
INITIALIZE: Final = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "grantd-doctor", "version": "1"},
}
NO_TOKEN: Final = "grantd-doctor-is-no-token"
"""What is sent as a token to see it refused."""


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """What one MCP server answered."""

    identifier: str
    malformed: str = ""
    called: Exchange | None = None
    """The answer to a call without a token."""
    called_with_token: Exchange | None = None
    """The answer to a call with something that is no token."""
    challenges: tuple[Challenge, ...] | None = ()
    """Of the first; None where its header cannot be read."""
    appended: Exchange | None = None
    """What is at the end of its path, where no client looks; asked where no form is usable."""
    forms: Mapping[str, Exchange] = field(default_factory=dict)
    """Its metadata by where they were found, in the order in which a client prefers them."""

    @property
    def challenge(self) -> Challenge | None:
        """The challenge for a token."""
        return next((each for each in self.challenges or () if each.scheme in {"bearer", "dpop"}), None)

    @property
    def named_metadata(self) -> str:
        """The address of the metadata that the challenge names."""
        found = (each.attributes.get("resource_metadata", "") for each in self.challenges or ())
        return next(filter(None, found), "")

    @property
    def usable(self) -> dict[str, Exchange]:
        """The forms that were answered with a JSON object, less what the root of the host
        says about another resource."""
        found = {name: each for name, each in self.forms.items() if each.status == 200 and each.members is not None}
        root = found.get(ROOT)
        first = next(iter(found.values()), None)
        if root is not None and first is not root and _resource(root) != _resource(first):
            del found[ROOT]
        return found

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata that a client would take; empty where there are none."""
        return next((each.members for each in self.usable.values() if each.members is not None), {})

    def texts(self, member: str) -> tuple[str, ...] | None:
        """A member that is a list of texts; None where it is absent or something else."""
        value = self.metadata.get(member)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return None
        return tuple(value)


async def read_resource(asker: Asker, identifier: str) -> ResourceSeen:
    """Reads all that an MCP server shows to somebody without a token."""
    try:
        normalise_resource(identifier)
    except ValueError as fault:
        return ResourceSeen(identifier, malformed=str(fault))
    headers, body = message("initialize", **INITIALIZE)
    called, with_token, inserted, root = await asyncio.gather(
        asker.post(identifier, headers, body),
        asker.post(identifier, {**headers, "Authorization": f"Bearer {NO_TOKEN}"}, body),
        asker.get(metadata_url(identifier)),
        asker.get(origin(identifier) + WELL_KNOWN),
    )
    try:
        challenges: tuple[Challenge, ...] | None = tuple(read_challenges(called.headers("www-authenticate")))
    except Malformed:
        challenges = None
    forms = {INSERTED: inserted} | ({ROOT: root} if root.url != inserted.url else {})
    seen = ResourceSeen(identifier, "", called, with_token, challenges, forms=forms)
    named = seen.named_metadata
    if named and named not in {inserted.url, root.url} and origin(named) == origin(identifier):
        seen = replace(seen, forms={CHALLENGED: await asker.get(named), **forms})
    appended = identifier.partition("?")[0].rstrip("/") + WELL_KNOWN
    if seen.usable or appended in {each.url for each in seen.forms.values()}:
        return seen
    return replace(seen, appended=await asker.get(appended))


def metadata_url(resource: str) -> str:
    """Where RFC 9728 section 3.1 puts the metadata of a resource."""
    parts = urlsplit(resource)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}{query}"


def _resource(exchange: Exchange | None) -> object:
    return None if exchange is None or exchange.members is None else exchange.members.get("resource")
