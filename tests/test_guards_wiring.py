"""The start of the service, in this process: what stops it, and when it is ready."""

from __future__ import annotations

import asyncio
import importlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from sqlalchemy import create_engine, text

import organisation as org
from grantd_server.keys.foreign.client_documents import DocumentUnavailable
from grantd_server.settings import Serving, Settings, SettingsError
from grantd_server.wiring.build import build, telemetry_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

serving: Any = importlib.import_module("grantd_server.wiring.serve")  # the package shows the function by that name


def settings_in(folder: Path, port: int = 0, **changed: Any) -> Settings:
    document = {
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "http": {"listen": f"127.0.0.1:{port}"},
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": f"{folder}/keys", "auto_create": True},
        "governance": {"directory": str(org.write(folder / "governance", org.bundle()))},
        "limits": {"drain_notice": 0, "drain_grace": 1},
    }
    return Settings.model_validate(document | changed)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def served(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[int]]:
    stop = asyncio.Event()
    monkeypatch.setattr(serving, "_signals", lambda: stop)
    running = asyncio.create_task(serving.serve(settings, Serving.BOTH))
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait([running])


async def ready(port: int) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for _ in range(400):
            try:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
    raise AssertionError("nobody listens")


async def test_a_service_is_ready_as_long_as_it_has_no_problem(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(settings_in(tmp_path, port), monkeypatch) as running:
        assert await ready(port) == 200
        monkeypatch.setattr(serving.Service, "problem", lambda _: "the revocation view is too old")
        assert await ready(port) == 503

    assert running.result() == 0


async def test_a_port_that_is_taken_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with served(settings_in(tmp_path, port), monkeypatch) as running:
            await asyncio.wait([running], timeout=20)

            with pytest.raises(SettingsError) as stopped:
                running.result()

    assert stopped.value.problems == (f"http.listen: cannot listen on 127.0.0.1:{port}.",)


async def test_a_bundle_that_cannot_be_used_stops_the_start(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path, port)
    async with served(settings, monkeypatch) as running:
        assert await ready(port) == 200
    assert running.result() == 0
    (tmp_path / "keys").rename(tmp_path / "kept")
    keys = {"directory": str(tmp_path / "keys"), "auto_create": False}
    (tmp_path / "keys").mkdir(mode=0o700)
    for file in (tmp_path / "kept").iterdir():
        if "pseudonym" in file.name:
            file.rename(tmp_path / "keys" / file.name)

    async with served(settings_in(tmp_path, port, keys=keys), monkeypatch) as running:
        await asyncio.wait([running], timeout=20)

        with pytest.raises(SettingsError) as stopped:
            running.result()

    assert any(org.SERVER in problem for problem in stopped.value.problems), stopped.value.problems


def test_keys_that_every_service_needs_are_asked_for_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    settings = settings_in(tmp_path, keys={"directory": str(tmp_path / "keys"), "auto_create": False})

    with pytest.raises(SettingsError) as stopped:
        build(settings, telemetry_of(settings))

    assert "pseudonym" in stopped.value.problems[0]


def test_without_a_place_for_keys_nothing_is_built(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, keys={})

    with pytest.raises(SettingsError) as stopped:
        build(settings, telemetry_of(settings))

    assert stopped.value.problems == ("keys.directory is missing.",)


def test_a_database_of_another_release_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    engine = create_engine(f"sqlite:///{tmp_path}/grantd.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    engine.dispose()

    with pytest.raises(SettingsError, match=r"^store\.url: "):
        build(settings, telemetry_of(settings))


@pytest.mark.req("D-21")
async def test_private_networks_of_the_settings_are_not_for_client_documents(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, remote_keys={"private_networks": ["10.0.0.0/8"]})
    parts = build(settings, telemetry_of(settings))
    try:
        with pytest.raises(DocumentUnavailable, match="not a public address"):
            await parts.world.documents.read("https://10.255.255.1/client.json", frozenset({"ES256"}), None)
    finally:
        await parts.world.store.close()


@pytest.mark.parametrize(
    ("grpc", "governed"),
    [
        ({"plaintext": "service"}, False),
        ({"plaintext": "admin"}, True),
        ({"callers": {"spiffe://corp/shim": "shim"}}, False),
        ({"callers": {"spiffe://corp/shim": "shim", "spiffe://corp/desk": "observer"}}, True),
    ],
)
def test_connections_outlast_their_age_by_a_long_stream_only_where_an_administrator_may_call(
    tmp_path: Path, grpc: dict[str, Any], governed: bool
) -> None:
    settings = settings_in(tmp_path, grpc={"listen": "127.0.0.1:0", "plaintext": "service", **grpc})
    assert serving._is_governed(settings.grpc) is governed
