"""Hostile documents at the verifier of assertions: markup, encodings, signatures, algorithms.

Each is an honest assertion with one change; an honest one passes before and after.
"""

from __future__ import annotations

import base64
import gc
import logging
import re
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

from assertions_ import (
    DESK_ACS,
    DESK_SP,
    DS,
    ENTITY,
    EXCLUSIVE,
    GROUPS,
    PERSISTENT,
    SAML,
    Signatory,
    encoded,
    signatory,
    signed,
    xml,
)
from grantd.strict import Fault
from grantd_server.subjects.saml.assertion import Assertion, Confirmation, NameId
from grantd_server.subjects.saml.document import MOST_ATTRIBUTES
from grantd_server.subjects.saml.encoding import MOST_BYTES, decoded
from grantd_server.subjects.saml.signature import _check_signed
from grantd_server.subjects.saml.verify import verify
from tokens import NOW, UNHURRIED

with warnings.catch_warnings():
    # It warns of a library that it stands on itself.
    warnings.simplefilter("ignore", DeprecationWarning)
    from minisignxml.config import VerifyConfig
    from minisignxml.verify import extract_verified_element


def providers(*signatories: Signatory) -> dict[str, Any]:
    """The directory with pinned certificates."""
    certificates = tuple(each.certificate for each in signatories or (signatory(),))
    return {ENTITY: SimpleNamespace(saml=SimpleNamespace(entity_id=ENTITY, certificates=certificates))}


def fault(document: bytes | str, known: dict[str, Any] | None = None) -> Fault:
    raw = encoded(document) if isinstance(document, bytes) else document
    with pytest.raises(Fault) as caught:
        verify(raw, known or providers())
    return caught.value


def check(document: bytes | str, known: dict[str, Any] | None = None) -> str:
    return fault(document, known).check


@pytest.fixture(scope="module")
def honest() -> bytes:
    return signed(xml(NOW))


def changed(document: bytes, pattern: str, new: str) -> bytes:
    """The document with one place changed after it was signed."""
    found, count = re.subn(pattern.encode(), new.encode(), document, count=1)
    assert count == 1, pattern
    return found


def test_an_honest_assertion_is_read(honest):
    found = verify(encoded(honest), providers()).assertion
    assert found == Assertion(
        id=etree.fromstring(honest).get("ID"),
        issuer=ENTITY,
        issued=NOW - 10,
        name_id=NameId("u-18f2", PERSISTENT, None, None, None),
        confirmations=(Confirmation(DESK_ACS, None, NOW + 290),),
        not_before=NOW - 40,
        expires=NOW + 290,
        audiences=(frozenset({DESK_SP}),),
        one_time=False,
        auth_time=NOW - 60,
        session_expires=None,
        acr="mfa",
        attributes={GROUPS: ("eng",)},
    )


def test_what_may_be_said_besides_is_read_too():
    text = xml(
        NOW,
        name_attributes={"NameQualifier": "q", "SPNameQualifier": "sp", "SPProvidedID": "p"},
        confirmation_begins=-1,
        recipient=None,
        begins=None,
        conditions="<saml:OneTimeUse/>",
        session_ends=7,
        acr=None,
        attributes={"a": ["1", ""], "b": [], "c": ["x", "<saml:Audience/>"]},
    )
    found = verify(encoded(signed(text)), providers()).assertion
    assert found.name_id == NameId("u-18f2", None, "q", "sp", "p")
    assert found.confirmations == (Confirmation(None, NOW - 1, NOW + 290),)
    assert (found.not_before, found.one_time, found.session_expires, found.acr) == (None, True, NOW + 7, None)
    assert found.attributes == {"a": ("1", ""), "b": ()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issued": None}, "claim:IssueInstant"),
        ({"ends": None}, "claim:NotOnOrAfter"),
        ({"auth_time": None}, "claim:AuthnStatement"),
        ({"issued": "2026-02-30T00:00:00Z"}, "claim:IssueInstant"),
        ({"issued": "2026-02-20T00:00:00"}, "claim:IssueInstant"),
        ({"issued": "0000-01-01T00:00:00Z"}, "claim:IssueInstant"),
        ({"extra": "<saml:Issuer>x</saml:Issuer>"}, "claim:Issuer"),
        ({"extra": "<saml:Subject/>"}, "claim:Subject"),
        ({"extra": "<saml:Conditions/>"}, "claim:Conditions"),
        ({"conditions": "<saml:Condition/>"}, "claim:Conditions"),
        ({"conditions": '<OneTimeUse xmlns="urn:x"/>'}, "claim:Conditions"),
        ({"name_attributes": {"Format": "x" * 1025}}, "claim:Format"),
        ({"name": "x" * 257}, "claim:NameID"),
        ({"acr": "x" * 257}, "claim:AuthnContextClassRef"),
        ({"recipient": "x" * 1025}, "claim:Recipient"),
        ({"audiences": [["x" * 1025]]}, "claim:Audience"),
    ],
)
def test_a_part_that_is_missing_doubled_or_malformed_is_told(changes, expected):
    assert check(signed(xml(NOW, **changes))) == expected


