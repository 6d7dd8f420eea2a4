"""One assertion, verified: what runs off the loop. Pure but for the processor it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

from grantd.strict import Fault, shown
from grantd_server.subjects.saml.document import read_document
from grantd_server.subjects.saml.encoding import decoded
from grantd_server.subjects.saml.names import saml
from grantd_server.subjects.saml.signature import verified
from grantd_server.subjects.saml.statements import read_assertion, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import IdentityProvider
    from grantd_server.subjects.saml.assertion import Assertion


class Verified(NamedTuple):
    """An assertion and whose key signed it."""

    provider: IdentityProvider
    assertion: Assertion
    certificate_expires: float
    """Of the pinned certificate: it decides nothing, and operators want to know."""


def verify(raw: str, providers: Mapping[str, IdentityProvider]) -> Verified:
    """Verifies base64 of an assertion of one of `providers`, which are by entity id.

    Raises:
        Fault: it is not genuine.
    """
    root = read_document(decoded(raw))
    issuer = root.find(saml("Issuer"))
    # Believed only to choose the keys; what was signed is compared below.
    unverified_issuer = "" if issuer is None else text_of(issuer)
    provider = providers.get(unverified_issuer)
    if provider is None or provider.saml is None:
        raise Fault("iss", "an identity provider of this grant issuer", shown(unverified_issuer))
    certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in provider.saml.certificates]
    signed, certificate = verified(root, certificates)
    assertion = read_assertion(signed)
    if assertion.issuer != provider.saml.entity_id:
        raise Fault("iss", shown(provider.saml.entity_id), shown(assertion.issuer))
    return Verified(provider, assertion, certificate.not_valid_after_utc.timestamp())
