"""Builds every object once. With `build`, the only place that names a concrete store."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd.v1 import authorization_pb2, metadata_pb2
from grantd_server.administration.desk import Desk
from grantd_server.audit.pseudonym import Pseudonyms
from grantd_server.governance.activation.active import ActiveBundle
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.verified import VerifiedTokens
from grantd_server.keys.pairwise import Pairwise
from grantd_server.rpc.authorization import authorization_handlers
from grantd_server.rpc.chain import wrap_service
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.rpc.metadata import metadata_handlers
from grantd_server.simulation.running.simulator import Simulator, pseudonym_keys
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.view import RevocationView
from grantd_server.wiring.administering import administrative_endpoints, unusable
from grantd_server.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.governance.secrets.references import SecretResolver
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.keys.foreign.client_documents import ClientDocuments
    from grantd_server.keys.foreign.remote import RemoteKeys
    from grantd_server.keys.own.ring import KeyRing
    from grantd_server.rpc.chain import Endpoint
    from grantd_server.store import Store
    from grantd_server.store.opening import Opening
    from grantd_server.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Choices:
    """What an operator sets that decides how calls are judged."""

    resolve: SecretResolver
    """Where secrets that the bundle refers to are found."""
    skew: int = 30
    """Clock skew, seconds (G-14)."""
    stale_view: float = 15.0
    """Age of the revocation view beyond which introspection is unavailable, seconds."""
    records: Opening | None = None
    """How a process that simulates opens the store; None: none does."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The assembled service, not yet running."""

    world: World
    endpoints: Mapping[str, Endpoint]
    active: ActiveBundle
    telemetry: Telemetry

    def channel(self) -> InProcessChannel:
        """A channel to the endpoints for the shim beside them."""
        return InProcessChannel(self.endpoints)


def assemble(
    store: Store,
    ring: KeyRing,
    remote: RemoteKeys,
    telemetry: Telemetry,
    choices: Choices,
    *,
    documents: ClientDocuments,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    lacking: Callable[[Snapshot], list[str]],
    short_of: Callable[[Snapshot], list[str]] | None = None,
) -> Parts:
    """Puts the parts together; `lacking` says what a bundle needs and is not there, and
    may make it; `short_of` says the same of a bundle that is only looked at."""
    secret = ring.secret(Purpose.PSEUDONYM)
    pseudonym_key = base64.urlsafe_b64decode(secret.secret.reveal() + "==")
    view = RevocationView(store, monotonic)
    ledger = Ledger(store, wall, overflowed=telemetry.metrics.ledger_overflowed)
    world = World(
        clock=wall,
        ring=ring,
        remote=remote,
        documents=documents,
        store=store,
        ledger=ledger,
        view=view,
        pseudonyms=Pseudonyms(pseudonym_key, secret.kid),
        pairwise=Pairwise(ring),
        verified=VerifiedTokens(ring),
        skew=choices.skew,
        stale_view=choices.stale_view,
        catch_up=view.refresh,
    )

    def compiled(document: bytes, epoch: int) -> Snapshot:
        return compile_document(document, choices.resolve, epoch=epoch, fingerprint_key=pseudonym_key)

    def put(snapshot: Snapshot) -> None:
        world.snapshot = snapshot

    active = ActiveBundle(store, view, compiled, lacking, put)
    world.catch_up = active.catch_up
    edge = Edge(ledger, telemetry, wall)
    services = (
        (authorization_pb2.DESCRIPTOR.services_by_name["AuthorizationService"], authorization_handlers(world)),
        (metadata_pb2.DESCRIPTOR.services_by_name["MetadataService"], metadata_handlers(world)),
    )
    check = unusable(choices.resolve, short_of or lacking)
    keys = lambda: pseudonym_keys(ring.keys)  # noqa: E731 - asked at each simulation
    simulator = None if choices.records is None else Simulator(choices.records, keys)
    desk = Desk(store, ledger, wall, check, active.catch_up, simulator)
    endpoints: dict[str, Endpoint] = administrative_endpoints(desk, edge)
    for service, handlers in services:
        endpoints |= wrap_service(service, handlers, edge)
    return Parts(world, endpoints, active, telemetry)
