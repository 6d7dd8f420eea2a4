"""Test support: four parties on loopback, healthy at first, in which everything can be changed.

They have names, as real ones do; the connector finds their ports. Each page is answered
as it stands when it is asked for.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

import organisation as org
from doctor_keys import KEYS
from doctor_pages import NAMES, Page, filled, pages, places, setup_of, sites
from grantd_server.doctor.examine import Examination, examine
from grantd_server.doctor.setup_file import read_setup
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import canonical
from grantd_server.keys.foreign.addresses import LOOPBACK
from grantd_server.keys.foreign.fetch import Fetcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd_server.governance.snapshot import Snapshot

HERE = Path(__file__).parent


@dataclass
class World:
    """The pages, and how they are asked for."""

    names: dict[str, str]
    pages: dict[str, Page]
    clocks: dict[str, float] = field(default_factory=dict)
    """By how much each site is ahead."""
    clock: float = field(default_factory=time.time)
    """Stands still, so that a busy machine is no slow party; see `Page.takes`."""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    setup: dict[str, Any] = field(default_factory=dict)
    walk: Any = None
    """Answers the legs (doctor_walk.Walk); without one, nobody gets anything."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    def plant(self, fault: dict[str, Any]) -> None:
        """Changes the world as a row of the list says."""
        for name, change in self._filled(fault.get("plant", {})).items():
            if name.endswith(".site"):
                self.clocks[name.partition(".")[0]] = change["clock"]
                continue
            _change(self.pages[name], change)
        for member, value in self._filled(fault.get("asked", {})).items():
            self.setup[member] = {**self.setup[member], **value} if isinstance(value, dict) else value

    def _filled(self, value: Any) -> Any:
        hour_ago = formatdate(self.clock - 3600, usegmt=True)
        return filled(value, {**self.names, "hour_ago": hour_ago})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(head + body)
            name = self._page(method, f"https://{headers['host']}{path}", token="authorization" in headers)
            self.asked.append(name or f"{method} {headers['host']}{path}")
            page = self.walk.answer(name, headers, body) if self.walk is not None else None
            page = page or self.pages.get(name, Page({"error": "none"}, 404))
            if page.script is not None:
                await page.script(writer, self.over)
                return
            self.clock += page.takes
            writer.write(page.raw(self.clock + self.clocks.get(sites(self.names).get(headers["host"], ""), 0)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.serving.discard(task)
            writer.close()

    def _page(self, method: str, address: str, *, token: bool) -> str:
        name = places(self.names).get(address, "")
        if name.endswith((".token", ".called")) and method != "POST":
            return ""
        return "resource.called-with-token" if name == "resource.called" and token else name

    def fetcher(self, **options: Any) -> Fetcher:
        """A fetcher that finds the parties by their names; some other names lead nowhere."""

        async def resolve(host: str, _port: int) -> list[str]:
            if host == "gone.corp.example":
                raise OSError(host)
            return ["10.0.0.7" if host == "inside.corp.example" else "127.0.0.1"]

        # Time is tried where it is the question; a busy machine needs its own.
        options.setdefault("seconds", 30)
        return Fetcher(resolve=resolve, own_networks=LOOPBACK, connector=_Gate(self.port), **options)

    async def examined(self, *, bundle: dict[str, Any] | None = None, **options: Any) -> Examination:
        """What the doctor finds; with `bundle`, also compared with the company's bundle so changed."""
        declared = None if bundle is None else self.declared(bundle)
        fetcher = self.fetcher(**options)
        try:
            setup = read_setup(yaml.safe_dump(self.setup).encode(), "setup.yaml")
            probe = None if self.walk is None else self.walk.probe()
            return await examine(setup, fetcher, lambda: self.clock, declared, probe)
        finally:
            await fetcher.aclose()

    def declared(self, changes: dict[str, Any]) -> Snapshot:
        """The company's bundle for this set-up, with some values changed by their paths."""
        document = _bundle()
        for path, value in filled(changes).items():
            *above, last = path.split(".")
            place = document
            for step in above:
                place = place[step]
            place[last] = value
            if value is None:
                del place[last]
            elif isinstance(value, dict) and "jwks" in value:
                place[last] = {"jwks": {"keys": [KEYS[key] for key in value["jwks"]["keys"]]}}
        return snapshot_of(document)


def _change(page: Page, change: dict[str, Any]) -> None:
    """Answers otherwise, as a row of the list says."""
    page.status = change.get("status", page.status)
    page.headers.update(change.get("headers", {}))
    for member in ("encoding", "cut", "promised", "repeated", "takes"):
        setattr(page, member, change.get(member, getattr(page, member)))
    if "keys" in change:
        page.json = {"keys": [KEYS[key] for key in change["keys"]]}
    if "json" in change:
        assert page.json is not None
        page.json = _merged(page.json, change["json"])
    if "key" in change:
        assert page.json is not None
        page.json = {"keys": [_merged(page.json["keys"][0], change["key"])]}
    if "body" in change:
        page.body = change["body"].encode()


def _merged(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


class _Gate(httpx2.AsyncBaseTransport):
    """Takes every request to the one port at which the parties are served."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport = httpx2.AsyncHTTPTransport(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.scheme == "https"
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@asynccontextmanager
async def world(*faults: dict[str, Any]) -> AsyncIterator[World]:
    """The healthy set-up, with some faults planted."""
    names = NAMES | {party: name for fault in faults for party, name in fault.get("named", {}).items()}
    here = World(names, pages(names), setup=setup_of(names))
    for fault in faults:
        here.plant(fault)
    async with await asyncio.start_server(here.serve, "127.0.0.1", 0) as server:
        here.port = server.sockets[0].getsockname()[1]
        yield here
        here.over.set()
        await asyncio.gather(*here.serving)


def faults(name: str = "doctor_faults") -> list[dict[str, Any]]:
    """A list, as it was written down."""
    found = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    assert isinstance(found, list)
    return found


def _bundle() -> dict[str, Any]:
    """The company of the other tests, with the identifiers of this world."""
    document = org.bundle()
    document["identity_providers"]["corp"] |= {"issuer": NAMES["idp"], "keys": {"discovery": True}}
    document["grant_issuers"]["grants"]["issuer"] = NAMES["issuer"]
    document["authorization_servers"]["tools"]["issuer"] = NAMES["server"]
    document["resources"]["tickets"]["uri"] = NAMES["resource"]
    return document


def snapshot_of(document: dict[str, Any]) -> Snapshot:
    """The document as a service compiles it."""
    return compile_document(canonical(document), _no_secret, epoch=1, fingerprint_key=bytes(32))


def _no_secret(_reference: object) -> bytes:
    raise AssertionError("the bundle refers to no secret")
