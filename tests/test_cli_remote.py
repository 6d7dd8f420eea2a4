"""Administrators' commands at a running service: by their certificate, without settings or database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from certificates import Authority, write_tls_files
from command_line import SAMPLE
from grantd.administration import BundleInvalid, BundleMoved, Refused, Unavailable
from grantd.v1 import governance_pb2 as governance
from grantd_server.cli.app import app
from grantd_server.cli.terminal.answers import sentences
from grantd_server.model.caller import Role
from grantd_server.store.sqlite.store import SqliteStore
from rpc_toy import Toy, authority, leaf_of
from test_administration import Office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def told(port: int, folder: Path, role: Role, *arguments: str) -> tuple[int, str, str]:
    """Runs a command as somebody of a role, in a thread."""
    place = folder / role.value
    place.mkdir(exist_ok=True)
    cert, key, ca = write_tls_files(place, authority(), leaf_of(role))
    environ = {
        "GRANTD_SERVER": f"127.0.0.1:{port}",
        "GRANTD_SERVER_CA": str(ca),
        "GRANTD_SERVER_CERT": str(cert),
        "GRANTD_SERVER_KEY": str(key),
    }
    found: Any = await asyncio.to_thread(CliRunner(env=environ).invoke, app, list(arguments))
    return found.exit_code, found.stdout, found.stderr


@pytest.mark.req("F-48")
async def test_commands_speak_to_a_service_as_whom_their_certificate_says(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "grantd.db")
    office, toy = Office(store), Toy()
    toy.endpoints = office.endpoints
    async with toy.served(tmp_path) as server:
        port = server.ports[0]
        code, out, _ = await told(port, tmp_path, Role.ADMIN, "apply", str(SAMPLE), "-m", "from afar")
        assert (code, out.splitlines()[-1].split(", ")[-1]) == (0, "epoch 1")
        record = await office.newest()
        assert (record["caller"], record["facts"]["why"]) == ("spiffe://corp.example/admin", "from afar")
        code, out, _ = await told(port, tmp_path, Role.AUDITOR, "versions")
        assert code == 0
        assert out.startswith("* b")
        assert "spiffe://corp.example/admin" in out
        code, _, err = await told(port, tmp_path, Role.AUDITOR, "apply", str(SAMPLE))
        assert (code, err.splitlines()[0]) == (1, "the caller may not call this method.")
        code, _, err = await told(port, tmp_path, Role.SHIM, "blocks")
        assert (code, err.splitlines()[0]) == (1, "the caller may not call this method.")
    await store.close()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[int]:
    store = SqliteStore.open(tmp_path / "grantd.db")
    toy = Toy()
    toy.endpoints = Office(store).endpoints
    async with toy.served(tmp_path) as server:
        yield server.ports[0]
    await store.close()


WRONG = {
    "an authority that does not vouch for the service": ("ca", 2, "no authority in --ca"),
    "a certificate that the service knows no authority of": ("cert", 3, "no authority of our certificate"),
    "another name": ("name", 2, "say which with --server-name"),
    "no certificate": ("none", 3, "It speaks TLS only"),
    "files of anything": ("pem", 2, "are PEM files"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_certificate_is_told_with_what_to_look_at(served: int, tmp_path: Path, what: str) -> None:
    wrong, code, hinted = WRONG[what]
    other = Authority()
    files = {name: tmp_path / name for name in ("ours", "others")}
    for place in files.values():
        place.mkdir()
    cert, key, ca = write_tls_files(files["ours"], authority(), leaf_of(Role.ADMIN))
    if wrong == "ca":
        _, _, ca = write_tls_files(files["others"], other, leaf_of(Role.ADMIN))
    if wrong == "cert":
        cert, key, _ = write_tls_files(files["others"], other, other.leaf(uris=("spiffe://corp.example/admin",)))
    if wrong == "pem":
        cert.write_text("no PEM")
    words = ["versions", "--server", f"127.0.0.1:{served}"]
    if wrong != "none":
        words += ["--ca", str(ca), "--cert", str(cert), "--key", str(key)]
    if wrong == "name":
        words += ["--server-name", "other.example"]
    found: Any = await asyncio.to_thread(CliRunner().invoke, app, words)
    first, hint = found.stderr.splitlines()
    assert (found.exit_code, first.startswith("The service does not answer: ")) == (code, True)
    assert hinted in hint


def test_a_service_elsewhere_is_not_spoken_to_without_tls() -> None:
    found = CliRunner().invoke(app, ["blocks", "--server", "grantd.example:7443"])
    assert found.exit_code == 2
    assert "is not on this machine" in found.stderr
    found = CliRunner().invoke(app, ["blocks", "--server", "grantd.example:7443", "--ca", "x.pem"])
    assert found.exit_code == 2
    assert found.stderr == "--ca, --cert and --key go together.\n"


@pytest.mark.parametrize(
    ("activated", "when"),
    [(1_790_000_000, "at 2026-09-21T14:13:20Z"), (None, "at an unknown time"), (10**11, "at an unknown time")],
)
def test_a_service_that_tells_no_time_of_who_was_faster_is_told_all_the_same(activated: int | None, when: str) -> None:
    moved = BundleMoved("ABORTED", epoch=7, version="b1", author="eve", activated=activated, description="it moved")
    assert sentences(moved) == ["it moved.", f"eve put b1 in force, epoch 7, {when}."]
    nobody = BundleMoved("ABORTED", epoch=None, version="", author="", activated=None, description="it moved")
    assert sentences(nobody) == ["it moved."]


def test_a_failure_without_a_sentence_is_told_by_its_status() -> None:
    assert sentences(Unavailable("CANCELLED", decision_id="d1")) == ["CANCELLED.", "For more: grantd explain d1"]
    assert sentences(Unavailable("UNAVAILABLE")) == ["The service does not answer: UNAVAILABLE."]
    tried = "failed to connect to all addresses; last error: UNKNOWN: ipv4:192.0.2.7:1: Connection refused."
    assert sentences(Unavailable("UNAVAILABLE", description=tried)) == [
        "The service does not answer: ipv4:192.0.2.7:1: Connection refused."
    ]
    away = Unavailable(
        "UNAVAILABLE", oauth_error="temporarily_unavailable", description="the service cannot answer now"
    )
    assert sentences(away) == ["the service cannot answer now."]
    assert sentences(Refused("INVALID_ARGUMENT", description="a parameter is wrong", fields=("a", "b"))) == [
        "a parameter is wrong: a, b."
    ]
    assert sentences(BundleInvalid(["a.yaml:1:1: odd", "b.yaml:2:1: odd"])) == ["a.yaml:1:1: odd", "b.yaml:2:1: odd"]


async def test_a_simulation_from_afar_ends_before_the_moment_that_is_given_as_here(tmp_path: Path) -> None:
    asked: list[governance.SimulateOptions] = []

    async def simulated(messages: Any, call: Any) -> AsyncIterator[Any]:
        asked.extend([message.options async for message in messages if message.HasField("options")])
        yield governance.SimulateResponse(result=governance.SimulationResult())

    async with Toy(others={"Simulate": simulated}).served(tmp_path) as server:
        span = ("--since", "2026-01-01T00:00:00Z", "--until", "2026-01-02T00:00:00Z")
        code, _, err = await told(server.ports[0], tmp_path, Role.AUDITOR, "simulate", str(SAMPLE), *span)
    assert (code, err) == (0, "")
    (options,) = asked
    assert (options.since, options.until) == (1767225600, 1767312000)
