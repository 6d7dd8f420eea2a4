"""`tls_client_auth` (RFC 8705 section 2.1): the certificate that the shim saw.

Who signed it is the business of the TLS side, which was told its authorities; here the
name in it is compared with the one that the client is registered with.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from grantd_server.model.certificates import CertificateCredential, SubjectName
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.client_auth.directory import Directory, Party

LONGEST_CERTIFICATE = 16 * 1024
"""Bytes of DER; honest ones have one or two thousand."""


def by_certificate(record: Record, directory: Directory, client_id: str | None, der: bytes | None, now: float) -> Party:
    """Finds the client by its id and compares its certificate."""
    if der is None:
        expected = "a certificate that the HTTP side saw"
        raise record.refuse("client.certificate", Reason.CLIENT_CERTIFICATE_MISSING, expected, "none")
    party = directory.by_id(client_id or "")
    if party is None:
        raise record.refuse("client.known", Reason.CLIENT_UNKNOWN, "a client of this issuer", "an unknown client_id")
    registered = [each for each in party.credentials if isinstance(each, CertificateCredential)]
    if not registered:
        expected = "a method the client is registered with"
        raise record.refuse("client.method", Reason.CLIENT_METHOD_MISMATCH, expected, "tls_client_auth")
    certificate = _read(record, der)
    at = datetime.fromtimestamp(now, UTC)
    valid = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    expected = f"valid at {at:%Y-%m-%dT%H:%M:%SZ}"
    record.require(
        "client.certificate_time", valid, Reason.CLIENT_CERTIFICATE_MISMATCH, expected, otherwise="another time"
    )
    named = any(each.value in _names(certificate, each.name) for each in registered)
    expected = " or ".join(f"{each.name.value} {each.value}" for each in registered)
    record.require("client.certificate", named, Reason.CLIENT_CERTIFICATE_MISMATCH, expected, otherwise="other names")
    return party


def _read(record: Record, der: bytes) -> x509.Certificate:
    try:
        if len(der) <= LONGEST_CERTIFICATE:
            certificate = x509.load_der_x509_certificate(der)
            # The library reads names and extensions late; whatever is wrong there is told now.
            for name in SubjectName:
                _names(certificate, name)
            return certificate
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        pass
    expected = f"a certificate of at most {LONGEST_CERTIFICATE} bytes"
    raise record.refuse("client.certificate", Reason.CLIENT_CERTIFICATE_MISMATCH, expected, "other bytes")


def _names(certificate: x509.Certificate, name: SubjectName) -> list[str]:
    if name is SubjectName.SUBJECT_DN:
        return [certificate.subject.rfc4514_string()]
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    if name is SubjectName.SAN_DNS:
        # Never a wildcard: the registered name is compared with what is written.
        return [dns.lower() for dns in alternatives.get_values_for_type(x509.DNSName)]
    return alternatives.get_values_for_type(x509.UniformResourceIdentifier)
