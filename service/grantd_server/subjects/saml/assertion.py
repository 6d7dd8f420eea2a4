"""What a verified assertion says, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class NameId:
    """The subject's NameID (SAML core section 2.2.3); what it does not say is None."""

    value: str
    format: str | None
    name_qualifier: str | None
    sp_name_qualifier: str | None
    sp_provided_id: str | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One SubjectConfirmation of the bearer method."""

    recipient: str | None
    not_before: float | None
    expires: float | None
    """`NotOnOrAfter`, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """Times are seconds since the epoch."""

    id: str
    issuer: str
    issued: float
    name_id: NameId
    confirmations: tuple[Confirmation, ...]
    """Of the bearer method; others confirm nothing here."""
    not_before: float | None
    expires: float
    audiences: tuple[frozenset[str], ...]
    """One set for each AudienceRestriction; every one of them must hold."""
    one_time: bool
    """OneTimeUse: whoever relies on it must not rely on it again."""
    auth_time: float
    session_expires: float | None
    acr: str | None
    attributes: Mapping[str, tuple[str, ...]]
    """By `Name`. One with a value that is no text is left out."""
