"""Reads the SAML side of an identity provider."""

from __future__ import annotations

import hashlib
import importlib.util
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import SubjectMapping, SubjectRule
from grantd_server.model.bundle.saml import SamlSignOn, ServiceProvider

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

LIBRARIES = ("lxml", "signxml")
"""What the extra `saml` installs."""

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_FLEETING = {
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient": "a transient name is another one at the next sign-in",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted": "encrypted names are not read",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress": "an address changes hands",
}

_SMALLEST_RSA = 2048
_LARGEST_RSA = 8192
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
MOST_CERTIFICATES = 8
"""Each is tried in turn, so that an attacker's document costs this many signatures."""
_LONGEST_CERTIFICATE = 16_384


def read_saml(fields: Fields) -> SamlSignOn | None:
    """`saml` of an identity provider; None where it is not there."""
    inside = fields.inside("saml")
    if inside is None:
        return None
    if lacking := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
        inside.wrong("", f"{' and '.join(lacking)} not installed: pip install 'grantd[saml]'")
    subject = _subject(inside)
    by_name = subject.rule is not SubjectRule.CLAIM
    sign_on = SamlSignOn(
        entity_id=inside.required("entity_id", entity_id, ""),
        certificates=_certificates(inside),
        service_providers=_service_providers(inside),
        subject=subject,
        name_id_format=inside.optional(
            "name_id_format", _lasting_format if by_name else entity_id, PERSISTENT if by_name else None
        ),
        groups_attribute=inside.optional("groups_attribute", scalars.text, None),
        roles_attribute=inside.optional("roles_attribute", scalars.text, None),
        attributes=inside.each("attributes", scalars.text, required=False),
        email_attribute=inside.optional("email_attribute", scalars.text, None),
    )
    inside.close()
    return sign_on


def check_same_people(fields: Fields, subject: SubjectMapping, saml: SamlSignOn) -> None:
    """A person of both protocols is one person, with one `sub`, and one block stops both."""
    for rule in (SubjectRule.QUALIFIED, SubjectRule.PAIRWISE):
        if (subject.rule is rule) != (saml.subject.rule is rule) and fields.sound:
            fields.wrong("saml", f"subject: {rule.value} must be said of both protocols, or of neither")


def entity_id(node: Node) -> str:
    """An entity id: any URI, compared byte for byte."""
    value = scalars.text(node)
    if ":" not in value or " " in value:
        raise Wrong(f'"{value}" is not an entity id: a URI is expected')
    return value


def _subject(inside: Fields) -> SubjectMapping:
    """`passthrough`, `qualified`, `pairwise`, or `{attribute: NAME}`; no default (A-40)."""
    node = inside.node.at("subject")
    if isinstance(node.value, dict) and "subject" in inside:
        below = inside.inside("subject")
        attribute = below.required("attribute", scalars.text, "") if below else ""
        if below:
            below.close()
        return SubjectMapping(SubjectRule.CLAIM, attribute)
    rule = inside.required("subject", _rule, SubjectRule.PASSTHROUGH)
    return SubjectMapping(rule)


def _rule(node: Node) -> SubjectRule:
    if node.value not in {"passthrough", "qualified", "pairwise"}:
        raise Wrong('"passthrough", "qualified", "pairwise" or a mapping with the key "attribute" is expected')
    return SubjectRule(node.value)


def _lasting_format(node: Node) -> str:
    value = entity_id(node)
    if value in _FLEETING:
        raise Wrong(f"{_FLEETING[value]}; map the subject to an attribute that stays")
    return value


def _certificates(inside: Fields) -> tuple[str, ...]:
    found = inside.each("certificates", _certificate)
    if len(found) > MOST_CERTIFICATES:
        inside.wrong("certificates", f"at most {MOST_CERTIFICATES} certificates are tried; list fewer")
    return found


def _certificate(node: Node) -> str:
    """One PEM certificate with a key that is strong enough. Its dates are not looked
    at: it is pinned, and an expired one still names the key."""
    value = node.value
    if not isinstance(value, str) or len(value) > _LONGEST_CERTIFICATE or value.count("BEGIN CERTIFICATE") != 1:
        raise Wrong("one PEM certificate is expected")
    try:
        key = x509.load_pem_x509_certificate(value.encode("ascii")).public_key()
    except ValueError:
        raise Wrong("this is no PEM certificate that can be read") from None
    if isinstance(key, rsa.RSAPublicKey) and _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
        return value
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return value
    raise Wrong(f"the key must be RSA of {_SMALLEST_RSA} to {_LARGEST_RSA} bits, or on P-256, P-384 or P-521")


def fingerprint(certificate: str) -> str:
    """The SHA-256 of the pinned key, whatever certificate it is in."""
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _service_providers(inside: Fields) -> dict[str, ServiceProvider]:
    found: dict[str, ServiceProvider] = {}
    for client, node in inside.mapping("service_providers", required=True).items():
        below = inside.below(node, f"service_providers.{client}")
        one = ServiceProvider(
            client=client,
            entity_id=below.required("entity_id", entity_id, ""),
            recipients=frozenset(below.each("recipients", scalars.web_address)),
        )
        below.close()
        if one.entity_id and one.entity_id in found:
            below.wrong("entity_id", f"{found[one.entity_id].client} has this entity id already")
        found[one.entity_id] = one
    return found
