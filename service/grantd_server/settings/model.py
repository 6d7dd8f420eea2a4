"""The settings: sections of frozen values. Their descriptions are the documentation.

There is no default for anything that decides who is trusted.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field

from grantd_server.settings.listeners import Grpc, Http, HttpUpstream
from grantd_server.settings.section import Section
from grantd_server.settings.values import LogLevel, Network, SecretText
from grantd_server.store.opening import SQLITE, Opening
from grantd_server.store.postgres.connection.url import POSTGRESQL
from grantd_server.telemetry.logs import Level

LONGEST_SKEW = 60
SHORTEST_SKEW = 30


class Store(Section):
    """Where grants, records and live state are kept."""

    url: SecretText | None = Field(
        default=None,
        description="`sqlite:///path` or `postgresql://user@host/database`; also `{file: path}` or `{env: NAME}`.",
    )
    pooled: bool = Field(
        default=False, description="PostgreSQL is reached through a pooler in transaction mode, such as PgBouncer."
    )
    wake_url: SecretText | None = Field(
        default=None,
        description="The same PostgreSQL past the pooler, to hear of blocks and revocations at once; without it they "
        "are polled.",
    )
    timeout: float = Field(default=2.0, ge=0.2, le=10, description="Seconds PostgreSQL has for one answer.")


class Keys(Section):
    """Our own keys."""

    directory: Path | None = Field(default=None, description="Directory of key files; see `grantd keys`.")
    auto_create: bool = Field(default=False, description="Development: makes missing keys.")
    rotate: bool = Field(default=True, description="Takes the steps of rotation that are due by age.")
    poll: float = Field(default=5.0, ge=0.1, le=60, description="Seconds between looks for changed key files.")


class Checkpoints(Section):
    """Signed checkpoints of the records."""

    directory: Path | None = Field(
        default=None, description="The second place: a directory that whoever can write the database cannot change."
    )
    interval: float = Field(default=10.0, ge=1, le=3600, description="Seconds between two checkpoints.")


class Audit(Section):
    """What makes tampering with records show."""

    checkpoints: Checkpoints = Field(default_factory=Checkpoints)


class Governance(Section):
    """The bundle."""

    directory: Path | None = Field(default=None, description="Directory to apply at the start and whenever it changes.")
    poll: float = Field(default=1.0, ge=0.1, le=60, description="Seconds between looks at that directory.")


class RemoteKeys(Section):
    """Fetching other parties' keys."""

    private_networks: tuple[Network, ...] = Field(
        default=(),
        description="Networks of your own from which JWKS may be fetched; all other private addresses are refused.",
    )


class Limits(Section):
    """Bounds of calls."""

    skew: int = Field(
        default=SHORTEST_SKEW,
        ge=SHORTEST_SKEW,
        le=LONGEST_SKEW,
        description="Clock skew tolerated, seconds, for exp, nbf, iat and replay marks alike.",
    )
    deadline: float = Field(default=5.0, ge=0.5, le=5.0, description="Seconds the HTTP side gives one call.")
    stale_view: float = Field(
        default=15.0,
        ge=5,
        le=300,
        description="Age of the revocation view, seconds, beyond which nothing is called active.",
    )
    connections: int = Field(default=512, ge=1, description="gRPC connections taken.")
    streams: int = Field(default=64, ge=1, description="Calls under way on one gRPC connection.")
    calls: int = Field(default=2048, ge=1, description="gRPC calls under way in all.")
    drain_notice: float = Field(
        default=3.0, ge=0, le=60, description="Seconds between NOT_SERVING and the last new call."
    )
    drain_grace: float = Field(default=10.0, ge=0, le=300, description="Seconds that calls under way have to finish.")
    hang: float = Field(
        default=10.0,
        ge=3,
        le=300,
        description="Seconds without a turn of its event loop after which a worker is killed and started again.",
    )


class Telemetry(Section):
    """Logs, spans, metrics. Exporters are set by the standard OTEL_* variables."""

    service_name: str = Field(
        default="grantd", min_length=1, max_length=128, description="`service.name` of all telemetry."
    )
    sample_ratio: float = Field(
        default=0.1, ge=0, le=1, description="Share of calls traced, unless OTEL_TRACES_SAMPLER is set."
    )
    log_level: LogLevel = Field(default=Level.INFO, description="`debug`, `info`, `warning` or `error`.")
    log_format: Literal["json", "text"] = Field(default="json", description="`json`, or `text` for a person.")
    log_successes: bool = Field(default=False, description="Logs answered calls too, not only refused and failed ones.")


class Settings(Section):
    """Everything that can be set."""

    development: bool = Field(
        default=False,
        description="The one switch for everything unsafe: no TLS, made-up keys, http issuers; loopback only.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Worker processes, kept and replaced by a supervisor (docs/processes.md); SQLite serves one.",
    )
    replica: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of this replica among those on one database, the same after a restart; the host name, "
        "unless it is set. Its workers are `<replica>/0`, `<replica>/1`, … in the audit chain and in telemetry.",
    )
    grpc: Grpc = Field(default_factory=Grpc)
    http: Http = Field(default_factory=Http)
    http_upstream: HttpUpstream = Field(default_factory=HttpUpstream)
    store: Store = Field(default_factory=Store)
    keys: Keys = Field(default_factory=Keys)
    governance: Governance = Field(default_factory=Governance)
    audit: Audit = Field(default_factory=Audit)
    remote_keys: RemoteKeys = Field(default_factory=RemoteKeys)
    limits: Limits = Field(default_factory=Limits)
    telemetry: Telemetry = Field(default_factory=Telemetry)

    @property
    def replica_name(self) -> str:
        """What this replica is called."""
        return self.replica or socket.gethostname()

    def opening(self, part: str) -> Opening:
        """How the store is opened by a part of this replica: a worker by its index, or a
        command. Each writes a chain of its own, except on SQLite, which is one writer's.
        ValueError when `store.url` names none."""
        store = self.store
        url = store.url.reveal() if store.url else ""
        if not url.startswith(POSTGRESQL):
            return Opening(f"{SQLITE}{self.sqlite_path}", "grantd")
        wake = store.wake_url.reveal() if store.wake_url else None
        return Opening(url, f"{self.replica_name}/{part}", store.pooled, wake, store.timeout)

    @property
    def sqlite_path(self) -> Path:
        """The database file. ValueError when `store.url` names none."""
        url = self.store.url.reveal() if self.store.url else ""
        path = url.removeprefix(SQLITE)
        if path == url or not path or path.startswith(":") or "?" in path:
            raise ValueError("store.url is not sqlite:///path or postgresql://user@host/database")
        return Path(path)
