"""What an assertion says, for people. It is looked for only where the service looks: an
enveloped signature covers nothing of itself, and anybody may write into it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from lxml import etree

from grantd.strict import Fault
from grantd_server.subjects.saml.document import check_markup, read_document, strict_parser
from grantd_server.subjects.saml.encoding import MOST_BYTES
from grantd_server.subjects.saml.names import ENCRYPTION, ds, saml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

_MOST: Final = 200
"""Attribute values that are told."""
_TEXTS: Final = (
    ("Issuer",),
    ("Subject", "NameID"),
    ("Conditions", "AudienceRestriction", "Audience"),
    ("AuthnStatement", "AuthnContext", "AuthnContextClassRef"),
)
_MOMENTS_AND_PLACES: Final = (
    (("Conditions",), ("NotBefore", "NotOnOrAfter")),
    (("Subject", "SubjectConfirmation", "SubjectConfirmationData"), ("Recipient", "NotOnOrAfter", "InResponseTo")),
    (("AuthnStatement",), ("AuthnInstant", "SessionNotOnOrAfter")),
)


def outline(data: bytes) -> tuple[str, list[tuple[str, str]], str]:
    """What it is, what it says by name, and what is wrong with its form; nothing of it is
    verified, nothing is believed.

    Raises:
        Fault: it is no XML that is looked into: a DTD, an entity, too much of it.
    """
    if len(data) > MOST_BYTES:
        raise Fault("encoding", f"at most {MOST_BYTES} bytes", "more")
    check_markup(data)
    try:
        root = etree.fromstring(data, strict_parser())
    except (etree.XMLSyntaxError, ValueError):
        raise Fault("xml", "well-formed XML", "something else") from None
    wrong = ""
    try:
        read_document(data)
    except Fault as fault:
        wrong = f"{fault.check}: expected {fault.expected}, got {fault.got}"
    found = root if root.tag == saml("Assertion") else root.find(f".//{saml('Assertion')}")
    if found is None:
        return _what(root), [], wrong
    signatures = sum(1 for _ in found.iter(ds("Signature")))
    return _what(root), [*said_by(found), ("signatures", str(signatures))], wrong


def said_by(assertion: Element) -> Iterator[tuple[str, str]]:
    """What one Assertion element says, by name."""
    yield "id", assertion.get("ID", "")
    yield "issued", assertion.get("IssueInstant", "")
    for path in _TEXTS:
        yield from ((path[-1], each.text or "") for each in _at(assertion, path))
    for path, names in _MOMENTS_AND_PLACES:
        for each in _at(assertion, path):
            yield from ((f"{path[-1]} {name}", each.get(name, "")) for name in names)
    yield from islice(_attributes(assertion), _MOST)


def _what(root: Element) -> str:
    if root.tag == saml("Assertion"):
        return "a SAML 2.0 assertion"
    if root.find(f".//{saml('Assertion')}") is not None:
        return "a SAML message around an assertion: send the Assertion element alone"
    if root.tag == saml("EncryptedAssertion") or any(str(each.tag).startswith(ENCRYPTION) for each in root.iter()):
        return "an encrypted SAML assertion: only its recipient can read it"
    return "XML, but no SAML 2.0 assertion"


def _at(assertion: Element, path: tuple[str, ...]) -> Iterator[Element]:
    return assertion.iterfind("/".join(map(saml, path)))


def _attributes(assertion: Element) -> Iterator[tuple[str, str]]:
    for attribute in _at(assertion, ("AttributeStatement", "Attribute")):
        for value in attribute.iterfind(saml("AttributeValue")):
            yield f"attribute {attribute.get('Name', '')}", value.text or ""
