"""Reads application/x-www-form-urlencoded strictly: what is damaged is refused,
never repaired, so that no two readers of one request see different parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, final
from urllib.parse import unquote_to_bytes

from grantd.v1.authorization_pb2 import WIRE_FAULT_FORM, WIRE_FAULT_REPEATED_PARAMETER
from grantd_server.shim.faults import WireRefused

if TYPE_CHECKING:
    from collections.abc import Collection

PARAMETERS = frozenset(
    {
        "actor_token",
        "actor_token_type",
        "assertion",
        "audience",
        "authorization_details",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "grant_type",
        "refresh_token",
        "requested_token_type",
        "resource",
        "scope",
        "subject_token",
        "subject_token_type",
        "token",
        "token_type_hint",
    }
)
"""The names of the protocol (F-09, F-10): only these are told to the service; another
name may be a secret in the wrong place."""

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@final
class Form:
    """Parameters by name; an empty value is no value (RFC 6749 section 3.2)."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def one(self, name: str) -> str | None:
        """The value of a parameter that stands once."""
        values = self._values.get(name)
        return values[0] if values else None

    def many(self, name: str) -> list[str]:
        """The values of a parameter that may stand several times, in order."""
        return self._values.get(name, [])

    def refuse_repeated(self, may_repeat: Collection[str] = ()) -> None:
        """Refuses a form in which another parameter stands twice (F-06): two readers
        could take different ones."""
        for name, values in self._values.items():
            if len(values) > 1 and name not in may_repeat:
                raise WireRefused(WIRE_FAULT_REPEATED_PARAMETER, name if name in PARAMETERS else None)


def read_form(raw: bytes, most_fields: int) -> Form:
    """Reads a body of at most `most_fields` fields.

    Raises:
        WireRefused: too many fields, a broken percent escape, no UTF-8, or a NUL.
    """
    if raw.count(b"&") >= most_fields:
        raise WireRefused(WIRE_FAULT_FORM)
    values: dict[str, list[str]] = {}
    try:
        for field in raw.split(b"&"):
            raw_name, _, raw_value = field.partition(b"=")
            if raw_name and raw_value:
                values.setdefault(form_decoded(raw_name), []).append(form_decoded(raw_value))
    except ValueError:
        raise WireRefused(WIRE_FAULT_FORM) from None
    return Form(values)


def form_decoded(raw: bytes) -> str:
    """Decodes one name or value: `+` is a space, `%XX` a byte, bytes are UTF-8.

    Raises:
        ValueError: a broken escape, no UTF-8, or a NUL, at which C readers stop.
    """
    if b"%" in raw:
        if _BROKEN_PERCENT.search(raw):
            raise ValueError("broken percent escape")
        decoded = unquote_to_bytes(raw.replace(b"+", b" "))
    else:
        decoded = raw.replace(b"+", b" ")
    if b"\0" in decoded:
        raise ValueError("NUL")
    return decoded.decode()
