"""From settings to parts: opens the file, reads the keys, names the concrete store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from grantd_server.governance.secrets.references import FilesAndEnvironment
from grantd_server.keys.foreign.client_documents import ClientDocuments
from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import RemoteKeys
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, Needed
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.keys.own.stored import KeyFileFault
from grantd_server.settings import SettingsError, issuer_problems, issuers_of
from grantd_server.store import StoreUnavailable
from grantd_server.store.opening import open_store
from grantd_server.store.schema import SchemaMismatch
from grantd_server.telemetry.calls import Options, Telemetry
from grantd_server.wiring.needs import needed_keys, short_of
from grantd_server.wiring.parts import Choices, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.settings import Settings
    from grantd_server.store import Store
    from grantd_server.wiring.parts import Parts

SERVICE_KEYS = (Needed("", Purpose.PSEUDONYM, "HS256"),)
"""Keys that the service needs whatever the bundle says."""
CHECKPOINT_KEYS = (Needed("", Purpose.CHECKPOINT, "ES256"),)
"""And with a second place; of any algorithm, unless it is made here."""


def build(settings: Settings, telemetry: Telemetry, index: int = 0) -> Parts:
    """Builds the service of the worker with an index. Raises SettingsError when a part
    cannot be had."""
    directory = _key_directory(settings)
    rotation = Rotation(directory, Schedule())
    try:
        if settings.keys.auto_create:
            checkpoints = settings.audit.checkpoints.directory is not None
            rotation.ensure([*SERVICE_KEYS, *(CHECKPOINT_KEYS if checkpoints else ())], int(time.time()))
        ring = KeyRing(directory)
    except KeyFileFault as fault:
        raise SettingsError([str(fault)]) from fault
    if missing := ring.lacking(SERVICE_KEYS) + _no_checkpoint_key(settings, ring):
        raise SettingsError(missing)
    own = settings.remote_keys.private_networks
    fetcher = Fetcher(allow_loopback=settings.development, own_networks=own)
    folder = settings.governance.directory or Path.cwd()
    return assemble(
        _store(settings, index),
        ring,
        RemoteKeys(fetcher, time.monotonic),
        telemetry,
        Choices(
            resolve=FilesAndEnvironment(folder, os.environ),
            skew=settings.limits.skew,
            stale_view=settings.limits.stale_view,
            records=settings.opening("simulation"),
        ),
        # Without the private networks: clients choose where their documents point to.
        documents=ClientDocuments(Fetcher(allow_loopback=settings.development), time.monotonic),
        lacking=_lacking(settings, ring, rotation),
        short_of=lambda snapshot: short_of(settings, ring, snapshot),
    )


def _no_checkpoint_key(settings: Settings, ring: KeyRing) -> list[str]:
    if settings.audit.checkpoints.directory is not None:
        try:
            ring.signer("", Purpose.CHECKPOINT)
        except SignerUnavailable:
            return ["There is no checkpoint key; make one with `grantd keys create --purpose checkpoint`."]
    return []


def telemetry_of(settings: Settings, index: int = 0) -> Telemetry:
    """Telemetry as set; exporters come from the OTEL_* variables."""
    return Telemetry(options_of(settings, index), os.environ)


def options_of(settings: Settings, index: int) -> Options:
    """What the settings say of the telemetry of the worker with an index."""
    chosen = settings.telemetry
    return Options(
        service_name=chosen.service_name,
        instance=f"{settings.replica_name}/{index}",
        sample_ratio=chosen.sample_ratio,
        trust_traceparent=settings.http.trust_traceparent,
        log_level=chosen.log_level,
        log_json=chosen.log_format == "json",
        log_successes=chosen.log_successes,
    )


def _lacking(settings: Settings, ring: KeyRing, rotation: Rotation) -> Callable[[Snapshot], list[str]]:
    """What a bundle needs beside itself: safe issuers, and a key for each of ours."""

    def lacking(snapshot: Snapshot) -> list[str]:
        problems = issuer_problems(issuers_of(snapshot), development=settings.development)
        needed = needed_keys(snapshot)
        if settings.keys.auto_create and ring.lacking(needed):
            rotation.ensure(needed, int(time.time()))
            ring.reload()
        return problems + ring.lacking(needed)

    return lacking


def _key_directory(settings: Settings) -> KeyDirectory:
    path = settings.keys.directory
    if path is None:
        raise SettingsError(["keys.directory is missing."])
    directory = KeyDirectory(path)
    if settings.keys.auto_create:
        directory.make()
    return directory


def _store(settings: Settings, index: int) -> Store:
    try:
        return open_store(settings.opening(str(index)))
    except (StoreUnavailable, SchemaMismatch) as fault:
        raise SettingsError([f"store.url: {fault}"]) from fault
