"""Names of SAML and of XML signatures, as lxml spells them."""

from __future__ import annotations

from typing import Final

_SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}"
SIGNATURES: Final = (_SIGNATURE, "{http://www.w3.org/2009/xmldsig11#}")
"""XML signatures, first and second edition: the second has keys on curves."""
ENCRYPTION: Final = "{http://www.w3.org/2001/04/xmlenc#}"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"


def saml(name: str) -> str:
    """The tag of a SAML element."""
    return _SAML + name


def ds(name: str) -> str:
    """The tag of an element of an XML signature."""
    return _SIGNATURE + name
