"""The services of administrators: over the parts of a running service, or for one command at its store."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

from grantd.v1 import decision_pb2, governance_pb2
from grantd_server.administration.desk import Desk
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.faults import BundleError
from grantd_server.governance.secrets.references import FilesAndEnvironment, SecretUnresolved
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.ring import KeyRing
from grantd_server.keys.own.stored import KeyFileFault
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.administration.decisions import Reading, decision_handlers
from grantd_server.rpc.administration.governance import governance_handlers
from grantd_server.rpc.administration.simulation import simulation_handler
from grantd_server.rpc.chain import wrap_service
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.simulation.running.simulator import Simulator, cores, pseudonym_keys
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.records.reading.following import Followers
from grantd_server.wiring.needs import any_secret, short_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from grantd_server.audit.record import Record
    from grantd_server.governance.secrets.references import SecretResolver
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.rpc.chain import Endpoint
    from grantd_server.settings import Settings
    from grantd_server.store import Store

_NO_FINGERPRINT = bytes(32)
"""Of secrets that are resolved only to see whether they can be."""


def administrative_endpoints(desk: Desk, edge: Edge) -> dict[str, Endpoint]:
    """The services of administrators behind the chain."""
    governance = governance_pb2.DESCRIPTOR.services_by_name["GovernanceService"]
    decisions = decision_pb2.DESCRIPTOR.services_by_name["DecisionService"]
    handlers = dict(governance_handlers(desk))
    if desk.simulator is not None:
        handlers["Simulate"] = simulation_handler(desk, desk.simulator)
    reading = Reading(desk.store, desk.ledger, desk.clock, Followers(desk.store))
    endpoints = wrap_service(governance, handlers, edge, absent={"Simulate"} - handlers.keys())
    return endpoints | wrap_service(decisions, decision_handlers(reading), edge)


def local_channel(settings: Settings, store: Store, author: str, secrets: Path | None) -> InProcessChannel:
    """A channel into this process, as an administrator, for a command at its store."""
    ledger = Ledger(store, time.time)
    folder = settings.governance.directory or secrets
    resolve = FilesAndEnvironment(folder, os.environ) if secrets is not None and folder is not None else any_secret
    check = unusable(resolve, lambda found: _lacking(settings, found))
    desk = Desk(store, ledger, time.time, check, _nothing, local_simulator(settings))
    edge = Edge(ledger, Aloud(), time.time)
    return InProcessChannel(administrative_endpoints(desk, edge), Caller(author, Role.ADMIN))


def local_simulator(settings: Settings, processes: int | None = None) -> Simulator:
    """Simulations for one command at the store of the settings; on every core, unless told."""
    return Simulator(settings.opening("simulation"), lambda: _pseudonym_keys(settings), processes or cores())


def unusable(resolve: SecretResolver, lacking: Callable[[Snapshot], list[str]]) -> Callable[[bytes], list[str]]:
    """Tells what would keep a service from using a document."""

    def problems(document: bytes) -> list[str]:
        try:
            snapshot = compile_document(document, resolve, epoch=0, fingerprint_key=_NO_FINGERPRINT)
            return lacking(snapshot)
        except (BundleError, SecretUnresolved, KeyFileFault) as fault:
            return str(fault).splitlines()

    return problems


def _lacking(settings: Settings, snapshot: Snapshot) -> list[str]:
    keys = settings.keys.directory
    ring = KeyRing(KeyDirectory(keys)) if keys is not None and keys.is_dir() else None
    return short_of(settings, ring, snapshot)


def _pseudonym_keys(settings: Settings) -> Mapping[str, str]:
    folder = settings.keys.directory
    return pseudonym_keys(KeyDirectory(folder).read()) if folder is not None and folder.is_dir() else {}


async def _nothing() -> None:
    """Nothing in this process stands on the live state."""


class Aloud:
    """Shows the calls of a command to nobody, but a bug to whoever runs it."""

    @property
    def log(self) -> Aloud:
        return self

    def fault(self, error_id: str, fault: BaseException) -> None:
        """Prints where an exception came from, as any bug of a command."""
        sys.stderr.write(f"{error_id}:\n")
        traceback.print_exception(fault)

    def entered(self, record: Record, raw_traceparent: str | None = None) -> None:
        """No trace is begun."""

    def observed(self, record: Record, raw_traceparent: str | None) -> None:
        """Nothing is observed."""

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """The command says what came of it."""
