"""Reads the file of a set-up; every fault is told with its line and column."""

from __future__ import annotations

from typing import Final

from grantd_server.doctor.setup import METHODS, ClientSetup, Setup
from grantd_server.governance.faults import Faults, Wrong
from grantd_server.governance.reading import scalars
from grantd_server.governance.reading.fields import Fields
from grantd_server.governance.reading.nodes import Node
from grantd_server.governance.reading.yaml_nodes import read_yaml

ACCEPTING: Final = ("grant_issuer", "authorization_server", "resource")
KNOWN_METHODS: Final = (*METHODS, "client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none")


def read_setup(raw: bytes, file: str) -> Setup:
    """Reads a set-up.

    Raises:
        BundleError: everything that is wrong with it.
    """
    faults = Faults()
    node = read_yaml(raw, file, faults)
    fields = Fields(node if node is not None else Node({}, file), "set-up", faults)
    setup = Setup(
        identity_provider=fields.optional("identity_provider", scalars.text, ""),
        grant_issuer=fields.optional("grant_issuer", scalars.text, ""),
        authorization_server=fields.optional("authorization_server", scalars.text, ""),
        resource=fields.optional("resource", scalars.text, ""),
        client=_client(fields),
        scopes=fields.each("scopes", scalars.scope, required=False),
        accepts=_accepts(fields),
    )
    fields.close()
    faults.raise_if_any()
    return setup


def _client(fields: Fields) -> ClientSetup:
    inside = fields.inside("client")
    if inside is None:
        return ClientSetup()
    client = ClientSetup(
        at_identity_provider=inside.optional("at_identity_provider", scalars.foreign_client_id, ""),
        at_grant_issuer=inside.optional("at_grant_issuer", scalars.foreign_client_id, ""),
        at_authorization_server=inside.optional("at_authorization_server", scalars.foreign_client_id, ""),
        methods=inside.each("methods", _method, required=False) or METHODS,
        algorithm=inside.optional("algorithm", scalars.algorithm, ""),
    )
    inside.close()
    return client


def _method(node: Node) -> str:
    value = scalars.text(node)
    if value not in KNOWN_METHODS:
        raise Wrong(f'"{value}" is no method of client authentication ({", ".join(KNOWN_METHODS)})')
    return value


def _accepts(fields: Fields) -> dict[str, frozenset[str]]:
    inside = fields.inside("accepts")
    if inside is None:
        return {}
    read = {name: frozenset(inside.each(name, scalars.algorithm, required=False)) for name in ACCEPTING}
    inside.close()
    return {name: algorithms for name, algorithms in read.items() if algorithms}
