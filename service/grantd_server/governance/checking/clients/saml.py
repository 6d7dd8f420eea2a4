"""Checks that whoever assertions are made for is a client: a spelling mistake there would
refuse every sign-in, and be found by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle


def check_saml_clients(bundle: Bundle, faults: Faults) -> None:
    """Follows each service provider to a client's `sso`."""
    if any(client.value is None for client in bundle.clients.values()):
        return
    listed = {
        (name, client_id)
        for client, _ in sound(bundle.clients)
        for at in client.at
        for name, client_ids in at.sso.items()
        for client_id in client_ids
    }
    for provider, declared in sound(bundle.identity_providers):
        for one in () if provider.saml is None else provider.saml.service_providers.values():
            if (provider.name, one.client) not in listed:
                node = declared.node.at("saml", "service_providers", one.client)
                sentence = f"no client lists {one.client} as its sso id at {provider.name}"
                faults.at_key(node, f"{declared.label}.saml.service_providers", sentence)
