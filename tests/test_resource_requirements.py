"""What operations need beyond a good token: scopes, sign-ins, fresh answers; by MCP tool."""

from __future__ import annotations

import contextlib
import json

import pydantic_core
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd.resource_server.asgi import TOKEN, ResourceServer
from grantd.resource_server.operations import LONGEST_BODY, Operations
from grantd.resource_server.refusal import Refusal
from grantd.resource_server.requirement import Requirement, all_of
from resource_ import GOOD, METADATA, NOW, RESOURCE, Called, Verifier, ask, verified

NEEDED = 'scope="tickets:write", acr_values="phr mfa", max_age="300"'
STRONG = Requirement(("tickets:write",), acr_values=("phr", "mfa"), max_age=300)


def protect(*, token=None, **settings):
    app = Called()
    verifier = Verifier(**(token or {}))
    return ResourceServer(app, verifier, RESOURCE, now=lambda: NOW, **settings), app


@pytest.mark.req("H-13", "X-17")
@pytest.mark.parametrize(
    ("token", "enough"),
    [
        ({"acr": "mfa", "auth_time": NOW - 300}, True),
        ({"acr": "phr", "auth_time": NOW + 30}, True),
        ({"acr": "pwd", "auth_time": NOW}, False),
        ({"acr": None, "auth_time": NOW}, False),
        ({"acr": "mfa", "auth_time": NOW - 301}, False),
        ({"acr": "mfa", "auth_time": NOW + 31}, False),
        ({"acr": "mfa", "auth_time": None}, False),
    ],
)
async def test_a_sign_in_too_weak_or_too_old_is_401_with_what_would_do(token, enough):
    protected, app = protect(token=token | {"scopes": frozenset({"tickets:write"})}, required=STRONG)
    answer = await ask(protected, GOOD)
    assert len(app.scopes) == enough
    if enough:
        return
    assert (answer.status, answer.json()) == (401, {"error": "insufficient_user_authentication"})
    assert answer.challenges == [
        f'Bearer error="insufficient_user_authentication", {NEEDED}, resource_metadata="{METADATA}"'
    ]


@pytest.mark.req("H-13")
async def test_nothing_is_asked_of_the_sign_in_unless_it_is_said():
    protected, _ = protect(required=Requirement(("tickets:read",)))
    assert (await ask(protected, GOOD)).status == 204
    assert Requirement(max_age=0).is_signed_in_well(verified(auth_time=NOW), NOW)
    assert not Requirement(max_age=0).is_signed_in_well(verified(auth_time=NOW - 1), NOW)
    assert not Requirement(acr_values=("mfa",)).is_signed_in_well(verified(), NOW)


@pytest.mark.req("H-07", "H-13")
async def test_without_a_token_the_challenge_names_all_that_is_needed():
    answer = await ask(protect(required=lambda scope: STRONG)[0])
    assert answer.challenges == [
        f'Bearer scope="tickets:write", acr_values="phr mfa", max_age="300", resource_metadata="{METADATA}"'
    ]


async def test_requirements_add_up_to_what_satisfies_each_of_them():
    both = all_of([STRONG, Requirement(("a", "tickets:write"), ("x", "mfa"), 60, fresh=True), Requirement()])
    assert both == Requirement(("tickets:write", "a"), ("mfa",), 60, fresh=True)
    assert all_of([Requirement(), STRONG]) == STRONG
    assert all_of([]) == Requirement()
    with pytest.raises(ValueError, match="no acr value"):
        all_of([STRONG, Requirement(acr_values=("pwd",))])


FRESH = Requirement(fresh=True)


@pytest.mark.req("X-11", "G-43")
@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [("good", 204, None), ("revoked", 401, "invalid_token"), ("gone", 503, "temporarily_unavailable")],
)
async def test_where_it_matters_the_authorization_server_is_asked_as_well(asked, status, error):
    class Asking(Verifier):
        async def verify(self, raw_token, *, jkt=None):
            assert raw_token == "good"
            return await super().verify(asked, jkt=jkt)

    asking = Asking()
    protected, app = protect(asking=asking, required=lambda scope: FRESH if scope["path"] == "/mcp" else Requirement())
    assert (await ask(protected, GOOD, path="/else")).status == 204
    assert asking.asked == []
    answer = await ask(protected, GOOD)
    assert answer.status == status
    if error:
        assert answer.json() == {"error": error}
        assert len(answer.challenges) == (status == 401)
    assert len(app.scopes) == (2 if error is None else 1)


async def test_a_fresh_requirement_without_anybody_to_ask_never_passes():
    protected, app = protect(required=FRESH)
    with pytest.raises(ValueError, match="nobody is there to ask"):
        await ask(protected, GOOD)
    assert app.scopes == []


OPERATIONS = Operations(
    tools={"close": STRONG, "list": Requirement(("tickets:read",))},
    prompts={"close": Requirement(("prompts",))},
    resources={"file:///secret": Requirement(("secret",))},
    methods={"tools/call": Requirement(("tools",)), "logging/setLevel": Requirement(("admin",))},
)