def test_an_assertion_without_issuer_is_nobodys(honest):
    found = fault(re.sub(rb"<saml:Issuer>.*</saml:Issuer>", b"", honest))
    assert (found.check, found.got) == ("iss", "''")


def test_another_verifier_reads_the_same_name(honest):
    element = extract_verified_element(
        xml=honest,
        certificate=x509.load_pem_x509_certificate(signatory().certificate.encode()),
        config=VerifyConfig.default(),
        attribute="ID",
    )
    name = element.find(f"{{{SAML}}}Subject/{{{SAML}}}NameID").text
    assert verify(encoded(honest), providers()).assertion.name_id.value == name


# Encoding of the parameter


@pytest.mark.req("A-31")
def test_standard_base64_and_padding_are_taken(honest):
    for document in (honest, honest + b" ", honest + b"  "):
        plain, url = base64.b64encode(document).decode(), base64.urlsafe_b64encode(document).decode()
        for raw in (plain, plain.rstrip("="), url, url.rstrip("=")):
            assert verify(raw, providers()).assertion.issuer == ENTITY


@pytest.mark.req("A-31")
@pytest.mark.parametrize(
    "raw",
    [
        "",
        "=",
        "A",
        "AA=",
        "AAA==",
        "AAAA=",
        "AAAA====",
        "AB",
        "AAB",
        "AA A",
        "AAAA\n",
        "-+AA",
        "_/AA",
        "AA%3D",
        "ÄAAA",
        "A" * 87385,
    ],
    ids=lambda raw: repr(raw[:8]),
)
def test_other_spellings_of_base64_are_refused(raw):
    assert check(raw) == "encoding"
    with pytest.raises(Fault):
        decoded(raw)


@pytest.mark.parametrize("raw", ["", "A" * 87385])
def test_a_parameter_that_is_empty_or_too_long_is_not_decoded(raw):
    assert fault(raw).expected == "1 to 87384 characters"


@pytest.mark.req("A-31")
def test_the_largest_assertion_is_decoded_and_one_byte_more_is_not():
    assert len(decoded(encoded(b"x" * MOST_BYTES))) == MOST_BYTES
    with pytest.raises(Fault):
        decoded(base64.urlsafe_b64encode(b"x" * (MOST_BYTES + 1)).decode())
    with pytest.raises(Fault):
        decoded(base64.urlsafe_b64encode(b"x" * (MOST_BYTES + 1)).decode().rstrip("="))


# Encoding and markup of the document


@pytest.mark.hostile("S23")
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp037"])
def test_another_encoding_than_utf_8_is_refused(honest, codec):
    document = honest.decode().encode(codec)
    if codec == "utf-7":
        document = b'<?xml version="1.0" encoding="UTF-7"?>' + honest.decode().replace("<", "+ADw-").encode()
    assert check(document) in {"encoding", "xml", "markup"}


@pytest.mark.hostile("S23")
@pytest.mark.parametrize("name", ["ISO-8859-1", "UTF-16", "UTF-7", "US-ASCII", "utf-8x", ""])
def test_another_encoding_may_not_be_declared(honest, name):
    assert check(f'<?xml version="1.0" encoding="{name}"?>'.encode() + honest) in {"encoding", "markup"}


