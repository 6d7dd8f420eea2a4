"""Whether the person who signed in may act now, for this client: the same for every
kind of subject token (A-38)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.flows.people.accounts import qualified
from grantd_server.flows.people.blocks import user_block
from grantd_server.flows.people.tenancy import tenant_of_user
from grantd_server.refusals import Reason
from grantd_server.subjects.directory import as_of_now

if TYPE_CHECKING:
    from grantd_server.subjects.identity import Identity, Reading


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as of now."""

    identity: Identity
    tenant: str | None


def person_now(reading: Reading, identity: Identity) -> Person:
    """Checks the provider for this client, the person's blocks and the tenant."""
    record, world = reading.record, reading.world
    name, allowed = identity.provider.name, reading.client.identity_providers
    usable = allowed is None or name in allowed
    expected = "a provider that the client may use"
    record.require("subject.provider", usable, Reason.IDENTITY_PROVIDER_NOT_ALLOWED, expected, name)
    blocked = user_block(world, sorted(identity.users.values), reading.now)
    record.require(
        "subject.not_blocked", blocked is None, Reason.SUBJECT_BLOCKED, "no block", otherwise=blocked and blocked.words
    )
    directory = identity.provider.directory
    if directory is not None:
        identity = as_of_now(record, identity, directory)
    elif identity.renewed is not None:
        record.noted("subject.attributes", "read afresh where there is a directory", f"as of the sign-in at {name}")
    tenant = tenant_of_user(record, reading.grant_issuer, reading.client, identity)
    record.subject = world.pseudonyms.subject(f"{reading.grant_issuer.issuer}|{qualified(tenant, identity.sub)}")
    record.subject_key = world.pseudonyms.key_id
    return Person(identity, tenant)
