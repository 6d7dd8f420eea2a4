"""One request and its answer, with the times of both, and the JSON object in it."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from grantd import strict
from grantd.strict import Fault
from grantd_server.keys.foreign.failures import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.keys.foreign.fetch import Answer


class Asking(Protocol):
    """What is needed of a fetcher. Raises FetchFailed."""

    async def ask(
        self, url: str, method: str = "GET", *, headers: Mapping[str, str] = ..., content: bytes = b""
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it: an answer or a failure."""

    url: str
    sent_at: float
    received_at: float
    """Both by the clock of this machine, in seconds."""
    answer: Answer | None = None
    failure: FetchFailed | None = None
    members: Mapping[str, Any] | None = field(default=None, repr=False)
    """The JSON object of the body, whatever the status; None where it is none."""
    fault: str = ""
    """Why it is none."""

    @property
    def status(self) -> int:
        """Of the answer; 0 where there is none."""
        return 0 if self.answer is None else self.answer.status

    def header(self, name: str) -> str:
        """A header of the answer, several joined; empty where there is none."""
        return "" if self.answer is None else self.answer.headers.get(name, "")

    def headers(self, name: str) -> list[str]:
        """All headers of one name."""
        return [] if self.answer is None else self.answer.headers.get_list(name)


class Asker:
    """Asks, and turns every failure into an exchange. `now` is the wall clock."""

    def __init__(self, fetcher: Asking, now: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self.now = now

    async def get(self, url: str) -> Exchange:
        """A document."""
        return await self._ask(url, "GET", {}, b"")

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> Exchange:
        """The answer to a message."""
        return await self._ask(url, "POST", headers, content)

    async def delete(self, url: str, headers: Mapping[str, str]) -> Exchange:
        """The end of a session."""
        return await self._ask(url, "DELETE", headers, b"")

    async def _ask(self, url: str, method: str, headers: Mapping[str, str], content: bytes) -> Exchange:
        sent_at = self.now()
        try:
            answer = await self._fetcher.ask(url, method, headers=headers, content=content)
        except FetchFailed as failure:
            return Exchange(url, sent_at, self.now(), failure=failure)
        received_at = self.now()
        members, fault = _read(answer.body)
        return Exchange(url, sent_at, received_at, answer, members=members, fault=fault)


def form(**fields: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form."""
    return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields).encode()


def message(method: str, **params: Any) -> tuple[dict[str, str], bytes]:
    """Headers and body of a JSON-RPC request to an MCP server."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    accept = "application/json, text/event-stream"
    return {"Content-Type": "application/json", "Accept": accept}, json.dumps(body).encode()


def _read(body: bytes) -> tuple[Mapping[str, Any] | None, str]:
    if body.startswith(BOM_UTF8):
        return None, "text behind a byte order mark"
    try:
        return strict.read_object(body, "document"), ""
    except Fault as fault:
        return None, fault.got