@pytest.mark.parametrize(
    "declaration", ['<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n"]
)
def test_a_declaration_of_utf_8_is_read(honest, declaration):
    assert verify(encoded(declaration.encode() + honest), providers()).assertion.issuer == ENTITY


def test_bytes_that_are_no_utf_8_are_refused(honest):
    assert check(honest.replace(b"u-18f2", b"u-\xe9")) == "encoding"
    assert check(honest.replace(b"u-18f2", b"u-\x00")) == "xml"


@pytest.mark.hostile("S12", "S13")
@pytest.mark.parametrize(
    "name",
    [
        "admin@corp.example<!---->.evil.example",
        "admin<!-- -->",
        "<![CDATA[admin]]>",
        "admin<![CDATA[.evil]]>",
        "admin<?x?>.evil",
        "<?xml-stylesheet href='x'?>admin",
    ],
)
def test_markup_in_a_name_is_refused(name):
    assert check(signed(xml(NOW, name="NAME")).replace(b"NAME", name.encode())) == "markup"


@pytest.mark.hostile("S13")
@pytest.mark.parametrize(
    "name", ["<saml:Audience>admin</saml:Audience>", "a<saml:Audience/>b", "", " ", "a\u202eb", "a&#10;b"]
)
def test_a_name_is_a_plain_text(name):
    assert check(signed(xml(NOW, name="NAME").replace("NAME", name))) == "claim:NameID"


@pytest.mark.hostile("S13")
def test_a_character_reference_is_a_character():
    text = xml(NOW, name="NAME").replace("NAME", "u&amp;&#x31;")
    assert verify(encoded(signed(text)), providers()).assertion.name_id.value == "u&1"


@pytest.mark.req("A-32")
@pytest.mark.hostile("S13", "S17")
@pytest.mark.parametrize(
    "dtd",
    [
        "<!DOCTYPE saml:Assertion>",
        "<!DOCTYPE a [<!ENTITY x 'admin'>]>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x.dtd'>",
        "<!DOCTYPE a [<!ATTLIST saml:Assertion ID ID #IMPLIED>]>",
        "<!DOCTYPE a [<!ENTITY a 'x'>" + "".join(f"<!ENTITY b{n} '&a;&a;'>" for n in range(20)) + "]>",
    ],
    ids=["empty", "entity", "external", "subset", "attlist", "laughs"],
)
def test_a_document_type_is_refused(honest, dtd):
    assert check(dtd.encode() + honest) == "markup"


@pytest.mark.hostile("S13")
def test_an_entity_that_nobody_declared_is_no_xml(honest):
    assert check(honest.replace(b"u-18f2", b"&admin;")) == "xml"


@pytest.mark.hostile("S17")
@pytest.mark.parametrize(
    "extra",
    [
        "<a>" * 8000 + "</a>" * 8000,
        "<a " + " ".join(f'a{n}="x"' for n in range(6000)) + "/>",
        "<a " + " ".join(f'xmlns:n{n}="u:{n}"' for n in range(3000)) + "/>",
        "<a " + " ".join(f'xmlns:n{n}="u:{n}"' for n in range(1500)) + ">" + "<b/>" * 5000 + "</a>",
        "x" * 60000,
    ],
    ids=["deep", "attributes", "namespaces", "namespaces in scope", "text"],
)
def test_a_large_document_costs_little_before_its_signature_is_known(honest, extra):
    document = honest.replace(b"</saml:Assertion>", f"{extra}</saml:Assertion>".encode())
    assert len(document) <= MOST_BYTES
    honest_cost = min(_cost(lambda: verify(encoded(honest), providers())) for _ in range(3))

    found: list[str] = []
    cost = _cost(lambda: found.append(check(document)))

    assert found[0] in {"xml", "shape", "signature"}
    assert cost < 60 * honest_cost, "an honest one takes 4 ms"


@pytest.mark.parametrize(("attributes", "fault"), [(MOST_ATTRIBUTES, "signature"), (MOST_ATTRIBUTES + 1, "shape")])
def test_an_element_has_so_many_attributes_and_no_more(honest, attributes, fault):
    crowded = "<a " + " ".join(f'a{n}="x"' for n in range(attributes)) + "/></saml:Assertion>"
    assert check(honest.replace(b"</saml:Assertion>", crowded.encode())) == fault


def _cost(work: Callable[[], object]) -> float:
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


# Whose signature


@pytest.mark.req("A-32")
@pytest.mark.hostile("S01")
def test_an_unsigned_assertion_is_refused(honest):
    root = etree.fromstring(honest)
    root.remove(root.find(f"{{{DS}}}Signature"))
    assert check(etree.tostring(root)) == "signature"


@pytest.mark.hostile("S01")
@pytest.mark.parametrize("version", ["", ' Version="2.0"'])
def test_an_assertion_inside_a_response_is_not_bare(honest, version):
    opening = f'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"{version}>'
    found = fault(opening.encode() + honest + b"</samlp:Response>")
    assert (found.check, found.expected) == ("shape", "a bare SAML 2.0 Assertion")


@pytest.mark.parametrize("version", ["1.1", "2", "2.1", ""])
def test_another_version_of_saml_is_refused(version):
    found = fault(signed(xml(NOW, version=version)))
    assert (found.check, found.expected) == ("shape", "a bare SAML 2.0 Assertion")


@pytest.mark.req("A-32")
@pytest.mark.hostile("S02")
def test_a_certificate_in_the_document_vouches_for_nothing():
    assert check(signed(xml(NOW), signatory("attacker"))) == "signature"


@pytest.mark.req("A-32")
def test_an_honest_certificate_in_the_document_helps_no_other_key():
    mine = signatory("attacker").certificate.split("-----")[2].strip()
    theirs = signatory().certificate.split("-----")[2].strip()
    document = signed(xml(NOW), signatory("attacker")).replace(mine.encode(), theirs.encode())
    assert theirs.encode() in document
    assert check(document) == "signature"


@pytest.mark.hostile("S32")
@pytest.mark.parametrize("days", [(-20, -10), (10, 20)], ids=["expired", "not yet valid"])
def test_a_pinned_key_counts_whatever_the_dates_of_its_certificate(days):
    dated = signatory("dated", days=days)
    assert verify(encoded(signed(xml(NOW), dated)), providers(dated)).assertion.issuer == ENTITY


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_each_pinned_key_is_tried_whatever_its_kind(kind):
    curve = signatory("curve", kind)
    document = signed(xml(NOW), curve, method=SignatureMethod.ECDSA_SHA256)
    assert verify(encoded(document), providers(signatory(), signatory("old"), curve)).assertion.issuer == ENTITY
    assert check(document, providers(signatory(), signatory("old"))) == "signature"


@pytest.mark.req("A-32")
@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        ("u-18f2", "admin"),
        ("2026-", "2027-"),
        ("https://desk.example/saml<", "https://evil.example/saml<"),
        ("<saml:AttributeValue>eng", "<saml:AttributeValue>leads"),
        ('Version="2.0"', 'Version="2.0" x="y"'),
        ("<ds:DigestValue>.", "<ds:DigestValue>!"),
        ("<ds:SignatureValue>[^<]{8}", "<ds:SignatureValue>AAAAAAAA"),
        ("<ds:SignatureValue>[^<]*<", "<ds:SignatureValue><"),
        ("<ds:DigestValue>[^<]*<", "<ds:DigestValue><"),
        ("<ds:DigestValue>[^<]*<", "<ds:DigestValue>not base64 at all<"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(honest, pattern, new):
    assert check(changed(honest, pattern, new)) == "signature"


@pytest.mark.req("A-32")
def test_what_was_signed_is_the_assertion_that_was_sent_and_nothing_in_its_place(honest):
    root = etree.fromstring(honest)
    signed_part = etree.fromstring(re.sub(rb"(?s)<ds:Signature .*</ds:Signature>", b"", honest))
    _check_signed(root, signed_part)
    renamed = etree.fromstring(etree.tostring(signed_part).replace(b"saml:Assertion", b"saml:Advice"))
    other = etree.fromstring(etree.tostring(signed_part).replace(b' ID="', b' ID="x'))
    for another in (root, renamed, other):
        with pytest.raises(Fault):
            _check_signed(root, another)


# Algorithms and transforms


@pytest.mark.req("A-32")
@pytest.mark.hostile("S20")
@pytest.mark.parametrize(
    ("method", "digest", "expected"),
    [
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA256, "alg:signature"),
        (SignatureMethod.RSA_SHA224, DigestAlgorithm.SHA256, "alg:signature"),
        (SignatureMethod.SHA1_RSA_MGF1, DigestAlgorithm.SHA256, "alg:signature"),
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA1, "alg:digest"),
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA224, "alg:digest"),
    ],
)
def test_a_weak_algorithm_is_refused_under_a_good_key(method, digest, expected):
    assert check(signed(xml(NOW), method=method, digest=digest, weak=True)) == expected


