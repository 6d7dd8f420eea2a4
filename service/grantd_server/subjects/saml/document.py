"""From bytes to a tree of one shape: a bare Assertion whose signature is its own child.

Every wrapping attack needs a document that a verifier and a reader see differently: a
second assertion, a second signature, a second element of one id. None is let in.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from lxml import etree

from grantd.strict import Fault
from grantd_server.subjects.saml.names import ENCRYPTION, ds, saml

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MOST_ATTRIBUTES: Final = 32
"""Of one element; what reads and sorts them takes time by the square of their number."""

_DECLARATION: Final = re.compile(
    rb"""<\?xml\s+version=(?:"1\.0"|'1\.0')(?:\s+encoding=["'](?i:utf-8)["'])?(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>\s*"""
)
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_ENCRYPTED: Final = {saml("EncryptedAssertion"), saml("EncryptedID"), saml("EncryptedAttribute")}


def strict_parser() -> etree.XMLParser:
    """A parser that resolves, loads and repairs nothing. One for each use: parsers are
    not shared between threads."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
    )


def read_document(data: bytes) -> Element:
    """Parses a document and checks its shape; nothing in it is believed yet.

    Raises:
        Fault: it is no bare, signed assertion.
    """
    check_markup(data)
    try:
        root = etree.fromstring(data, strict_parser())
    except (etree.XMLSyntaxError, ValueError):
        raise Fault("xml", "well-formed XML", "something else") from None
    _check_shape(root)
    return root


def check_markup(data: bytes) -> None:
    """Lets no DTD, entity or comment in. In UTF-8 a `<` is never part of another character, and stands in no value: comments,
    CDATA sections, DTDs and processing instructions can be seen in the bytes."""
    declaration = _DECLARATION.match(data)
    body = data[declaration.end() :] if declaration else data
    if not body.startswith(b"<"):
        raise Fault("encoding", "UTF-8 that begins with XML", "something else")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("encoding", "UTF-8", "other bytes") from None
    if b"<!" in body:
        raise Fault("markup", "no DTD, comment or CDATA section", "one of them")
    if b"<?" in body:
        raise Fault("markup", "no processing instruction", "one")


def _check_shape(root: Element) -> None:
    if any(len(element.attrib) > MOST_ATTRIBUTES for element in root.iter()):
        raise Fault("shape", f"at most {MOST_ATTRIBUTES} attributes of an element", "more")
    tags = Counter(element.tag for element in root.iter())
    if root.tag != saml("Assertion") or root.get("Version") != "2.0":
        raise Fault("shape", "a bare SAML 2.0 Assertion", "another document")
    if not _ENCRYPTED.isdisjoint(tags) or any(str(tag).startswith(ENCRYPTION) for tag in tags):
        raise Fault("shape", "nothing encrypted", "an encrypted part")
    if tags[saml("Assertion")] != 1:
        raise Fault("shape", "one Assertion", str(tags[saml("Assertion")]))
    if tags[ds("Signature")] != 1 or root.find(ds("Signature")) is None:
        raise Fault("signature", "one Signature, a child of the Assertion", str(tags[ds("Signature")]))
    ids = Counter(
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if str(name).rpartition("}")[2].lower() == "id"
    )
    if _ID.fullmatch(root.get("ID", "")) is None or any(count > 1 for count in ids.values()):
        raise Fault("shape", "an ID of its own for the Assertion", "none, or one that is there twice")