def body(method="tools/call", **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


async def needed(raw: bytes) -> Requirement:
    pending = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive():
        return pending.pop()

    return (await OPERATIONS.read(receive))[0]


@pytest.mark.req("H-09")
@pytest.mark.parametrize(
    ("raw", "scopes"),
    [
        (body(name="close"), ("tools", "tickets:write")),
        (body(name="list"), ("tools", "tickets:read")),
        (body(name="other"), ("tools",)),
        (body(name=["close"]), ("tools",)),
        (body(), ("tools",)),
        (body("tools/list"), ()),
        (body("prompts/get", name="close"), ("prompts",)),
        (body("prompts/get", name="list"), ()),
        (body("resources/read", uri="file:///secret"), ("secret",)),
        (body("resources/subscribe", uri="file:///secret"), ("secret",)),
        (body("resources/read", name="file:///secret"), ()),
        (body("logging/setLevel"), ("admin",)),
        (b"[" + body(name="list") + b"," + body("logging/setLevel") + b"]", ("tools", "tickets:read", "admin")),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', ()),
        (b'{"method": ["tools/call"], "params": {"name": "close"}}', ()),
        (b'{"method": "tools/call", "params": ["close"]}', ("tools",)),
        (b'{"method": "\\u0074ools/call", "params": {"name": "cl\\u006fse"}}', ("tools", "tickets:write")),
    ],
)
async def test_each_operation_needs_its_own(raw, scopes):
    assert (await needed(raw)).scopes == scopes


@pytest.mark.req("H-09", "H-13")
async def test_too_small_a_token_for_a_tool_is_told_all_at_once_and_never_reaches_it():
    protected, app = protect(
        token={"scopes": frozenset({"tickets:read", "tools"})}, operations=OPERATIONS, required=("tickets:read",)
    )
    assert (await ask(protected, GOOD, chunks=(body(name="list"),))).status == 204
    answer = await ask(protected, GOOD, chunks=(body(name="close"),))
    assert answer.status == 403
    assert answer.challenges == [
        (
            'Bearer error="insufficient_scope", scope="tickets:read tools tickets:write", acr_values="phr mfa", '
            f'max_age="300", resource_metadata="{METADATA}"'
        )
    ]
    assert len(app.scopes) == 1


async def test_the_application_reads_the_whole_body_although_we_did():
    raw = body(name="other")
    protected, app = protect(token={"scopes": frozenset({"tools"})}, operations=OPERATIONS)
    await ask(protected, GOOD, chunks=(raw[:7], raw[7:20], raw[20:]))
    assert app.bodies == [raw]
    assert app.scopes[0][TOKEN].subject == "u"


async def test_what_the_client_says_after_its_body_reaches_the_application():
    pending = [{"type": "http.request", "body": body("ping")}, {"type": "http.disconnect"}]

    async def receive():
        return pending.pop(0)

    _, again = await OPERATIONS.read(receive)
    assert (await again())["body"] == body("ping")
    assert (await again())["type"] == "http.disconnect"


async def test_a_client_that_leaves_while_it_sends_needs_nothing():
    async def receive():
        return {"type": "http.disconnect"}

    required, again = await OPERATIONS.read(receive)
    assert required == Requirement()
    assert (await again())["type"] == "http.disconnect"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"7",
        b'"close"',
        b"[7]",
        b'{"method": "ping", "method": "tools/call"}',
        b'{"method": "tools/call", "params": {"name": "list", "name": "close"}}',
        '{"method": "tools/call", "params": {"name": "close"}}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a": "\xff"}',
    ],
    ids=lambda raw: repr(raw[:20]),
)
async def test_a_body_of_which_there_is_not_one_reading_is_400(raw):
    protected, app = protect(operations=OPERATIONS)
    answer = await ask(protected, GOOD, chunks=(raw,))
    assert (answer.status, answer.json(), answer.challenges) == (400, {"error": "invalid_request"}, [])
    assert app.scopes == []


async def test_a_body_beyond_the_limit_is_413_and_not_read_to_its_end():
    protected, app = protect(operations=OPERATIONS)
    chunk = b" " * (LONGEST_BODY // 2)
    assert (await ask(protected, GOOD, chunks=(chunk, chunk[:-4], b"{}"))).status == 204
    assert (await ask(protected, GOOD, chunks=(chunk, chunk, b"x"))).status == 413
    assert len(app.scopes) == 1


async def test_the_body_of_a_stranger_is_not_read():
    protected, _ = protect(operations=OPERATIONS)
    assert (await ask(protected, chunks=(b"{",))).status == 401


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_only_what_carries_messages_is_read(method):
    protected, app = protect(operations=OPERATIONS)
    assert (await ask(protected, GOOD, method=method, chunks=(b"{",))).status == 204
    assert app.bodies == [b"{"]


@given(st.binary(max_size=200))
async def test_any_body_is_read_or_refused(raw):
    with contextlib.suppress(Refusal):
        assert isinstance(await needed(raw), Requirement)


_PIECES = st.sampled_from(
    [b'"method"', b'"tools/call"', b'"params"', b'"name"', b'"close"', b'"cl\\u006fse"', b'"list"', b"{", b"}", b":", b",",
     b"[", b"]", b" ", b"\n", b"null", b"NaN", b"1e999", b"\\ud800", b"\xef\xbb\xbf", b"\x00", b"\xff"]
)  # fmt: skip


@settings(max_examples=300)
@given(places=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3), _PIECES), max_size=3))
async def test_no_body_is_another_call_to_the_server_than_it_is_to_us(places):
    """The SDK reads bodies by pydantic's parser: whatever that takes for a call of `close`
    needs what `close` does, or is refused."""
    raw = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "close"}}'
    for place, cut, piece in places:
        raw = raw[:place] + piece + raw[place + cut :]
    try:
        read = pydantic_core.from_json(raw)
        is_close = read["method"] == "tools/call" and read["params"]["name"] == "close"
    except (ValueError, KeyError, TypeError):
        return
    with contextlib.suppress(Refusal):
        assert not is_close or "tickets:write" in (await needed(raw)).scopes