@pytest.mark.req("A-32")
@pytest.mark.hostile("S20")
@pytest.mark.parametrize(
    "algorithm",
    [
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2009/xmldsig11#dsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
        "none",
        "",
    ],
)
def test_an_algorithm_of_another_kind_is_refused(honest, algorithm):
    pattern = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    assert check(changed(honest, pattern, algorithm)) == "alg:signature"


@pytest.mark.parametrize(
    ("method", "digest"),
    [
        (SignatureMethod.RSA_SHA384, DigestAlgorithm.SHA384),
        (SignatureMethod.RSA_SHA512, DigestAlgorithm.SHA512),
    ],
)
def test_stronger_algorithms_are_taken(method, digest):
    assert verify(encoded(signed(xml(NOW), method=method, digest=digest)), providers()).assertion.issuer == ENTITY


@pytest.mark.hostile("S18")
@pytest.mark.parametrize("c14n", [each for each in CanonicalizationMethod if each is not EXCLUSIVE])
def test_another_canonicalization_is_refused(c14n):
    assert check(signed(xml(NOW), c14n=c14n)) == "signature"


_ENVELOPED = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
_EXCLUSIVE = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'


@pytest.mark.hostile("S18")
@pytest.mark.parametrize(
    "transforms",
    [
        "",
        _ENVELOPED,
        _EXCLUSIVE,
        _EXCLUSIVE + _ENVELOPED,
        _ENVELOPED + _EXCLUSIVE + _EXCLUSIVE,
        _ENVELOPED + '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>' + _EXCLUSIVE,
        _ENVELOPED
        + '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>1</ds:XPath></ds:Transform>',
        _ENVELOPED + '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>',
        _ENVELOPED
        + '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ds:XPath>1</ds:XPath></ds:Transform>',
        _ENVELOPED.replace("/>", "><ds:XPath>1</ds:XPath></ds:Transform>") + _EXCLUSIVE,
        _ENVELOPED + _EXCLUSIVE.replace("ds:Transform", "ds:Other"),
    ],
)
def test_other_transforms_are_refused(honest, transforms):
    document = changed(honest, "<ds:Transforms>.*</ds:Transforms>", f"<ds:Transforms>{transforms}</ds:Transforms>")
    found = fault(document)
    assert found.check == "signature"
    assert "pinned" not in found.expected, "it is refused for its shape, before anything is computed"


