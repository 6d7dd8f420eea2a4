"""The SAML side of the company: what the bundle says of it, and what samlify is told."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from deploy.demo.company import Credential

ENTITY = "http://127.0.0.1/interop/saml"
AUDIENCE = "http://127.0.0.1/interop/assistant"
RECIPIENT = "http://127.0.0.1/interop/assistant/acs"
SSO_ID = "assistant-saml"


def told() -> dict[str, Any]:
    """What samlify is told: a fresh key, and whom it signs in."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "interop")])
    now = dt.datetime.now(dt.UTC)
    ends = now + dt.timedelta(days=1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, ends)
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "entity_id": ENTITY,
        "audience": AUDIENCE,
        "recipient": RECIPIENT,
        "person": "alice-by-saml",
        "group": "engineering",
        "assertions": 2,
        "certificate": builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        "private_key": key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode(),
    }


def declare(bundle: dict[str, Any], certificate: str) -> None:
    """Accepts the assertions, and lets a sign-in be remembered."""
    bundle["identity_providers"]["saml"] = {
        "saml": {
            "entity_id": ENTITY,
            "certificates": [certificate],
            "service_providers": {SSO_ID: {"entity_id": AUDIENCE, "recipients": [RECIPIENT]}},
            "subject": "qualified",
            "groups_attribute": "groups",
        }
    }
    bundle["grant_issuers"]["grants"]["identity_providers"].append("saml")
    bundle["grant_issuers"]["grants"]["refresh_tokens"] = {"lifetime": "1h", "session": "8h"}


def register(bundle: dict[str, Any], rival: Credential) -> None:
    """The assistant, and a second client that the directory knows by the same id."""
    places = bundle["clients"]["assistant"]["at"]
    places["grants"]["sso"]["saml"] = [SSO_ID]
    places["grants"]["grant_types"].append("refresh-token")
    credential = {"secret": {"sha256": rival.sha256}}
    registered = {"client_id": rival.client_id, "authentication": [credential], "grant_types": ["token-exchange"]}
    bundle["clients"]["rival"] = {
        "at": {
            "grants": {**registered, "sso": {"saml": [SSO_ID]}},
            "tools": {"client_id": "cli_rival", "authentication": [{"peer": "spiffe://corp/rival"}], "grant_types": []},
        }
    }
