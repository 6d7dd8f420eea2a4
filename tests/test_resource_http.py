"""A resource server on the web: preflights, other origins, public paths, long answers."""

from __future__ import annotations

import asyncio

import pytest

from grantd.resource_server.asgi import ResourceServer
from grantd.resource_server.cross_origin import CrossOrigin
from grantd.resource_server.expiry import ending_with
from grantd.resource_server.protected_resource import ProtectedResource, canonical
from resource_ import GOOD, NOW, RESOURCE, Called, Verifier, ask

PAGE = ("origin", "https://inspector.example")
PREFLIGHT = ("access-control-request-method", "POST")
DOCUMENT = "/.well-known/oauth-protected-resource/mcp"


def protect(**settings):
    app = Called()
    return ResourceServer(app, Verifier(), RESOURCE, now=lambda: NOW, **settings), app


def pages(**settings):
    protected, app = protect(**settings)
    return CrossOrigin(protected, origins=["https://inspector.example"]), app


@pytest.mark.hostile("H11")
@pytest.mark.parametrize("headers", [(PAGE, PREFLIGHT), (PAGE, GOOD), (PAGE,)])
async def test_no_page_is_let_in_unless_its_origin_is_named(headers):
    for app in (protect()[0], CrossOrigin(protect()[0], origins=["https://else.example"])):
        answer = await ask(app, *headers, method="OPTIONS")
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]


async def test_a_preflight_needs_no_token_and_reaches_nothing():
    protected, app = pages()
    answer = await ask(protected, PAGE, PREFLIGHT, method="OPTIONS")
    assert (answer.status, answer.body, app.scopes) == (204, b"", [])
    assert answer.one("access-control-allow-origin") == "https://inspector.example"
    assert {"authorization", "dpop", "mcp-session-id"} <= set(answer.one("access-control-allow-headers").split(", "))
    assert answer.one("access-control-allow-methods") == "GET, POST, DELETE"
    assert answer.one("vary") == "Origin"
    assert answer.all("access-control-allow-credentials") == []


@pytest.mark.parametrize(("headers", "status"), [((), 401), ((GOOD,), 204)])
async def test_a_named_page_may_read_answers_and_refusals(headers, status):
    protected, _ = pages()
    answer = await ask(protected, PAGE, *headers)
    assert answer.status == status
    assert answer.one("access-control-allow-origin") == "https://inspector.example"
    assert "www-authenticate" in answer.one("access-control-expose-headers")


async def test_options_without_a_preflight_is_a_request_like_any_other():
    protected, app = pages()
    assert (await ask(protected, PAGE, method="OPTIONS")).status == 401
    assert (await ask(protected, PREFLIGHT, method="OPTIONS")).status == 401
    assert (await ask(protected, PAGE, PAGE, PREFLIGHT, method="OPTIONS")).status == 401
    assert app.scopes == []