@pytest.mark.hostile("S15")
@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        ("(<ds:SignedInfo>.*</ds:SignedInfo>)", r"\1\1"),
        ("(<ds:Reference .*</ds:Reference>)", r"\1\1"),
        ('<ds:Reference URI="[^"]*"', '<ds:Reference URI=""'),
        ('<ds:Reference URI="[^"]*"', "<ds:Reference"),
        ('<ds:Reference URI="[^"]*"', '<ds:Reference URI="#xpointer(/)"'),
        ('<ds:Reference URI="[^"]*"', '<ds:Reference URI="http://127.0.0.1:1/x"'),
        ('<ds:Reference URI="[^"]*"', '<ds:Reference URI="#_other"'),
        ("</ds:SignatureValue>", "</ds:SignatureValue><ds:SignatureValue>AA</ds:SignatureValue>"),
        ("<ds:KeyInfo>", "<ds:Object/><ds:KeyInfo>"),
        ("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>"),
        ("</ds:KeyInfo>", "<ds:Object/></ds:KeyInfo>"),
        ("</ds:KeyInfo>", "<saml:NameID>ceo</saml:NameID></ds:KeyInfo>"),
        ("</ds:X509Data>", "<saml:NameID>ceo</saml:NameID></ds:X509Data>"),
        ("</ds:X509Certificate>", "<x/></ds:X509Certificate>"),
        ("</ds:SignatureValue>", "<saml:NameID>ceo</saml:NameID></ds:SignatureValue>"),
        ("<ds:SignedInfo>.*</ds:SignedInfo>", ""),
        ("<ds:DigestMethod [^>]*>", ""),
        (
            '(<ds:SignatureMethod Algorithm="[^"]*")/>',
            r"\1><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>",
        ),
        ('(<ds:DigestMethod Algorithm="[^"]*")/>', r"\1><ds:XPath>1</ds:XPath></ds:DigestMethod>"),
        ('(<ds:CanonicalizationMethod Algorithm="[^"]*")/>', r"\1><ds:XPath>1</ds:XPath></ds:CanonicalizationMethod>"),
    ],
)
def test_a_signature_of_another_shape_is_refused(honest, pattern, new):
    found = fault(changed(honest, pattern, new))
    assert found.check == "signature"
    assert "pinned" not in found.expected, "it is refused for its shape, before anything is computed"


