"""Checks what no single object shows: references, uniqueness, trust domains, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.checking.clients.saml import check_saml_clients
from grantd_server.governance.checking.clients.shared_credentials import check_shared
from grantd_server.governance.checking.detail_types import check_detail_types
from grantd_server.governance.checking.domains.directories import check_directories
from grantd_server.governance.checking.domains.foreign_servers import check_foreign_servers
from grantd_server.governance.checking.domains.subject_namespaces import check_subject_namespaces
from grantd_server.governance.checking.domains.trust_domains import check_trust_domains
from grantd_server.governance.checking.references import check_references
from grantd_server.governance.checking.rule_checks import check_rules
from grantd_server.governance.checking.tenants.bound import check_tenants
from grantd_server.governance.checking.uniqueness import check_uniqueness

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle


def validate(bundle: Bundle, faults: Faults) -> None:
    """Notes every fault of a bundle; objects that could not be read are left out."""
    check_references(bundle, faults)
    check_saml_clients(bundle, faults)
    check_uniqueness(bundle, faults)
    check_directories(bundle, faults)
    check_trust_domains(bundle, faults)
    check_tenants(bundle, faults)
    check_foreign_servers(bundle, faults)
    check_subject_namespaces(bundle, faults)
    check_shared(bundle, faults, lambda secret: secret.digest)
    check_rules(bundle, faults)
    check_detail_types(bundle, faults)
