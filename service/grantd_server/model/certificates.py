"""What a client certificate must say of its subject (RFC 8705 section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SubjectName(Enum):
    """Which name of a certificate is compared; the value is its key in a bundle."""

    SUBJECT_DN = "subject_dn"  # the whole distinguished name, as RFC 4514 writes it
    SAN_DNS = "san_dns"
    SAN_URI = "san_uri"


@dataclass(frozen=True, slots=True)
class CertificateCredential:
    """`tls_client_auth`: the one name that a client's certificate must carry."""

    name: SubjectName
    value: str