CURVE_KEY = (
    '<e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#"><e:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
    "<e:PublicKey>AA==</e:PublicKey></e:ECKeyValue>"
)


@pytest.mark.parametrize(
    "key_info",
    [
        "<ds:KeyName>key-1</ds:KeyName>",
        "<ds:X509Data><ds:X509SubjectName>CN=x</ds:X509SubjectName></ds:X509Data>",
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AA==</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
        f"<ds:KeyValue>{CURVE_KEY}</ds:KeyValue>",
    ],
)
def test_what_providers_say_of_their_keys_is_let_in_and_not_read(honest, key_info):
    document = changed(honest, "(?s)<ds:KeyInfo>.*</ds:KeyInfo>", f"<ds:KeyInfo>{key_info}</ds:KeyInfo>")
    assert verify(encoded(document), providers()).assertion.name_id.value == "u-18f2"


@pytest.mark.hostile("S15")
def test_a_second_signature_anywhere_is_refused(honest):
    one = re.search(rb"<ds:Signature .*</ds:Signature>", honest, re.DOTALL)
    for document in (
        honest.replace(b"</saml:Issuer>", b"</saml:Issuer>" + one[0]),
        honest.replace(b"<saml:AttributeStatement>", b"<saml:AttributeStatement>" + one[0]),
        honest.replace(one[0], b"").replace(b"<saml:Subject>", b"<saml:Subject>" + one[0]),
    ):
        found = fault(document)
        assert (found.check, found.expected) == ("signature", "one Signature, a child of the Assertion")


def test_prefixes_of_inclusive_namespaces_may_be_listed():
    text = xml(NOW).replace("<saml:Assertion ", '<saml:Assertion xmlns:xs="http://www.w3.org/2001/XMLSchema" ')
    document = signed(text)
    assert verify(encoded(document), providers()).assertion.issuer == ENTITY
    listed = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs"/></ds:Transform>'
    found = fault(changed(document, re.escape(_EXCLUSIVE), listed))
    assert "pinned" in found.expected, "its shape is taken, and only the signature does not hold"


# Names of elements, ids, and what is encrypted


@pytest.mark.hostile("S21")
@pytest.mark.parametrize("place", ["<saml:Issuer", "<saml:Subject", "<ds:SignedInfo"])
def test_a_relative_namespace_is_refused(honest, place):
    assert check(honest.replace(place.encode(), f'{place} xmlns:r="../x"'.encode(), 1)) == "signature"


@pytest.mark.hostile("S21")
def test_a_relative_namespace_is_refused_on_the_root_too(honest):
    assert check(honest.replace(b"<saml:Assertion ", b'<saml:Assertion xmlns:r="1" ', 1)) == "signature"


