"""The TLS client certificate of a request: from our own listener, or from a terminator
that is trusted by its address. From anybody else the header is ignored (D-12)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from grantd_server.shim.request.observed import is_within

if TYPE_CHECKING:
    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.head import Head

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def client_certificate(head: Head, limits: ShimLimits) -> bytes | None:
    """The certificate as DER, not yet judged; None when there is none to be believed."""
    if limits.certificate_header is None:
        return head.certificate
    # Behind a terminator the certificate of the connection is the terminator's own.
    values = head.all(limits.certificate_header)
    if len(values) != 1 or head.peer is None or not is_within(head.peer, limits.certificate_proxies):
        return None
    return _der(values[0].strip())


def _der(value: bytes) -> bytes | None:
    """Reads RFC 9440 (`:base64:`), or the PEM in percent-encoding that nginx sends."""
    text = value
    if not (len(value) > 2 and value.startswith(b":") and value.endswith(b":")):
        text = unquote_to_bytes(value).strip()
        if not (text.startswith(_BEGIN) and text.endswith(_END)):
            return None
        text = b":" + b"".join(text[len(_BEGIN) : -len(_END)].split()) + b":"
    try:
        return base64.b64decode(text[1:-1], validate=True) or None
    except binascii.Error:
        return None
