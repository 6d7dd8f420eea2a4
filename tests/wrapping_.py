"""Test support: signature wrapping. Each shape holds a genuine signed assertion of one
person, and another person where a careless reader would look."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from lxml import etree

from assertions_ import DS, SAML

if TYPE_CHECKING:
    from collections.abc import Callable

_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
VICTIM = "admin"


def _saml(name: str) -> str:
    return f"{{{SAML}}}{name}"


def _ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def _evil(root: etree._Element, identity: str = "_evil", *, signature: bool = False) -> etree._Element:
    """A copy that names somebody else."""
    evil = copy.deepcopy(root)
    evil.set("ID", identity)
    evil.find(f"{_saml('Subject')}/{_saml('NameID')}").text = VICTIM
    if not signature:
        evil.remove(evil.find(_ds("Signature")))
    return evil


def _response(*children: etree._Element) -> etree._Element:
    response = etree.Element(f"{{{_PROTOCOL}}}Response", ID="_response", Version="2.0", nsmap={"samlp": _PROTOCOL})
    response.extend(children)
    return response


def _detached(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The original without its signature, and the signature."""
    original = copy.deepcopy(root)
    signature = original.find(_ds("Signature"))
    original.remove(signature)
    return original, signature


def _message(root: etree._Element, *, after: bool) -> etree._Element:
    original, signature = _detached(root)
    inner = _response(original)
    evil = _response(_evil(root), signature)
    evil.insert(len(evil) if after else 0, inner)
    return evil


def _xsw1(root: etree._Element) -> etree._Element:
    return _message(root, after=True)


def _xsw2(root: etree._Element) -> etree._Element:
    return _message(root, after=False)


def _xsw3(root: etree._Element) -> etree._Element:
    return _response(_evil(root), copy.deepcopy(root))


def _xsw4(root: etree._Element) -> etree._Element:
    evil = _evil(root)
    evil.append(copy.deepcopy(root))
    return evil


def _xsw5(root: etree._Element) -> etree._Element:
    original, _ = _detached(root)
    evil = _evil(root, signature=True)
    evil.append(original)
    return evil


def _xsw6(root: etree._Element) -> etree._Element:
    original, _ = _detached(root)
    evil = _evil(root, signature=True)
    evil.find(_ds("Signature")).append(original)
    return evil


def _xsw7(root: etree._Element) -> etree._Element:
    response = _response(_evil(root))
    extensions = etree.Element(f"{{{_PROTOCOL}}}Extensions")
    extensions.append(copy.deepcopy(root))
    response.insert(0, extensions)
    return response


def _xsw8(root: etree._Element) -> etree._Element:
    original, _ = _detached(root)
    evil = _evil(root, signature=True)
    etree.SubElement(evil.find(_ds("Signature")), _ds("Object")).append(original)
    return evil


def _xsw9(root: etree._Element) -> etree._Element:
    """CVE-2019-3465: a second SignedInfo, with a digest of the attacker's own."""
    evil = _evil(root, root.get("ID"), signature=True)
    signature = evil.find(_ds("Signature"))
    info = copy.deepcopy(signature.find(_ds("SignedInfo")))
    info.find(f"{_ds('Reference')}/{_ds('DigestValue')}").text = "AAAA"
    signature.insert(1, info)
    return evil


def _xsw10(root: etree._Element) -> etree._Element:
    evil = _evil(root)
    evil.insert(1, copy.deepcopy(root.find(_ds("Signature"))))
    original, _ = _detached(root)
    etree.SubElement(evil, _saml("Advice")).append(original)
    return evil


def _xsw11(root: etree._Element) -> etree._Element:
    original, _ = _detached(root)
    evil = _evil(root, root.get("ID"), signature=True)
    original.tag = _saml("Evidence")
    evil.append(original)
    return evil


def _wrapper(root: etree._Element) -> etree._Element:
    wrapper = etree.Element("wrapper")
    wrapper.append(copy.deepcopy(root))
    wrapper.append(_evil(root))
    return wrapper


SHAPES: dict[str, tuple[str, Callable[[etree._Element], etree._Element]]] = {
    "XSW1": ("the original message after the signature of a forged one", _xsw1),
    "XSW2": ("the original message before the signature of a forged one", _xsw2),
    "XSW3": ("a forged assertion before the original", _xsw3),
    "XSW4": ("the original inside a forged assertion", _xsw4),
    "XSW5": ("the signature on a forged assertion, the original at its end", _xsw5),
    "XSW6": ("the original inside the signature of a forged assertion", _xsw6),
    "XSW7": ("the original under Extensions", _xsw7),
    "XSW8": ("the original in an Object of the signature", _xsw8),
    "XSW9": ("a second SignedInfo", _xsw9),
    "XSW10": ("the original under Advice of a forged assertion", _xsw10),
    "XSW11": ("one ID on the forged assertion and on the original", _xsw11),
    "wrapper": ("a root of another name around both", _wrapper),
}


def wrapped(name: str, genuine: bytes) -> bytes:
    """The shape around a genuine assertion."""
    return etree.tostring(SHAPES[name][1](etree.fromstring(genuine)))
