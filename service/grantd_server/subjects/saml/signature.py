"""The signature of an assertion: one shape, pinned keys, and the element that was signed.

signxml computes; what may be computed is decided here before. KeyInfo is never read.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from grantd.strict import Fault
from grantd_server.subjects.saml.document import strict_parser
from grantd_server.subjects.saml.names import ENVELOPED, EXCLUSIVE, SIGNATURES, ds, saml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509
    from lxml.etree import _Element as Element

# At level debug the library logs the whole document.
logging.getLogger("signxml").setLevel(logging.WARNING)

METHODS: Final = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
DIGESTS: Final = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})

_METHODS: Final = {method.value for method in METHODS}
_DIGESTS: Final = {digest.value for digest in DIGESTS}
_KEY_INFO: Final = {ds("X509Data"), ds("KeyValue"), ds("KeyName")}
_INCLUSIVE: Final = f"{{{EXCLUSIVE}}}InclusiveNamespaces"


def verified(root: Element, certificates: Iterable[x509.Certificate]) -> tuple[Element, x509.Certificate]:
    """Returns the element that was signed, parsed from the bytes that were signed, and
    the certificate whose key signed it.

    Raises:
        Fault: another shape or algorithm, or none of the keys signed it.
    """
    _check_signature(root)
    for certificate in certificates:
        signed = _signed(root, certificate)
        if signed is not None:
            _check_signed(root, signed)
            return signed, certificate
    raise Fault("signature", "a signature by the key of a pinned certificate", "one by another key, or of another text")


def _signed(root: Element, certificate: x509.Certificate) -> Element | None:
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=METHODS,
        digest_algorithms=DIGESTS,
        ignore_ambiguous_key_info=True,
        # The key is pinned, and the dates of its certificate decide nothing.
        verification_time=certificate.not_valid_before_utc,
    )
    verifier = XMLVerifier()  # it keeps what it verifies in itself: one for each use
    try:
        result = verifier.verify(
            root, x509_cert=certificate, id_attribute="ID", expect_config=config, parser=strict_parser()
        )
    except (SignXMLException, etree.LxmlError, ValueError, TypeError):
        return None
    return result.signed_xml if not isinstance(result, list) else None


def _check_signature(root: Element) -> None:
    signature = root.find(ds("Signature"))
    info = None if signature is None else signature.find(ds("SignedInfo"))
    if signature is None or info is None:
        raise Fault("signature", "SignedInfo", "none")
    _check_children(signature, ("SignedInfo", "SignatureValue"), optional="KeyInfo")
    _check_uncovered(signature)
    _check_children(info, ("CanonicalizationMethod", "SignatureMethod", "Reference"))
    c14n, method, reference = info
    _check_children(reference, ("Transforms", "DigestMethod", "DigestValue"))
    transforms, digest, _ = reference
    if reference.get("URI") != f"#{root.get('ID')}":
        raise Fault("signature", "a reference to the Assertion", "another one")
    algorithms = [c14n.get("Algorithm"), *(step.get("Algorithm") for step in transforms)]
    if algorithms != [EXCLUSIVE, ENVELOPED, EXCLUSIVE] or {step.tag for step in transforms} != {ds("Transform")}:
        raise Fault("signature", "the enveloped transform and exclusive C14N", "others")
    inside = [child.tag for step in (c14n, transforms[1]) for child in step]
    if len(method) or len(digest) or len(transforms[0]) or any(tag != _INCLUSIVE for tag in inside):
        raise Fault("signature", "algorithms without parameters", "parameters")
    if method.get("Algorithm") not in _METHODS:
        raise Fault("alg:signature", "RSA or ECDSA with SHA-256 or better", "another")
    if digest.get("Algorithm") not in _DIGESTS:
        raise Fault("alg:digest", "SHA-256 or better", "another")


def _check_children(element: Element, names: tuple[str, ...], optional: str = "") -> None:
    found = tuple(child.tag for child in element)
    wanted = tuple(ds(name) for name in names)
    if found not in {wanted, (*wanted, ds(optional))}:
        raise Fault("signature", f"{', '.join(names)}, each once", "another content")


def _check_uncovered(signature: Element) -> None:
    """SignatureValue and KeyInfo, which the signature does not cover, hold nothing but
    keys: another reader than ours might take what else is there for signed."""
    _, value, *key_info = signature
    hints = [hint for element in key_info for hint in element]
    inside = [str(each.tag) for hint in hints for each in hint.iter()]
    keys_only = _KEY_INFO.issuperset(hint.tag for hint in hints)
    if len(value) or not keys_only or not all(tag.startswith(SIGNATURES) for tag in inside):
        raise Fault("signature", "KeyInfo of X509Data, KeyValue or KeyName", "another content")


def _check_signed(root: Element, signed: Element) -> None:
    """What was signed is the assertion that was sent, whole, but for its signature."""
    same = signed.tag == saml("Assertion") and signed.get("ID") == root.get("ID")
    if not same or signed.find(f".//{ds('Signature')}") is not None:
        raise Fault("signature", "the Assertion itself signed", "something else")