async def test_a_websocket_is_judged_by_its_token_alone():
    protected, _ = pages()
    sent = []

    async def send(message):
        sent.append(message)

    await protected({"type": "websocket", "path": "/mcp", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_any_page_may_read_the_document_once():
    for app in (protect()[0], pages()[0]):
        answer = await ask(app, PAGE, method="GET", path=DOCUMENT)
        assert len(answer.all("access-control-allow-origin")) == 1
    answer = await ask(protect()[0], PAGE, PREFLIGHT, method="OPTIONS", path=DOCUMENT)
    assert (answer.status, answer.one("access-control-allow-origin")) == (204, "*")
    assert answer.one("access-control-allow-headers") == "*"


async def test_head_is_refused_like_get_but_without_a_body():
    answer = await ask(protect()[0], ("authorization", "Bearer bad"), method="HEAD")
    assert (answer.status, answer.body) == (401, b"")
    assert answer.one("content-length") == "26"
    assert "invalid_token" in answer.challenges[0]


async def test_public_paths_need_no_token_and_only_they():
    protected, app = protect(public=["/healthz"])
    assert (await ask(protected, GOOD, ("dpop", "p"), ("x", "y"), path="/healthz")).status == 204
    # What nobody looked at is not handed on either (H-16).
    assert app.scopes[0]["headers"] == [(b"x", b"y")]
    for path in ("/healthz/", "/healthz/x", "/Healthz", "/mcp"):
        assert (await ask(protected, path=path)).status == 401
    assert len(app.scopes) == 1


@pytest.mark.req("H-04", "H-05")
async def test_several_authorization_servers_and_a_page_for_developers():
    resource = ProtectedResource(
        "https://h/mcp", ("https://a/", "https://b/as"), resource_documentation="https://h/docs"
    )
    answer = await ask(ResourceServer(Called(), Verifier(), resource), method="GET", path=DOCUMENT)
    assert answer.json() == {
        "resource": "https://h/mcp",
        "authorization_servers": ["https://a/", "https://b/as"],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://h/docs",
    }


@pytest.mark.req("H-18")
@pytest.mark.parametrize(
    ("url", "spelling"),
    [
        ("HTTPS://MCP.Example/Tools/A", "https://mcp.example/Tools/A"),
        ("https://h:443/mcp", "https://h/mcp"),
        ("http://h:80/mcp", "http://h/mcp"),
        ("https://h:8443/mcp", "https://h:8443/mcp"),
        ("https://h:80/mcp", "https://h:80/mcp"),
        ("https://h/", "https://h"),
        ("https://h/mcp/", "https://h/mcp/"),
        ("https://h/?tenant=1", "https://h/?tenant=1"),
    ],
)
def test_a_resource_has_one_spelling(url, spelling):
    assert canonical(url) == spelling
    assert ProtectedResource(spelling, ("https://as",)).resource == spelling


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        ((), "INFO refused with 401 -: -"),
        ((("authorization", "Bearer canary"),), "INFO refused with 401 invalid_token: signature"),
        ((("authorization", "Bearer a b"),), "INFO refused with 400 invalid_request: -"),
        ((("authorization", "Bearer gone"),), "WARNING refused with 503 temporarily_unavailable: canary-cause"),
    ],
)
async def test_whoever_runs_the_server_reads_which_check_failed_and_no_token(caplog, sent, line):
    caplog.set_level("INFO", "grantd.resource_server")
    await ask(protect()[0], *sent)
    (record,) = caplog.records
    assert f"{record.levelname} {record.getMessage()}".startswith(line.removesuffix("canary-cause"))
    assert "Bearer" not in record.getMessage()
    assert ("canary" in record.getMessage()) is line.endswith("canary-cause")


async def run_until(seconds, app):
    sent = []

    async def send(message):
        sent.append(message)

    await ending_with(seconds, app, {"type": "http", "method": "GET"}, None, send)
    return sent


START = {"type": "http.response.start", "status": 200, "headers": []}
MORE = {"type": "http.response.body", "body": b"x", "more_body": True}
END = {"type": "http.response.body", "body": b""}


async def test_a_listening_answer_ends_with_its_token():
    stopped = []

    async def listens(scope, receive, send):
        await send(START)
        await send(MORE)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    assert await run_until(0.01, listens) == [START, MORE, END]
    assert stopped == [True]


async def test_an_answer_in_time_is_left_alone():
    async def answers(scope, receive, send):
        await send(START)
        await send(END)

    assert await run_until(60, answers) == [START, END]


async def test_an_answer_that_ended_is_not_ended_again():
    async def lingers(scope, receive, send):
        await send(START)
        await send(END)
        await asyncio.Event().wait()

    assert await run_until(0.01, lingers) == [START, END]


async def test_a_fault_of_the_application_stays_its_own():
    async def fails(scope, receive, send):
        await send(START)
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await run_until(60, fails)


async def test_an_answer_that_never_began_is_503():
    async def silent(scope, receive, send):
        await asyncio.Event().wait()

    assert [message.get("status") for message in await run_until(0, silent)] == [503, None]


@pytest.mark.req("X-11")
@pytest.mark.parametrize(("method", "ends"), [("GET", True), ("POST", False)])
async def test_what_listens_is_bounded_by_the_token_and_a_call_is_not(method, ends):
    released = asyncio.Event()

    async def app(scope, receive, send):
        await send(START)
        await released.wait()
        await send(MORE | {"more_body": False})

    protected = ResourceServer(app, Verifier(expires_at=NOW), RESOURCE, now=lambda: NOW + 29.99)
    answering = asyncio.create_task(ask(protected, GOOD, method=method))
    if not ends:
        await asyncio.wait([answering], timeout=0.1)
        assert not answering.done()
        released.set()
    assert (await answering).body == (b"" if ends else b"x")
