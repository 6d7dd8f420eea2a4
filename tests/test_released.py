"""The release before this one beside this one, on one PostgreSQL, as during an upgrade:
`grantd db upgrade` is run by the new release while the old one serves.

The wheel in tests/released is the newest that was released; a release replaces it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

import organisation as org
from chaos import kinds
from chaos.client import Client
from chaos.cluster import ENVIRON, Cluster, Replica, cluster
from chaos.evidence import ACTIVE, INACTIVE, TOKEN
from chaos.kinds import HONEST, REPLAYED
from grantd.v1 import authorization_pb2 as pb
from leg_two import DESK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import IO

    from postgres_ import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

(WHEEL,) = Path(__file__).with_name("released").glob("grantd-*-py3-none-any.whl")
BOTH_WAYS = pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)], ids=["old then new", "new then old"])


def run(release: Path | None, *arguments: str) -> dict[str, Any]:
    """A command line of `grantd` of a release, None: of this one, and its environment."""
    environ = dict(ENVIRON)
    if release is not None:
        environ["PYTHONPATH"] = os.pathsep.join([str(release), environ["PYTHONPATH"]])
    return {"args": [sys.executable, "-P", "-m", "grantd_server", *arguments], "env": environ}


class Released(Replica):
    """A replica of the release before."""

    release: Path

    def start(self, *arguments: str, log: IO[bytes], stdout: int = subprocess.DEVNULL) -> None:
        """Starts it as its operator does."""
        self.generations += 1
        command = run(self.release, "serve", "rpc", "--config", str(self.config), *arguments)
        self.process = subprocess.Popen(**command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)


async def _done(release: Path | None, *arguments: str) -> None:
    await asyncio.to_thread(subprocess.run, **run(release, *arguments), check=True, capture_output=True)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def both(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The old release, that made the database, applied the bundle and serves; then this one."""
    folder = tmp_path_factory.mktemp("releases")
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder / "release")
    name = server.new_database()
    config = folder / "upgrade.yaml"
    config.write_text(yaml.safe_dump({"store": {"url": server.url(name)}, "development": True}))
    upgrade = ("db", "upgrade", "--config", str(config))
    await _done(folder / "release", *upgrade)

    async def as_before(config: Path, *command: str) -> None:
        await _done(folder / "release", *command, "--config", str(config))

    async with cluster(folder, server.url(name), 2, start=False, run=as_before) as running:
        told = running.replicas[0]
        old = running.replicas[0] = Released(told.number, told.config, told.port)
        old.release = folder / "release"
        old.start(log=running.log)
        await old.ready()
        await _done(None, *upgrade)
        running.replicas[1].start(log=running.log)
        await running.replicas[1].ready()
        yield running
    server.drop_database(name)


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[Client]:
    client = Client(lambda _: None)
    yield client
    await client.close()


async def test_the_old_release_runs_from_its_wheel_alone(both: Cluster) -> None:
    old, new = both.replicas
    assert isinstance(old, Released)
    where = "import grantd, grantd_server; print(grantd.__file__, grantd_server.__file__)"
    environ = run(old.release)["env"]
    program = [sys.executable, "-P", "-c", where]
    asked = await asyncio.create_subprocess_exec(*program, env=environ, stdout=asyncio.subprocess.PIPE)
    found, _ = await asked.communicate()
    assert [Path(file).is_relative_to(old.release) for file in found.decode().split()] == [True, True]
    assert not isinstance(new, Released)


@BOTH_WAYS
async def test_a_grant_of_one_release_is_redeemed_at_the_other_once(
    both: Cluster, client: Client, first: int, second: int
) -> None:
    giving, taking = both.replicas[first], both.replicas[second]
    sign_in = org.id_token(int(time.time()))
    _, granted = await client.call(giving, "ExchangeIdentity", kinds.exchange(sign_in), HONEST)
    request = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=granted.token)

    redeemed, _ = await client.call(taking, "RedeemGrant", request, HONEST)
    again = [(await client.call(replica, "RedeemGrant", request, HONEST))[0].answer for replica in (giving, taking)]

    assert redeemed.answer == TOKEN
    assert again == [REPLAYED, REPLAYED]


@BOTH_WAYS
async def test_a_token_of_one_release_is_active_and_then_revoked_at_the_other(
    both: Cluster, client: Client, first: int, second: int
) -> None:
    giving, asked = both.replicas[first], both.replicas[second]
    _, redeemed = await client.call(giving, "RedeemGrant", kinds.redemption(kinds.partner_grant()), HONEST)
    question = kinds.introspection(redeemed.access_token)
    before, _ = await client.call(asked, "IntrospectToken", question, HONEST)
    revocation = pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=redeemed.access_token)
    await client.call(giving, "RevokeToken", revocation, HONEST)

    async with asyncio.timeout(2):
        while (await client.call(asked, "IntrospectToken", question, HONEST))[0].answer != INACTIVE:  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.05)

    assert before.answer == ACTIVE
