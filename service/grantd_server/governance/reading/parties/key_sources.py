"""Reads where keys come from, and which algorithms they may be used with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantd import jwk
from grantd.strict import Fault
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import KeySource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.governance.reading.texts.fields import Fields

NO_KEYS = KeySource()


def read_algorithms(fields: Fields) -> frozenset[str]:
    """The closed list of algorithms of one party; none is taken from a token."""
    return frozenset(fields.each("algorithms", scalars.algorithm))


def read_keys(fields: Fields, algorithms: frozenset[str]) -> KeySource:
    """`keys` of a party: exactly one of `jwks_uri`, `discovery` and `jwks`."""
    inside = fields.inside("keys", required=True)
    if inside is None:
        return NO_KEYS
    source = read_source(inside, algorithms, ("jwks_uri", "discovery", "jwks"))
    inside.close()
    return source


def read_source(inside: Fields, algorithms: frozenset[str], kinds: tuple[str, ...]) -> KeySource:
    """The one source of keys in a mapping."""
    uri = inside.optional("jwks_uri", scalars.web_address, None)
    discovery = "discovery" in kinds and inside.optional("discovery", scalars.flag, False)
    jwks = _inline(inside, algorithms)
    if sum((uri is not None, discovery, jwks is not None)) != 1 and inside.sound:
        inside.wrong("", f"exactly one of {', '.join(kinds)} is expected")
    return KeySource(jwks_uri=uri, discovery=discovery, jwks=jwks)


def _inline(inside: Fields, algorithms: frozenset[str]) -> str | None:
    """A JWK Set in the bundle itself. Every key must be usable: what would be dropped
    silently at run time is a mistake here."""
    if not inside.mapping("jwks"):
        return None
    document = inside.node.at("jwks").plain()
    try:
        keys = jwk.read_jwks(document, default_algs=algorithms)
    except Fault as fault:
        inside.wrong("jwks", f"this is no JWK Set: {fault.expected} is expected, not {fault.got}")
        return None
    if keys.dropped:
        inside.wrong("jwks", f"a key is not usable: {keys.dropped[0]}")
    elif not keys.keys:
        inside.wrong("jwks", "the set has no key")
    elif stray := sorted({key.alg for key in keys.keys} - algorithms):
        inside.wrong("jwks", f"a key is for {stray[0]}, which is not among the algorithms")
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def thumbprints(source: KeySource) -> Iterable[str]:
    """The RFC 7638 thumbprints of inline keys."""
    if source.jwks is None:
        return ()
    return [jwk.thumbprint(key) for key in json.loads(source.jwks)["keys"]]
