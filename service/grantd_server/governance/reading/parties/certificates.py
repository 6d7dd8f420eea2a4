"""Reads the name by which a client certificate is recognised (RFC 8705 section 2.1.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.certificates import CertificateCredential, SubjectName

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

_DNS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[\x21-\x7e]+")


def read_certificate(fields: Fields) -> CertificateCredential | None:
    """Exactly one name: with two, either certificate would do, or nobody knew which."""
    inside = fields.inside("tls_client_auth")
    if inside is None:
        return None
    found = [name for name in SubjectName if name.value in inside]
    if len(found) != 1:
        inside.wrong("", f"exactly one of {', '.join(name.value for name in SubjectName)} is expected")
    subject = inside.optional("subject_dn", _subject, "")
    dns = inside.optional("san_dns", _dns, "")
    uri = inside.optional("san_uri", _uri, "")
    inside.close()
    return CertificateCredential(found[0], subject or dns or uri) if len(found) == 1 else None


def _subject(node: Node) -> str:
    """In the one spelling of the library, so that certificates are compared by text."""
    try:
        name = x509.Name.from_rfc4514_string(scalars.text(node))
    except ValueError:
        raise Wrong("a distinguished name as RFC 4514 writes it is expected, such as CN=desk,O=Northwind") from None
    return name.rfc4514_string()


def _dns(node: Node) -> str:
    value = scalars.text(node)
    if _DNS.fullmatch(value) is None:
        raise Wrong(f'"{value}" is no DNS name in lower case; a wildcard is nobody in particular')
    return value


def _uri(node: Node) -> str:
    value = scalars.text(node)
    if _URI.fullmatch(value) is None:
        raise Wrong(f'"{value}" is no URI')
    return value
