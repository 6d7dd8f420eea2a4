"""docs/administration.md: the programs that it shows do what it says, but for address and files."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from administrators_ import Offices, blocking, house_offices
from case_files import changed
from certificates import write_tls_files
from grantd.administration import AsyncDecisions, AsyncGovernance, Decisions, Governance
from grantd_server.model.caller import Role
from leg_one import exchanged
from rpc_toy import authority, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (Path(__file__).parent.parent / "docs" / "administration.md").read_text().split("## In a program")[1]
NARROWER = {"grants.grants.0.scopes": ["files:read"], "grants.grants.0.resources": ["partner-mcp"]}


def program(number: int, offices: Offices) -> Callable[[], dict[str, Any]]:
    """A program of the page, to be run; it gives its names."""
    text = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[number]
    text = text.replace("grantd.corp.example:7443", f"127.0.0.1:{offices.port}")
    for who, role in (("ada", Role.ADMIN), ("eve", Role.AUDITOR)):
        place = offices.folder / who
        place.mkdir(exist_ok=True)
        certificate, key, ca = write_tls_files(place, authority(), leaf_of(role))
        text = (
            text.replace(f"{who}.pem", str(certificate))
            .replace(f"{who}.key", str(key))
            .replace('"ca.pem"', repr(str(ca)))
        )

    def run() -> dict[str, Any]:
        names: dict[str, Any] = {}
        exec(text, names)  # noqa: S102  # our own page
        return names

    return run


async def test_the_programs_of_the_page_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with house_offices(tmp_path, org.bundle(), blocking) as (house, offices):
        org.write(tmp_path / "governance", changed(org.bundle(), NARROWER))
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            await asyncio.to_thread(program(0, offices))
        *changes, last = told.getvalue().splitlines()
        assert "lost group corp:eng tickets:read at tickets through desk" in changes
        found = re.fullmatch(r"epoch 2 is in force, decision (\w+)", last)
        assert found is not None
        assert (await house.record(found[1]))["facts"]["why"] == "less for engineering"

        refused = await exchanged(house)
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            await asyncio.to_thread(program(1, offices))
        assert told.getvalue() == f"desk {refused.reason} it is up to the identity administrator\n"

        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            warning = asyncio.create_task(program(2, offices)()["warn"]())
            while not told.getvalue():
                await exchanged(house)
                await asyncio.wait({warning}, timeout=0.2)
                assert not warning.done(), warning
        warning.cancel()
        assert told.getvalue().splitlines()[0] == f"desk was refused: {refused.reason}"


@pytest.mark.parametrize("client", [Governance, Decisions])
def test_the_page_names_every_method(client: type) -> None:
    for name, _ in inspect.getmembers(client, inspect.isfunction):
        if not name.startswith("_") and name != "close":
            assert f"`{name}" in PAGE or f", `{name}" in PAGE, name


@pytest.mark.parametrize(("client", "twin"), [(Governance, AsyncGovernance), (Decisions, AsyncDecisions)])
def test_twins_take_the_same_and_say_the_same(client: type, twin: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if name.startswith("_") or name == "close":
            continue
        other = getattr(twin, name)
        assert inspect.signature(method).parameters == inspect.signature(other).parameters, name
        if name != "follow_decisions":
            assert method.__doc__ == other.__doc__, name
