"""Test support: SAML assertions as a directory makes them, signed, and changed."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENTITY = "https://login.corp.example/saml"
DESK_SP = "https://desk.example/saml"
DESK_ACS = "https://desk.example/saml/acs"
ROBOT_SP = "https://robot.example/saml"
ROBOT_ACS = "https://robot.example/saml/acs"
GROUPS = "http://schemas.example/groups"
SAML2 = "urn:ietf:params:oauth:token-type:saml2"


@dataclass(frozen=True)
class Signatory:
    """A key, and the certificate it is pinned by."""

    private: Any
    certificate: str


@cache
def signatory(name: str = "directory", kind: str = "rsa", days: tuple[int, int] = (-10, 365)) -> Signatory:
    """One key pair and a self-signed certificate, valid from and to so many days from now."""
    curve = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "k1": ec.SECP256K1}
    if kind in curve:
        private: Any = ec.generate_private_key(curve[kind]())
    else:
        private = rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins, ends = (dt.datetime.now(dt.UTC) + dt.timedelta(days=each) for each in days)
    builder = x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number(), begins, ends)
    certificate = builder.sign(private, hashes.SHA256())
    return Signatory(private, certificate.public_bytes(serialization.Encoding.PEM).decode())


def sign_on(**changed: Any) -> dict[str, Any]:
    """The `saml` of the directory in a bundle."""
    declared = {
        "entity_id": ENTITY,
        "certificates": [signatory().certificate],
        "service_providers": {
            "desk-sso": {"entity_id": DESK_SP, "recipients": [DESK_ACS]},
            "robot-sso": {"entity_id": ROBOT_SP, "recipients": [ROBOT_ACS]},
        },
        "subject": "passthrough",
        "groups_attribute": GROUPS,
        "attributes": ["urn:oid:2.16.840.1.113730.3.1.3"],
        **changed,
    }
    return {name: value for name, value in declared.items() if value is not None}


def shared() -> dict[str, Any]:
    """Edits of the company's bundle: two clients that its directory knows by one id, as one
    service provider, may both exchange an assertion."""
    return {
        "identity_providers.corp.saml": sign_on(),
        "clients.robot.at.grants.sso.corp": ["robot-sso", "desk-sso"],
    }


def instant(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def xml(now: float, **changed: Any) -> str:
    """An honest assertion before it is signed. Changed are its values; a text that begins
    with `<` stands as it is, times are texts or seconds from now, None leaves out."""
    told: dict[str, Any] = {
        "id": "_" + secrets.token_hex(16),
        "version": "2.0",
        "issued": -10,
        "issuer": ENTITY,
        "name": "u-18f2",
        "name_attributes": {"Format": PERSISTENT},
        "method": BEARER,
        "recipient": DESK_ACS,
        "confirmation_begins": None,
        "confirmation_ends": 290,
        "begins": -40,
        "ends": 290,
        "audiences": [[DESK_SP]],
        "conditions": "",
        "auth_time": -60,
        "session_ends": None,
        "acr": "mfa",
        "attributes": {GROUPS: ["eng"]},
        "extra": "",
        **changed,
    }

    def at(name: str, value: Any) -> str:
        if value is None:
            return ""
        return f" {name}={quoteattr(value if isinstance(value, str) else instant(now + value))}"

    def text(value: str) -> str:
        return value if value.startswith("<") or "<" in value else escape(value)

    named = "".join(at(name, value) for name, value in told["name_attributes"].items())
    data = (
        at("Recipient", told["recipient"])
        + at("NotBefore", told["confirmation_begins"])
        + at("NotOnOrAfter", told["confirmation_ends"])
    )
    audiences = "".join(
        "<saml:AudienceRestriction>"
        + "".join(f"<saml:Audience>{text(one)}</saml:Audience>" for one in restriction)
        + "</saml:AudienceRestriction>"
        for restriction in told["audiences"]
    )
    attributes = "".join(
        f"<saml:Attribute Name={quoteattr(name)}>"
        + "".join(f"<saml:AttributeValue>{text(value)}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in told["attributes"].items()
    )
    acr = told["acr"]
    context = "" if acr is None else f"<saml:AuthnContextClassRef>{text(acr)}</saml:AuthnContextClassRef>"
    name = "" if told["name"] is None else f"<saml:NameID{named}>{text(told['name'])}</saml:NameID>"
    event = (
        ""
        if told["auth_time"] is None
        else f"<saml:AuthnStatement{at('AuthnInstant', told['auth_time'])}"
        f"{at('SessionNotOnOrAfter', told['session_ends'])}>"
        f"<saml:AuthnContext>{context}</saml:AuthnContext></saml:AuthnStatement>"
    )
    return (
        f'<saml:Assertion xmlns:saml="{SAML}"{at("ID", told["id"])}{at("Version", told["version"])}'
        f"{at('IssueInstant', told['issued'])}>"
        f"<saml:Issuer>{text(told['issuer'])}</saml:Issuer>"
        f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"></ds:Signature>'
        f"<saml:Subject>{name}"
        f"<saml:SubjectConfirmation{at('Method', told['method'])}>"
        f"<saml:SubjectConfirmationData{data}/></saml:SubjectConfirmation></saml:Subject>"
        f"<saml:Conditions{at('NotBefore', told['begins'])}{at('NotOnOrAfter', told['ends'])}>"
        f"{audiences}{told['conditions']}</saml:Conditions>"
        f"{event}<saml:AttributeStatement>{attributes}</saml:AttributeStatement>{told['extra']}</saml:Assertion>"
    )


def signed(
    text: str,
    by: Signatory | None = None,
    *,
    method: SignatureMethod = SignatureMethod.RSA_SHA256,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    c14n: CanonicalizationMethod = EXCLUSIVE,
    weak: bool = False,
) -> bytes:
    """The assertion with its signature after the issuer. `weak` signs with what is out of use."""
    by = by or signatory()
    signer = _WeakSigner if weak else XMLSigner
    root = etree.fromstring(text)
    made = signer(signature_algorithm=method, digest_algorithm=digest, c14n_algorithm=c14n).sign(
        root, key=by.private, cert=[by.certificate], reference_uri=root.get("ID"), id_attribute="ID"
    )
    return etree.tostring(made)


class _WeakSigner(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """Anything may be signed with."""


def encoded(data: bytes) -> str:
    """As a client sends it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def assertion(now: float, by: Signatory | None = None, **changed: Any) -> str:
    """An assertion as a subject token."""
    return encoded(signed(xml(now, **changed), by))
