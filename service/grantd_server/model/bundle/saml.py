"""What administrators declare about the SAML side of an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import SubjectMapping


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """A service provider that assertions are made for: a client, as the provider knows it."""

    client: str
    """The client's id at the provider, as clients list it under `sso` (A-33)."""
    entity_id: str
    """The `Audience` of its assertions."""
    recipients: frozenset[str]
    """Where its assertions are delivered: the `Recipient` of a bearer confirmation."""


@dataclass(frozen=True, slots=True)
class SamlSignOn:
    """The assertions of one identity provider that are accepted."""

    entity_id: str
    """The `Issuer` of its assertions."""
    certificates: tuple[str, ...]
    """PEM. Their keys are pinned: names, dates and chains of a certificate say nothing."""
    service_providers: Mapping[str, ServiceProvider]
    """By `entity_id`."""
    subject: SubjectMapping
    """A claim is an attribute by its `Name`."""
    name_id_format: str | None
    """The only accepted format of the NameID; None where the NameID names nobody here."""
    groups_attribute: str | None = None
    roles_attribute: str | None = None
    attributes: tuple[str, ...] = ()
    """Further attributes, by `Name`, that rules may read."""
    email_attribute: str | None = None
    """An address that the provider itself gave, and so vouches for."""
