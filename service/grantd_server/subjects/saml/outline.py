"""What an assertion says, for people: nothing of it is verified, nothing is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from grantd.strict import Fault
from grantd_server.subjects.saml.document import check_markup, read_document, strict_parser
from grantd_server.subjects.saml.encoding import MOST_BYTES
from grantd_server.subjects.saml.names import ENCRYPTION, ds, saml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

_MOST = 200
"""Attribute values that are told."""


def outline(data: bytes) -> tuple[str, list[tuple[str, str]], str]:
    """What it is, what it says by name, and what is wrong with its form.

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
    return _what(root), list(_said(root)), wrong


def _what(root: Element) -> str:
    if root.tag == saml("Assertion"):
        return "a SAML 2.0 assertion"
    if root.find(f".//{saml('Assertion')}") is not None:
        return "a SAML message around an assertion: send the Assertion element alone"
    if root.tag == saml("EncryptedAssertion") or any(str(each.tag).startswith(ENCRYPTION) for each in root.iter()):
        return "an encrypted SAML assertion: only its recipient can read it"
    return "XML, but no SAML 2.0 assertion"


def _said(root: Element) -> Iterator[tuple[str, str]]:
    found = root if root.tag == saml("Assertion") else root.find(f".//{saml('Assertion')}")
    if found is None:
        return
    yield "id", found.get("ID", "")
    yield "issued", found.get("IssueInstant", "")
    for name in ("Issuer", "NameID", "Audience", "AuthnContextClassRef"):
        yield from ((name, each.text or "") for each in found.iter(saml(name)))
    for name, attributes in (
        ("Conditions", ("NotBefore", "NotOnOrAfter")),
        ("SubjectConfirmationData", ("Recipient", "NotOnOrAfter", "InResponseTo")),
        ("AuthnStatement", ("AuthnInstant", "SessionNotOnOrAfter")),
    ):
        for each in found.iter(saml(name)):
            yield from ((f"{name} {attribute}", each.get(attribute, "")) for attribute in attributes)
    yield "signatures", str(sum(1 for _ in found.iter(ds("Signature"))))
    yield from list(_attributes(found))[:_MOST]


def _attributes(found: Element) -> Iterator[tuple[str, str]]:
    for attribute in found.iter(saml("Attribute")):
        for value in attribute.iter(saml("AttributeValue")):
            yield f"attribute {attribute.get('Name', '')}", value.text or ""
