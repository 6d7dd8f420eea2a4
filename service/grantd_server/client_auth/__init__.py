"""Proof that an OAuth client is itself: one method a file, one entry here.

A method finds the party by what it presents and proves it; this module enforces
what no method may forget: exactly one proof, the named client id, no block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.client_auth.assertion import by_assertion
from grantd_server.client_auth.certificate import by_certificate
from grantd_server.client_auth.directory import ClientDirectory, Directory, Party, ResourceServerDirectory
from grantd_server.client_auth.peer import by_peer
from grantd_server.client_auth.secret import by_secret
from grantd_server.model.registered import Registration, ResourceServer
from grantd_server.model.requests import AssertionProof, CertificateProof, ClientProof, PeerProof, SecretProof
from grantd_server.refusals import Public, Reason, Refused

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.caller import Caller
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks where: the same for every method."""

    world: World
    record: Record
    caller: Caller
    issuer: str
    now: float


async def authenticate_client(asking: Asking, snapshot: Snapshot, proof: ClientProof) -> Registration:
    """Authenticates an OAuth client at the asked issuer (D-26: never by what is
    registered at another)."""
    party = await _authenticate(asking, ClientDirectory(snapshot, asking.issuer), proof)
    assert isinstance(party, Registration)  # noqa: S101 - the directory holds nothing else
    return party


async def authenticate_resource_server(asking: Asking, snapshot: Snapshot, proof: ClientProof) -> ResourceServer:
    """Authenticates a resource server at the asked authorization server (C-17)."""
    party = await _authenticate(asking, ResourceServerDirectory(snapshot, asking.issuer), proof)
    assert isinstance(party, ResourceServer)  # noqa: S101 - the directory holds nothing else
    return party


async def _authenticate(asking: Asking, directory: Directory, proof: ClientProof) -> Party:
    record, world = asking.record, asking.world
    guesser = (asking.issuer, proof.client_id or "", record.address or asking.caller.identity)
    now = world.monotonic_ns()
    slow = world.guesses.level(guesser, now) >= 1
    record.require("client.rate", slow, Reason.RATE_LIMITED, "few failures", otherwise="many, of this client from here")
    try:
        party = await _proven(asking, directory, proof)
    except Refused as refusal:
        if refusal.reason.public is Public.CLIENT_AUTHENTICATION_FAILED:
            world.guesses.take(guesser, now)
        raise
    name = directory.name_of(party)
    # Before the block is looked at: what a proven client is refused is on record, and
    # uses up its assertion, which otherwise could be sent again once the block is lifted.
    record.client, record.client_id = name, party.client_id
    blocked = world.view.withdrawn(directory.kind, name, asking.now)
    record.require(
        "client.not_blocked", blocked is None, Reason.CLIENT_BLOCKED, "no block", otherwise=blocked and blocked.words
    )
    record.noted("client.authenticated", record.client_method, name)
    return party


async def _proven(asking: Asking, directory: Directory, proof: ClientProof) -> Party:
    record = asking.record
    match proof.proof:
        case SecretProof() as secret:
            record.client_method = secret.method
            return by_secret(record, directory, proof.client_id, secret, asking.now)
        case AssertionProof() as assertion:
            record.client_method = "private_key_jwt"
            return await by_assertion(asking, directory, proof.client_id, assertion)
        case PeerProof():
            record.client_method = "peer"
            return by_peer(record, directory, proof.client_id, asking.caller)
        case CertificateProof(certificate):
            record.client_method = "tls_client_auth"
            return by_certificate(record, directory, proof.client_id, certificate, asking.now)
        case None:
            raise record.refuse("client.credentials", Reason.CREDENTIALS_MISSING, "one authentication method", "none")
