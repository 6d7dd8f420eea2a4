"""Claims of an active token to the introspection message (RFC 7662 section 2.2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantd.v1 import authorization_pb2 as pb

if TYPE_CHECKING:
    from grantd_server.flows.introspect import Active

_TEXTS = ("scope", "client_id", "sub", "iss", "jti", "acr")
_DATES = ("exp", "iat", "nbf", "auth_time")


def introspection_of(active: Active | None) -> pb.IntrospectTokenResponse:
    """The message for one token; an inactive one has `active: false` and nothing else."""
    if active is None:
        return pb.IntrospectTokenResponse(active=False)
    message = pb.IntrospectTokenResponse(active=True, token_type="Bearer", aud=active.audiences)
    bound = active.claims.get("cnf")
    if isinstance(bound, dict):
        # Our own tokens are bound to a DPoP key or to nothing (C-20).
        message.token_type = "DPoP"
        message.cnf.jkt = bound["jkt"]
    for name in _TEXTS:
        text = active.claims.get(name)
        if isinstance(text, str):
            setattr(message, name, text)
    for name in _DATES:
        date = active.claims.get(name)
        if isinstance(date, int | float):
            setattr(message, name, int(date))
    details = active.claims.get("authorization_details")
    if isinstance(details, list):
        message.authorization_details = json.dumps(details, separators=(",", ":"), ensure_ascii=False)
    amr = active.claims.get("amr")
    if isinstance(amr, list):
        message.amr.extend(amr)
    return message
