"""The kinds of calls of the load: how each is made, and which answers to it are right."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import organisation as org
from chaos.evidence import ACTIVE, INACTIVE, TOKEN
from grantd.v1 import authorization_pb2 as pb
from grantd_server.checks import chain_of
from leg_one import ID_JAG, ID_TOKEN, desk
from leg_two import DESK, OTHER, TICKETS_SERVER, secret_of
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable

REPLAYED: Final = "ASSERTION_REPLAYED"
INVALID: Final = frozenset({"ASSERTION_INVALID"})

STRANGER: Final = SigningKey("partner-1", "ES256", signing_key("ES256", "stranger").private)
"""Another key under the kid of the partner's."""

HONEST: Final = "honest"
RIGHT: Final = {
    HONEST: frozenset({TOKEN, ACTIVE}),
    "presented again": frozenset({TOKEN, REPLAYED}),
    "used up": frozenset({REPLAYED}),
    "forged signature": INVALID,
    "wrong audience": INVALID,
    "expired": INVALID,
    "grant of another client": INVALID,
    "garbage": INVALID,
    "wrong secret": frozenset({"CLIENT_AUTHENTICATION_FAILED"}),
    "forged token": frozenset({INACTIVE}),
    "revoked": frozenset({INACTIVE}),
    "revoked, or not": frozenset({ACTIVE, INACTIVE}),
}
"""Right answers to each kind. `presented again` is one of several presentations of a good
grant: one of them gets the token. `used up` comes after the token was got."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant and the chain that it begins."""

    raw: str
    chain: str


def partner_grant(**changed: object) -> Grant:
    """A fresh grant of the partner, good for five minutes."""
    jti = secrets.token_hex(12)
    return Grant(org.partner_grant(int(time.time()), jti=jti, **changed), chain_of(org.PARTNER, jti))


def redemption(grant: Grant) -> pb.RedeemGrantRequest:
    return pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant.raw)


def exchange(id_token: str) -> pb.ExchangeIdentityRequest:
    """A sign-in at the desk, for a grant at the tickets server."""
    return pb.ExchangeIdentityRequest(
        issuer=org.GRANTS,
        client=desk(),
        requested_token_type=ID_JAG,
        audience=[org.SERVER],
        resource=[org.TICKETS],
        scope="tickets:read",
        subject_token=id_token,
        subject_token_type=ID_TOKEN,
    )


def introspection(token: str) -> pb.IntrospectTokenRequest:
    return pb.IntrospectTokenRequest(issuer=org.SERVER, client=TICKETS_SERVER, token=token)


def _expired() -> pb.RedeemGrantRequest:
    now = int(time.time())
    return redemption(partner_grant(iat=now - 400, exp=now - 100))


def _garbage() -> pb.RedeemGrantRequest:
    return redemption(Grant(".".join(secrets.token_urlsafe(40) for _ in range(3)), ""))


def _forged() -> pb.RedeemGrantRequest:
    return redemption(partner_grant(key=STRANGER))


HOSTILE: Final[dict[str, Callable[[], pb.RedeemGrantRequest]]] = {
    "forged signature": _forged,
    "wrong audience": lambda: redemption(partner_grant(aud=org.OTHER_SERVER)),
    "expired": _expired,
    "grant of another client": lambda: pb.RedeemGrantRequest(
        issuer=org.SERVER, client=OTHER, assertion=partner_grant().raw
    ),
    "garbage": _garbage,
    "wrong secret": lambda: pb.RedeemGrantRequest(
        issuer=org.SERVER, client=secret_of("cli_desk", secrets.token_hex(16)), assertion=partner_grant().raw
    ),
}


def claims_of(token: str) -> dict[str, str]:
    """What is in a token, unverified: the client only files it."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def digest_of(token: str) -> str:
    """The digest of the jti, as records and rows hold it."""
    return hashlib.sha256(claims_of(token)["jti"].encode()).hexdigest()
