"""The whole service for tests: real store, keys and listeners; only time is given."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import time
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import organisation
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub
from grantd_server.audit.canonical import canonical
from grantd_server.flows.road import deciding
from grantd_server.governance.document import parse_directory, version_of
from grantd_server.governance.secrets.references import FilesAndEnvironment
from grantd_server.keys.foreign.client_documents import ClientDocuments
from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import RemoteKeys
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, Needed
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.model.caller import Role
from grantd_server.rpc.server import Listener, RpcServer
from grantd_server.rpc.server.aio import Peers
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from grantd_server.store import Entry, Store, Withdrawal
from grantd_server.store.opening import Opening
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.telemetry.calls import Options, Telemetry
from grantd_server.wiring.needs import needed_keys
from grantd_server.wiring.parts import Choices, Parts, assemble
from tokens import b64, part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import pytest

    from grantd_server.governance.snapshot import Snapshot

EVERY_KEY = [Needed("", Purpose.PSEUDONYM, "HS256")]


@dataclass
class House:
    """A running service and three ways in."""

    parts: Parts
    store: Store
    grpc: grpc.aio.Channel
    inprocess: grpc.aio.Channel
    http: httpx2.AsyncClient
    folder: Path
    metrics: InMemoryMetricReader
    log: io.StringIO
    spans: InMemorySpanExporter
    offset: list[float] = field(default_factory=lambda: [0.0])
    target: str = ""
    """The gRPC address."""

    @property
    def now(self) -> int:
        """The service's wall clock."""
        return int(self.parts.world.clock())

    def later(self, seconds: float) -> None:
        """Moves the service's clock."""
        self.offset[0] += seconds

    def stub(self, transport: str = "grpc") -> AuthorizationServiceStub:
        return AuthorizationServiceStub(self.grpc if transport == "grpc" else self.inprocess)

    def metadata(self) -> MetadataServiceStub:
        return MetadataServiceStub(self.grpc)

    def id_token(self, **changed: Any) -> str:
        return organisation.id_token(self.now, **changed)

    def partner_grant(self, **changed: Any) -> str:
        return organisation.partner_grant(self.now, **changed)

    async def signed(self, issuer: str, purpose: Purpose, claims: object, **header: Any) -> str:
        """Whatever claims under a signature of our own; `None` leaves a header member out."""
        signer = self.parts.world.ring.signer(issuer, purpose)
        members = {"alg": signer.alg, "kid": signer.kid, **header}
        data = f"{part({name: value for name, value in members.items() if value is not None})}.{part(claims)}"
        return f"{data}.{b64(await signer.sign(data.encode()))}"

    def stop_clock(self) -> int:
        """Stops the clock that decisions go by, at a whole second, and tells it."""
        now = self.now
        self.parts.world.clock = lambda: float(now)
        return now

    async def apply(self, document: dict[str, Any]) -> int:
        """Applies a bundle as `grantd apply` does, and waits until it is in force."""
        parsed = parse_directory(organisation.write(self.folder / "governance", document))
        active = await self.store.active_bundle()
        await self.store.put_bundle(version_of(parsed), parsed.json, "test", "test")
        epoch = await self.store.activate(version_of(parsed), active[0] if active else 0, act())
        await self.parts.world.catch_up()
        return epoch

    @contextmanager
    def busy_database(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Somebody else holds the database's write lock, for half a second at most; that is
        longer than a decision now waits for it."""
        monkeypatch.setattr(deciding, "PATIENCE", 0.2)
        with closing(sqlite3.connect(self.folder / "grantd.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            release = asyncio.get_running_loop().call_later(0.5, other.execute, "ROLLBACK")
            yield
            release.cancel()

    async def block(self, kind: str, name: str) -> None:
        await self.store.withdraw(Withdrawal(kind, name, "test", None), act())
        await self.parts.world.view.refresh()

    async def unblock(self, kind: str, name: str) -> None:
        await self.store.restore(kind, name, act())
        await self.parts.world.view.refresh()

    async def record(self, decision_id: str) -> dict[str, Any]:
        """The record that explains a decision, wherever it is kept."""
        found = await self.parts.world.ledger.find(decision_id)
        assert found is not None, decision_id
        return found

    async def durable(self, decision_id: str) -> dict[str, Any] | None:
        stored = await self.store.entry(decision_id)
        return None if stored is None else json.loads(stored.entry.body)

    def counted(self, metric: str, **labels: str) -> float:
        """The value of one series of a counter."""
        data = self.metrics.get_metrics_data()
        found = [
            point.value
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
            if all(point.attributes.get(name) == value for name, value in labels.items())
        ]
        return sum(found)


def act() -> Entry:
    """The record of an administrative act."""
    number = time.time_ns()
    return Entry(f"dtest{number}", number // 1000, "Test", "applied", "", "", "", "", "", canonical({"v": 1}))


@asynccontextmanager
async def running(
    folder: Path,
    document: dict[str, Any] | None = None,
    documents: ClientDocuments | None = None,
    store: Store | None = None,
    limits: ShimLimits | None = None,
    **choices: Any,
) -> AsyncIterator[House]:
    """Runs a service in `folder`: its file (or another store), its keys, a gRPC port, a shim."""
    offset = [0.0]
    keys = KeyDirectory(folder / "keys")
    keys.make()
    rotation = Rotation(keys, Schedule())

    def wall() -> float:
        return time.time() + offset[0]

    rotation.ensure(EVERY_KEY, int(wall()))
    ring = KeyRing(keys)

    def lacking(snapshot: Snapshot) -> list[str]:
        rotation.ensure(needed_keys(snapshot), int(wall()))
        ring.reload()
        return []

    reader, log = InMemoryMetricReader(), io.StringIO()
    spans = InMemorySpanExporter()
    telemetry = Telemetry(
        Options(sample_ratio=1.0, log_successes=True),
        {},
        readers=[reader],
        processors=[SimpleSpanProcessor(spans)],
        stream=log,
    )
    records = None if store is not None else Opening(f"sqlite:///{folder / 'grantd.db'}", "simulation")
    store = store or SqliteStore.open(folder / "grantd.db")
    parts = assemble(
        store,
        ring,
        RemoteKeys(Fetcher(allow_loopback=True), time.monotonic),
        telemetry,
        Choices(resolve=FilesAndEnvironment(folder, {}), records=records, **choices),
        documents=documents or ClientDocuments(Fetcher(allow_loopback=True), time.monotonic),
        wall=wall,
        lacking=lacking,
    )
    server = RpcServer(parts.endpoints, Peers({}, Role.SERVICE), [Listener("127.0.0.1:0")])
    await server.start()
    shim = Shim(parts.channel(), limits or ShimLimits())
    transport = httpx2.ASGITransport(app=shim, client=("192.0.2.7", 4711))
    target = f"127.0.0.1:{server.ports[0]}"
    async with (
        grpc.aio.insecure_channel(target) as channel,
        httpx2.AsyncClient(transport=transport) as http,
    ):
        house = House(parts, store, channel, parts.channel(), http, folder, reader, log, spans, offset, target)
        if document is not None:
            await house.apply(document)
        try:
            yield house
        finally:
            await server.grpc.stop(None)
            await parts.world.ledger.close()
            await store.close()
            telemetry.shutdown()