@pytest.mark.hostile("S22")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("saml:NameID", 'saml:NameID xmlns:saml="urn:evil"'),
        ("<saml:Subject>", '<saml:Subject xmlns:saml="urn:evil">'),
        ("<saml:Conditions", '<saml:Conditions xmlns:saml="urn:evil"'),
        ("<saml:Issuer>", '<saml:Issuer xmlns:saml="urn:evil">'),
        ("<ds:Reference ", '<ds:Reference xmlns:ds="urn:evil" '),
    ],
)
def test_a_prefix_that_is_bound_anew_changes_what_is_read(honest, old, new):
    assert check(honest.replace(old.encode(), new.encode(), 1)).partition(":")[0] in {
        "signature",
        "claim",
        "xml",
        "iss",
    }


@pytest.mark.hostile("S22")
def test_elements_of_another_namespace_are_not_read():
    document = signed(xml(NOW).replace("<saml:NameID", '<saml:NameID xmlns:saml="urn:evil"'))
    assert check(document) == "claim:NameID"


@pytest.mark.req("A-31", "A-32")
@pytest.mark.hostile("S11")
@pytest.mark.parametrize("name", ["ID", "Id", "id", "iD", "xml:id"])
def test_an_id_that_is_there_twice_is_refused(name):
    identity = "_same"
    document = signed(xml(NOW, id=identity))
    assert check(document.replace(b"<saml:Subject>", f'<saml:Subject {name}="{identity}">'.encode())) == "shape"


@pytest.mark.parametrize("identity", ["", "1abc", "a b", "a'b", "_" + "x" * 256, "ä"])
def test_an_id_is_a_name(honest, identity):
    assert check(changed(honest, ' ID="[^"]*"', f' ID="{identity}"')) == "shape"


@pytest.mark.req("A-31")
@pytest.mark.hostile("S10")
def test_two_assertions_are_refused(honest):
    inner = re.sub(rb"(?s)<ds:Signature .*</ds:Signature>", b"", honest).replace(b' ID="', b' ID="x')
    assert (
        check(honest.replace(b"<saml:Subject>", b"<saml:Advice>" + inner + b"</saml:Advice><saml:Subject>")) == "shape"
    )
    assert check(honest + inner) == "xml"


@pytest.mark.hostile("S29")
@pytest.mark.parametrize(
    "part",
    [
        "<saml:EncryptedID/>",
        "<saml:EncryptedAttribute/>",
        "<saml:EncryptedAssertion/>",
        '<e:EncryptedData xmlns:e="http://www.w3.org/2001/04/xmlenc#"/>',
    ],
)
def test_what_is_encrypted_is_refused_even_when_it_is_signed(part):
    found = fault(signed(xml(NOW, extra=part)))
    assert (found.check, found.expected) == ("shape", "nothing encrypted")


@pytest.mark.hostile("S29")
def test_an_encrypted_assertion_is_no_assertion(honest):
    root = re.sub(rb"saml:Assertion(?=[ >])", b"saml:EncryptedAssertion", honest)
    assert check(root) == "shape"


# What a fault and a log may tell


def test_no_fault_tells_what_the_document_holds(honest):
    for document in (
        changed(honest, "u-18f2", "canary"),
        honest.replace(b"u-18f2", b"<canary/>"),
        honest.replace(b"u-18f2", b"<canary>"),
    ):
        found = fault(document)
        assert "canary" not in f"{found!r} {found}"


def test_the_library_never_logs_the_document(honest, caplog):
    with caplog.at_level(logging.DEBUG):
        verify(encoded(honest), providers())
    assert "u-18f2" not in caplog.text


# Whatever comes


@UNHURRIED
@given(st.binary(max_size=200))
def test_whatever_bytes_end_in_a_fault(data):
    assert fault(data)


@UNHURRIED
@given(st.text(max_size=100))
def test_whatever_text_ends_in_a_fault(text):
    assert fault(text)


@UNHURRIED
@given(data=st.data())
def test_an_assertion_with_any_byte_changed_never_names_somebody_else(data):
    genuine = signed(xml(NOW, id="_fixed"))
    place = data.draw(st.integers(0, len(genuine) - 1))
    document = genuine[:place] + data.draw(st.binary(max_size=3)) + genuine[place + data.draw(st.integers(0, 2)) :]
    try:
        found = verify(encoded(document), providers()).assertion
    except Fault:
        return
    assert (found.name_id.value, found.issuer, found.id) == ("u-18f2", ENTITY, "_fixed")
