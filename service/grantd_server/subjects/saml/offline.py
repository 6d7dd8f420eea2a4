"""The signature of a pasted assertion, checked by the strict code of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lxml import etree

from grantd.strict import Fault
from grantd_server.subjects.saml.document import check_markup, read_document, strict_parser
from grantd_server.subjects.saml.names import saml
from grantd_server.subjects.saml.signature import verified
from grantd_server.subjects.saml.statements import read_assertion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element


class Signed(NamedTuple):
    """What was signed, as it was signed, and by whom."""

    element: Element
    fingerprint: str
    """SHA-256 of the certificate."""


def certificates_in(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises ValueError where there is none to be read."""
    return x509.load_pem_x509_certificates(pem)


def signed_by(data: bytes, certificates: Sequence[x509.Certificate]) -> Signed:
    """Verifies an assertion, or the only one of a message, as the service does.

    Raises:
        Fault: it is not genuine, or not of the one shape that the service takes.
    """
    root = read_document(_assertion_of(data))
    signed, certificate = verified(root, certificates)
    read_assertion(signed)
    return Signed(signed, certificate.fingerprint(hashes.SHA256()).hex())


def _assertion_of(data: bytes) -> bytes:
    """A client sends the assertion alone; it is cut out as a client has to."""
    check_markup(data)
    try:
        root = etree.fromstring(data, strict_parser())
    except (etree.XMLSyntaxError, ValueError):
        raise Fault("xml", "well-formed XML", "something else") from None
    if root.tag == saml("Assertion"):
        return data
    inside = list(root.iter(saml("Assertion")))
    if len(inside) != 1:
        raise Fault("shape", "one Assertion", str(len(inside)))
    return bytes(etree.tostring(inside[0], with_tail=False))
