"""The command line in a place of its own, with the small company's governance: test support."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.store.sqlite.store import SqliteStore

SAMPLE = Path(__file__).parent / "small_company"
SECRET = re.compile(r"\{env: (\w+)\}")


def house_at(place):
    """A place with settings and the small company's governance."""
    (place / "grantd.yaml").write_text(
        "development: true\nstore: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys, auto_create: true}\n"
    )
    shutil.copytree(SAMPLE, place / "governance")
    return place


def environ_of(place):
    """The variables that commands in a place are run with."""
    environ = {"GRANTD_CONFIG": str(place / "grantd.yaml")}
    return environ | {
        name: f"{name}-Zx81aBc92DeFgh37IjKlm45"
        for file in SAMPLE.glob("*.yaml")
        for name in SECRET.findall(file.read_text())
    }


def runner(place):
    """Runs commands there, and holds each to its exit code."""
    environ = environ_of(place)

    def run(*arguments, code=0, stdin=None, **more):
        environ_of_this = {name: value for name, value in (environ | more).items() if value}
        found = CliRunner(env=dict.fromkeys(more, "") | environ_of_this).invoke(
            app, [str(each) for each in arguments], input=stdin
        )
        assert found.exit_code == code, found.output
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found

    return run


def asked(place, question):
    """What the store there answers."""

    async def ask():
        store = SqliteStore.open(place / "grantd.db")
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def lines(found):
    """What a command printed."""
    return found.stdout.splitlines()
