"""Finds the one client authentication of a request (RFC 6749 section 2.3).

Nothing is checked here: the service compares secrets and verifies assertions.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple

from grantd.v1.authorization_pb2 import (
    WIRE_FAULT_BASIC_HEADER,
    WIRE_FAULT_BODY_TOO_LARGE,
    WIRE_FAULT_CLIENT_ID_MISMATCH,
    WIRE_FAULT_TWO_CREDENTIALS,
)
from grantd.v1.client_pb2 import (
    CLIENT_SECRET_METHOD_BASIC,
    CLIENT_SECRET_METHOD_POST,
    ClientAssertion,
    ClientAuthentication,
    ClientSecret,
)
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.request.form import form_decoded

if TYPE_CHECKING:
    from grantd_server.shim.request.form import Form
    from grantd_server.shim.request.head import Head


class _Pair(NamedTuple):
    client_id: str
    secret: str


def read_client(form: Form, head: Head, most_authorization: int) -> ClientAuthentication:
    """Reads Basic, post or a client assertion; none gives an empty proof.

    Raises:
        WireRefused: two credentials (D-06), an unreadable Authorization header, or
            a `client_id` that is not the one of the header.
    """
    readings = _read_basic(head, most_authorization)
    client_id = form.one("client_id")
    secret = form.one("client_secret")
    assertion, assertion_type = form.one("client_assertion"), form.one("client_assertion_type")
    asserted = assertion is not None or assertion_type is not None
    if bool(readings) + (secret is not None) + asserted > 1:
        raise WireRefused(WIRE_FAULT_TWO_CREDENTIALS)
    if readings:
        return _basic(readings, client_id)
    if secret is not None:
        posted = ClientSecret(secret=secret, method=CLIENT_SECRET_METHOD_POST)
        return ClientAuthentication(client_id=client_id, secret=posted)
    if asserted:
        # Half a pair goes on as it is: the service has the row for it.
        signed = ClientAssertion(type=assertion_type or "", assertion=assertion or "")
        return ClientAuthentication(client_id=client_id, assertion=signed)
    return ClientAuthentication(client_id=client_id)


def _basic(readings: list[_Pair], client_id: str | None) -> ClientAuthentication:
    """Packs the readings that agree with the body. Clients may repeat their id there;
    another id must not choose whose secret is compared."""
    agreeing = [pair for pair in readings if client_id is None or pair.client_id == client_id]
    if not agreeing:
        raise WireRefused(WIRE_FAULT_CLIENT_ID_MISMATCH, "client_id")
    first, *others = agreeing
    raw = others[0] if others else None
    secret = ClientSecret(
        secret=first.secret,
        method=CLIENT_SECRET_METHOD_BASIC,
        raw_client_id=raw.client_id if raw else None,
        raw_secret=raw.secret if raw else None,
    )
    return ClientAuthentication(client_id=first.client_id or None, secret=secret)


def _read_basic(head: Head, most: int) -> list[_Pair]:
    """Reads the header: the pair decoded as RFC 6749 section 2.3.1 wants, then the
    pair as sent where it differs, because some clients do not encode it (D-04)."""
    headers = head.all(b"authorization")
    if not headers:
        return []
    if len(headers) > 1:
        raise WireRefused(WIRE_FAULT_TWO_CREDENTIALS, "Authorization")
    if len(headers[0]) > most:
        raise WireRefused(WIRE_FAULT_BODY_TOO_LARGE, "Authorization")
    scheme, _, encoded = headers[0].strip().partition(b" ")
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
        text = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise WireRefused(WIRE_FAULT_BASIC_HEADER, "Authorization") from None
    if scheme.lower() != b"basic" or b":" not in raw or any(c < " " or c == "\x7f" for c in text):
        raise WireRefused(WIRE_FAULT_BASIC_HEADER, "Authorization")
    client_id, _, secret = text.partition(":")
    as_sent = _Pair(client_id, secret)
    try:
        decoded = _Pair(form_decoded(client_id.encode()), form_decoded(secret.encode()))
    except ValueError:
        # A raw secret may hold a lone percent sign.
        return [as_sent]
    return [decoded] if decoded == as_sent else [decoded, as_sent]
