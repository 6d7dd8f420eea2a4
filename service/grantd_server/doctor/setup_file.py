"""Reads the file of a set-up; every fault is told with its line and column."""

from __future__ import annotations

from typing import Final

from grantd_server.doctor.setup import METHODS, ClientSetup, CredentialSource, Setup
from grantd_server.governance.faults import Faults, Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.reading.texts.fields import Fields
from grantd_server.governance.reading.texts.nodes import Node
from grantd_server.governance.reading.texts.yaml_nodes import read_yaml

PROBED: Final = ("grant_issuer", "authorization_server")
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
        credentials=_credentials(inside),
    )
    inside.close()
    return client


def _credentials(fields: Fields) -> dict[str, CredentialSource]:
    inside = fields.inside("credentials")
    if inside is None:
        return {}
    found = {name: _credential(each) for name in PROBED if (each := inside.inside(name)) is not None}
    inside.close()
    return found


def _credential(fields: Fields) -> CredentialSource:
    secret, key = fields.inside("secret"), fields.inside("key")
    source = CredentialSource()
    if secret is not None and key is None:
        file, env = secret.optional("file", scalars.text, ""), secret.optional("env", scalars.text, "")
        if bool(file) == bool(env):
            secret.wrong("", "exactly one of file and env is expected")
        secret.close()
        source = CredentialSource(file, env)
    elif key is not None and secret is None:
        file, kid = key.required("file", scalars.text, ""), key.required("kid", scalars.text, "")
        source = CredentialSource(file, "", kid, key.required("algorithm", scalars.algorithm, ""))
        key.close()
    else:
        fields.wrong("", "exactly one of secret and key is expected")
    fields.close()
    return source


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
