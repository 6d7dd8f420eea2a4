"""Proofs of possession: whether what was asked for with a proof is bound to its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.walked.tokens import parsed
from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity, cut
from grantd_server.doctor.probing.proofs import OFFERED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.probing.proofs import Proofs
    from grantd_server.doctor.reading.view import View

CARRIED = Row(
    "probe.proofs", Severity.NOTE, "The walk carried proofs of possession.",
    "Nothing: clients of this set-up need a key of their own, too (RFC 9449).", OWNER[Party.CLIENT],
)  # fmt: skip
GRANT = Row(
    "grant.unbound", Severity.WARNING, "A proof came with the first leg, and the grant is not bound to its key.",
    "Write the key's thumbprint into the grant, as cnf.jkt: nobody else can redeem it then.",
)  # fmt: skip
ACCESS = Row(
    "access.unbound", Severity.ERROR, "The access token is called a DPoP token, and is not bound to the key of the proof.",
    "Write the thumbprint of the proof's key into the token, as cnf.jkt (RFC 9449 section 6).",
)  # fmt: skip
BEARER = Row(
    "access.bearer", Severity.WARNING, "A proof came with the second leg, and the access token is a bearer token.",
    "Answer with token_type DPoP and bind the token: whoever finds it could use it.",
)  # fmt: skip
BOUND = Row(
    "access.bound", Severity.ERROR, "The access token is called a DPoP token, and no proof was sent.",
    "Bind tokens to the key of a proof and to no other; without one, issue bearer tokens or refuse.",
)  # fmt: skip
UNPROVEN = Row(
    "resource.unproven", Severity.ERROR, "The MCP server takes a token that is bound to a key without its proof.",
    "Refuse tokens with cnf that come as Bearer (RFC 9449 section 7.2), and verify the proof.",
)  # fmt: skip
ROWS: Final = (CARRIED, GRANT, ACCESS, BEARER, BOUND, UNPROVEN)


def check(view: View) -> Iterator[Finding]:
    """Holds grant and token against the key that the walk proved to have."""
    journey = view.journey
    if journey is None or journey.leg1 is None:
        return
    kind = _kind(journey)
    if journey.proofs is None:
        if kind == "dpop" and journey.leg2 is not None:
            yield BOUND.at(Party.SERVER, journey.leg2.url, "token_type is 'DPoP'")
        return
    yield from _carried(journey.proofs)
    yield from _grant(view, journey, journey.proofs)
    if journey.access_token:
        yield from _access(view, journey, journey.proofs, kind)
    if journey.unproven is not None and 200 <= journey.unproven.status < 300:
        yield UNPROVEN.at(Party.RESOURCE, journey.unproven.url, f"as Bearer: status {journey.unproven.status}")


def _carried(proofs: Proofs) -> Iterator[Finding]:
    nonces = f"; nonces of {', '.join(map(cut, proofs.nonces_of))}" if proofs.nonces_of else ""
    yield CARRIED.at(Party.CLIENT, "proofs", f"{proofs.algorithm}{nonces}")


def _grant(view: View, journey: Journey, proofs: Proofs) -> Iterator[Finding]:
    issuer = view.issuer
    # Who offers no proofs may ignore one.
    if issuer is None or not journey.proven_at_leg1 or not issuer.texts(OFFERED) or parsed(journey.grant) is None:
        return
    if (why := _unbound(journey.grant, proofs)) is not None:
        yield GRANT.at(issuer.party, issuer.identifier, why)


def _access(view: View, journey: Journey, proofs: Proofs, kind: str) -> Iterator[Finding]:
    server = view.server
    if server is None:
        return
    if kind == "dpop":
        if (why := _unbound(journey.access_token, proofs)) is not None:
            yield ACCESS.at(server.party, server.identifier, why)
    elif server.texts(OFFERED):
        yield BEARER.at(server.party, server.identifier, f"token_type is {cut(kind)}")


def _kind(journey: Journey) -> str:
    members = (None if journey.leg2 is None else journey.leg2.members) or {}
    return str(members.get("token_type", "")).lower()


def _unbound(token: str, proofs: Proofs) -> str | None:
    """Why a token is not bound to the key; None where it is, or cannot be read."""
    read = parsed(token)
    if read is None:
        return None
    confirmed = read.unverified_claims.get("cnf")
    if not isinstance(confirmed, dict) or "jkt" not in confirmed:
        return "there is no cnf.jkt"
    return None if confirmed["jkt"] == proofs.jkt else "cnf.jkt is of another key"
