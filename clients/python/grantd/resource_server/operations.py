"""What single MCP operations need: tools, resources and prompts, by their names.

Reads the JSON-RPC message of a request before the server does, so that too small a
token is refused by status and challenge, which a tool's own answer cannot carry.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grantd.resource_server.refusal import Refusal
from grantd.resource_server.requirement import Requirement, all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grantd.resource_server.asgi import Message, Receive

LONGEST_BODY = 4 * 1024 * 1024
"""Bytes; as the official SDK has it."""


class Operations:
    """Requirements by the name of a tool or prompt, the URI of a resource, or a method."""

    def __init__(
        self,
        *,
        tools: Mapping[str, Requirement] | None = None,
        prompts: Mapping[str, Requirement] | None = None,
        resources: Mapping[str, Requirement] | None = None,
        methods: Mapping[str, Requirement] | None = None,
    ) -> None:
        """A tool, prompt or resource that is not named needs what its method does."""
        self._methods = methods or {}
        self._named = {
            "tools/call": ("name", tools or {}),
            "prompts/get": ("name", prompts or {}),
            "resources/read": ("uri", resources or {}),
            "resources/subscribe": ("uri", resources or {}),
        }

    async def read(self, receive: Receive) -> tuple[Requirement, Receive]:
        """What the messages of a body need, and the body again for the application.

        Raises:
            Refusal: the body is too long, or no JSON of which there is one reading only.
        """
        body, last = await _body(receive)
        if last["type"] != "http.request":
            return Requirement(), _again(last, receive)
        required = all_of(self._needed(message) for message in _messages(body))
        return required, _again({"type": "http.request", "body": body, "more_body": False}, receive)

    def _needed(self, message: Mapping[str, Any]) -> Requirement:
        method = message.get("method")
        if not isinstance(method, str):
            return Requirement()  # an answer of the client
        needed = [self._methods[method]] if method in self._methods else []
        key, named = self._named.get(method, ("", {}))
        params = message.get("params")
        name = params.get(key) if isinstance(params, dict) else None
        if isinstance(name, str) and name in named:
            needed.append(named[name])
        return all_of(needed)


async def _body(receive: Receive) -> tuple[bytes, Message]:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"", message
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            raise Refusal(413, "invalid_request")
        if not message.get("more_body", False):
            return bytes(body), message


def _messages(body: bytes) -> list[dict[str, Any]]:
    try:
        # UTF-8 and nothing else: another encoding would be read otherwise behind us.
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_single)
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_request") from None
    messages = found if isinstance(found, list) else [found]
    if not all(isinstance(message, dict) for message in messages):
        raise Refusal(400, "invalid_request")
    return messages


def _single(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # Of two tools in one message the server might call the other one.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated member")
    return members


def _again(first: Message, receive: Receive) -> Receive:
    """A receive that begins with a message which was read already."""
    pending = [first]

    async def receiving() -> Message:
        return pending.pop() if pending else await receive()

    return receiving
