"""Keys that end, by the certificate beside them or by a member that some vendors add."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grantd import jwk
from grantd_server.doctor.checks.walked.tokens import number
from grantd_server.doctor.findings import Finding, Row, Severity, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

EXPIRED = Row(
    "keys.expired", Severity.WARNING, "A key has an end that is past, or less than two weeks away.",
    "Publish its successor now, sign with it once caches are over, and renew the certificate where one is published.",
)  # fmt: skip
CERTIFICATE = Row(
    "keys.certificate", Severity.WARNING, "The certificate beside a key is of another key, or cannot be read.",
    "Publish in `x5c` the certificate of this very key, in standard base64, or leave it out (RFC 7517 section 4.7).",
)  # fmt: skip
ROWS: Final = (EXPIRED, CERTIFICATE)

NOTICE: Final = 14 * 86_400
"""Seconds before its end in which a key should have a successor."""
_DAY: Final = 86_400


def check(view: View) -> Iterator[Finding]:
    """Looks at the end of every usable key; the clock is that of this machine."""
    for issuer in view.issuers:
        for key in issuer.keys:
            read = jwk.read_jwks({"keys": [key]}, default_algs=jwk.ALGORITHMS).keys
            if read and issuer.jwks is not None:
                yield from _key(issuer, key, read[0], issuer.jwks.received_at)


def _key(issuer: IssuerSeen, key: Mapping[str, Any], read: jwk.Key, now: float) -> Iterator[Finding]:
    where, kid = issuer.text("jwks_uri"), cut(key.get("kid"), 60)
    ends = {"exp": number(key, "exp")}
    if "x5c" in key:
        certificate = _certificate(key["x5c"])
        if certificate is None:
            yield CERTIFICATE.at(issuer.party, where, f"the certificate of {kid} cannot be read")
        elif _of(certificate) != _bytes(read.public):
            yield CERTIFICATE.at(issuer.party, where, f"the certificate of {kid} is of another key")
        else:
            ends["certificate"] = certificate.not_valid_after_utc.timestamp()
    for by, end in ends.items():
        if end is not None and end < now + NOTICE:
            days = abs(end - now) / _DAY
            when = f"ended {days:.0f} days ago" if end < now else f"ends in {days:.0f} days"
            yield EXPIRED.at(issuer.party, where, f"{kid} {when}, by its {by}")


def _certificate(chain: object) -> x509.Certificate | None:
    first = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(first, str):
        return None
    try:
        return x509.load_der_x509_certificate(base64.b64decode(first, validate=True))
    except ValueError:
        return None


def _of(certificate: x509.Certificate) -> bytes:
    """The public key of a certificate; empty where it is of a kind that nobody reads."""
    try:
        return _bytes(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _bytes(public: Any) -> bytes:
    found: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found
