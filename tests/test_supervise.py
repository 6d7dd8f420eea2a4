"""From settings to a supervisor: addresses, the governance directory, signals; over tiny programs."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from grantd_server.settings import Serving, Settings, SettingsError
from worker_programs import FAKE, WORKER, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

supervising: Any = importlib.import_module("grantd_server.wiring.processes.supervise")


def settings_in(folder: Path, **changed: Any) -> Settings:
    return Settings.model_validate(
        {
            "workers": 2,
            "grpc": {"listen": "127.0.0.1:0"},
            "http": {"listen": "127.0.0.1:0"},
            "governance": {"directory": folder, "poll": 0.1},
            "limits": {"drain_notice": 0, "drain_grace": 1},
        }
        | changed
    )


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(supervising, "PROGRAM", (*FAKE, WORKER))
    (tmp_path / "code").write_text("0")


class Log:
    """What the supervisor in this process says on stderr."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self._text = ""

    def said(self, name: str) -> list[dict[str, Any]]:
        self._text += self._capfd.readouterr().err
        lines = [json.loads(line) for line in self._text.splitlines()]
        return [line for line in lines if line["event"] == name]


@asynccontextmanager
async def supervised(
    settings: Settings, serving: Serving, anew: Settings | SettingsError | None = None
) -> AsyncIterator[asyncio.Task[int]]:
    def reload() -> Settings:
        if isinstance(anew, SettingsError):
            raise anew
        return anew or settings

    running = asyncio.create_task(supervising.supervise(settings, serving, dict(os.environ), reload))
    try:
        yield running
    finally:
        if not running.done():
            os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(15):
            await asyncio.wait([running])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("serving", "bound"), [(Serving.BOTH, {"grpc", "http"}), (Serving.RPC, {"grpc"}), (Serving.HTTP, {"http"})]
)
async def test_what_is_served_is_bound_and_told_and_ends_on_a_signal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], serving: Serving, bound: set[str], number: signal.Signals
) -> None:
    log = Log(capfd)
    async with supervised(settings_in(tmp_path), serving) as running:
        await until(lambda: log.said("ready"))
        (said,) = log.said("serving")
        assert said.keys() & {"grpc", "http"} == bound
        for name in bound:
            host, port = said[name].split(":")
            with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
                other.bind((host, int(port)))
        os.kill(os.getpid(), number)
        assert await running == 0


async def test_an_address_that_is_taken_ends_it_before_any_worker(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with supervised(settings_in(tmp_path, http={"listen": listen}), Serving.BOTH) as running:
            with pytest.raises(SettingsError, match=r"^http\.listen: cannot listen on "):
                await running
    assert capfd.readouterr().err == ""


async def test_a_directory_that_cannot_be_applied_ends_it_before_any_worker(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "code").write_text("1")
    async with supervised(settings_in(tmp_path), Serving.RPC) as running:
        assert await running == 1
    assert capfd.readouterr().err == ""


async def test_the_directory_is_no_business_of_a_front(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "code").write_text("1")
    log = Log(capfd)
    async with supervised(settings_in(tmp_path), Serving.HTTP):
        await until(lambda: log.said("ready"))


async def test_a_changed_directory_is_applied_while_workers_serve(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(capfd)
    async with supervised(settings_in(tmp_path), Serving.RPC):
        await until(lambda: log.said("ready"))
        (tmp_path / "rules.yaml").write_text("a")
        await until(lambda: log.said("governance.applied"))


async def test_a_hang_up_replaces_all_workers_with_settings_that_hold(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log, settings = Log(capfd), settings_in(tmp_path)
    async with supervised(settings, Serving.HTTP, settings_in(tmp_path, limits={"calls": 7})):
        await until(lambda: log.said("ready"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: log.said("restarted"))


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("workers", {"workers": 3}),
        ("grpc.listen", {"grpc": {"listen": "127.0.0.1:1"}}),
        ("http.listen", {"http": {"listen": "127.0.0.1:1"}}),
        ("governance.directory", {"governance": {}}),
    ],
)
async def test_what_the_supervisor_has_in_hand_cannot_change(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, changed: dict[str, Any]
) -> None:
    log = Log(capfd)
    async with supervised(settings_in(tmp_path), Serving.HTTP, settings_in(tmp_path, **changed)):
        await until(lambda: log.said("ready"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: log.said("restart.refused"))
        assert log.said("restart.refused")[0]["problems"] == [f"{name} has changed, which needs a stop and a start."]


async def test_settings_that_do_not_hold_are_told_and_change_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(capfd)
    async with supervised(settings_in(tmp_path), Serving.HTTP, SettingsError(["grpc.callers is empty."])):
        await until(lambda: log.said("ready"))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: log.said("restart.refused"))
        assert log.said("restart.refused")[0]["problems"] == ["grpc.callers is empty."]


async def test_a_second_signal_ends_what_does_not_drain(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "PROGRAM", (*FAKE, WORKER.replace('else "good"', 'else "stubborn"')))
    log, settings = Log(capfd), settings_in(tmp_path, limits={"drain_grace": 300})
    async with supervised(settings, Serving.HTTP) as running:
        await until(lambda: log.said("ready"))
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: log.said("draining"))
        assert log.said("worker.killed") == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 1
        assert len(log.said("worker.killed")) == 2
