"""Reads how a party proves who it is. Secrets are digests or references, never values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import Proof, Secret, SecretReference
from grantd_server.governance.reading.parties.certificates import read_certificate
from grantd_server.governance.reading.parties.key_sources import read_algorithms, read_source, thumbprints
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.registered import DocumentCredential, KeyCredential, PeerCredential

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node
    from grantd_server.model.certificates import CertificateCredential

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9._-]+)+")
"""SPIFFE-ID section 2: a trust domain in lower case and a path without empty segments."""
_DNS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")

_DOCUMENT = "metadata_document"
_INLINE = ("value", "secret", "text", "plain", "client_secret")
_NEVER_HERE = "a secret never stands in a bundle, only where it is: {env: NAME}, {file: PATH}, or {sha256: DIGEST}"
_KINDS = ("secret", "private_key_jwt", "peer", "tls_client_auth")
_SECRET_KINDS = ("sha256", "file", "env")


MOST_SECRETS = 2
"""The one that is used, and the one that it is exchanged for."""


def read_proofs(fields: Fields) -> tuple[Proof, ...]:
    """`authentication`: a list, so that a credential is exchanged without an outage."""
    return _proofs(fields, _KINDS)


def read_client_proofs(fields: Fields) -> tuple[Proof, ...]:
    """The same of a client, which may also be known by its metadata document: then it
    authenticates with the keys there and with nothing else (D-22)."""
    proofs = _proofs(fields, (*_KINDS, _DOCUMENT))
    if len(proofs) > 1 and known_by_document(fields):
        fields.wrong("authentication", f"{_DOCUMENT} stands alone: such a client has no other way to authenticate")
    return proofs


def known_by_document(fields: Fields) -> bool:
    """Whether a registration says that its client id is the address of its metadata."""
    items = fields.node.at("authentication").value if "authentication" in fields else None
    return isinstance(items, list) and any(isinstance(item.value, dict) and _DOCUMENT in item.value for item in items)


def _proofs(fields: Fields, kinds: tuple[str, ...]) -> tuple[Proof, ...]:
    if "authentication" not in fields:
        fields.wrong("", 'the key "authentication" is missing; public clients are not admitted')
    items = fields.each("authentication", lambda node: node, required=False)
    read = (_proof(fields.below(node, f"authentication[{place}]"), kinds) for place, node in enumerate(items))
    proofs = tuple(proof for proof in read if proof is not None)
    if sum(isinstance(proof.credential, Secret) for proof in proofs) > MOST_SECRETS:
        fields.wrong("authentication", f"at most {MOST_SECRETS} secrets: take the one away that is used no more")
    return proofs


def _proof(fields: Fields, kinds: tuple[str, ...]) -> Proof | None:
    found = [kind for kind in kinds if kind in fields]
    credential: Secret | KeyCredential | PeerCredential | DocumentCredential | CertificateCredential | None = None
    if len(found) != 1:
        fields.wrong("", f"exactly one of {', '.join(kinds)} is expected")
    elif found == ["secret"]:
        credential = _secret(fields)
    elif found == ["peer"]:
        credential = PeerCredential(fields.required("peer", _peer, ""))
    elif found == ["tls_client_auth"]:
        credential = read_certificate(fields)
    elif found == [_DOCUMENT]:
        credential = _document(fields)
    else:
        credential = _keys(fields)
    if len(found) == 1:
        fields.close()
    if credential is None or not fields.sound:
        return None
    inline = thumbprints(credential.keys) if isinstance(credential, KeyCredential) else ()
    return Proof(credential, frozenset(inline), fields.node)


def _secret(fields: Fields) -> Secret | None:
    inside = fields.inside_mapping("secret")
    if inside is None:
        fields.wrong("secret", f"a mapping is expected; {_NEVER_HERE}")
        fields.optional("secret", lambda _: None, None)
        return None
    found = [kind for kind in _SECRET_KINDS if kind in inside]
    if len(found) != 1:
        inside.wrong("", f"exactly one of {', '.join(_SECRET_KINDS)} is expected")
    digest = inside.optional("sha256", _digest, None)
    path = inside.optional("file", scalars.text, None)
    variable = inside.optional("env", _variable, None)
    expires = inside.optional("expires", scalars.instant, None)
    inside.close({key: f'the key "{key}" is not known here; {_NEVER_HERE}' for key in _INLINE})
    if digest is not None:
        return Secret(digest, None, expires)
    reference = SecretReference("file", path) if path is not None else SecretReference("env", variable or "")
    return Secret(None, reference, expires)


def _keys(fields: Fields) -> KeyCredential | None:
    inside = fields.inside("private_key_jwt")
    if inside is None:
        return None
    algorithms = read_algorithms(inside)
    source = read_source(inside, algorithms, ("jwks_uri", "jwks"))
    inside.close()
    return KeyCredential(source, algorithms)


def _document(fields: Fields) -> DocumentCredential | None:
    inside = fields.inside(_DOCUMENT)
    if inside is None:
        return None
    algorithms = read_algorithms(inside)
    inside.close()
    return DocumentCredential(algorithms)


def _digest(node: Node) -> bytes:
    value = node.value if isinstance(node.value, str) else str(node.value)
    if _DIGEST.fullmatch(value) is None:
        raise Wrong("the SHA-256 of a generated secret is expected, 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


def _variable(node: Node) -> str:
    value = scalars.text(node)
    if _VARIABLE.fullmatch(value) is None:
        raise Wrong("the name of an environment variable is expected")
    return value


def _peer(node: Node) -> str:
    value = scalars.text(node)
    if _SPIFFE.fullmatch(value) is None and _DNS.fullmatch(value) is None:
        raise Wrong(f'"{value}" is neither a SPIFFE id with a path nor a DNS name in lower case')
    return value
