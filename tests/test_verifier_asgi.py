"""`ResourceServer`: what it publishes, how it refuses, what it lets through."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.errors import Unavailable
from grantd.resource_server.asgi import TOKEN, ResourceServer
from grantd.resource_server.authorization import MalformedAuthorization, read_authorization
from grantd.resource_server.challenge import challenge
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.verifiers.tokens import TokenRefused, VerifiedToken, with_implied

RESOURCE = ProtectedResource(
    resource="https://tickets.example/mcp",
    authorization_servers=("https://as.example/as",),
    scopes_supported=("tickets:read", "tickets:write"),
    resource_name="Tickets",
)
METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"


class Verifier:
    """Knows one token; `gone` cannot be told; everything else is refused."""

    def __init__(self, scopes: frozenset[str] = frozenset({"tickets:read"})) -> None:
        self.scopes = scopes
        self.asked: list[str] = []

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        self.asked.append(raw_token)
        if raw_token == "gone":
            raise Unavailable("UNAVAILABLE", description="canary-cause")
        if raw_token != "good":
            raise TokenRefused("signature")
        return VerifiedToken("https://as.example/as", "u", "c", self.scopes, RESOURCE.resource, 2_000_000_000, "j")


class Called:
    """An application that remembers the scope it was called with."""

    def __init__(self) -> None:
        self.scopes: list[dict] = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})


async def ask(app, *authorization: str, path="/mcp", method="POST", query=b"", kind="http"):
    """Sends one request; returns status, headers and body, or the websocket message."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"access_token=good", "more_body": False}

    headers = [(b"host", b"tickets.example"), *((b"Authorization", value.encode()) for value in authorization)]
    scope = {"type": kind, "method": method, "path": path, "query_string": query, "headers": headers}
    await app(scope, receive, send)
    if kind != "http":
        return sent
    names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, b"".join(message["body"] for message in sent[1:])


def protect(verifier=None, **settings):
    app = Called()
    return ResourceServer(app, verifier or Verifier(), RESOURCE, **settings), app


@pytest.mark.req("H-01", "H-02", "H-03", "H-04", "H-05", "H-06")
async def test_the_document_is_published_where_the_path_is_inserted():
    protected, app = protect()
    status, headers, body = await ask(protected, path="/.well-known/oauth-protected-resource/mcp", method="GET")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {
        "resource": "https://tickets.example/mcp",
        "authorization_servers": ["https://as.example/as"],
        "scopes_supported": ["tickets:read", "tickets:write"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Tickets",
    }
    assert headers["content-length"] == str(len(body))
    assert app.scopes == []


@pytest.mark.req("H-05")
async def test_members_without_a_value_are_left_out():
    bare = ProtectedResource("https://h", ("https://as",))
    assert json.loads(bare.document()).keys() == {"resource", "authorization_servers", "bearer_methods_supported"}


async def test_the_document_can_be_asked_for_by_head_and_get_only():
    protected, _ = protect()
    path = "/.well-known/oauth-protected-resource/mcp"
    status, headers, body = await ask(protected, path=path, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0
    status, headers, _ = await ask(protected, "Bearer good", path=path, method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://h/mcp", "https://h/.well-known/oauth-protected-resource/mcp"),
        ("https://h", "https://h/.well-known/oauth-protected-resource"),
        ("https://h/", "https://h/.well-known/oauth-protected-resource"),
        ("https://h:8443/a/b?x=1", "https://h:8443/.well-known/oauth-protected-resource/a/b?x=1"),
    ],
)
def test_the_metadata_url_is_derived_from_the_resource(resource, url):
    assert ProtectedResource(resource, ("https://as",)).metadata_url == url


@pytest.mark.parametrize(
    ("resource", "servers", "scopes"),
    [
        ("https://Tickets.example/mcp", ("https://as",), ()),
        ("HTTPS://tickets.example/mcp", ("https://as",), ()),
        ("https://h/mcp#x", ("https://as",), ()),
        ("/mcp", ("https://as",), ()),
        ("https:///mcp", ("https://as",), ()),
        ("https://h:443/mcp", ("https://as",), ()),
        ("ftp://h/mcp", ("https://as",), ()),
        ("https://h/mcp", (), ()),
        ("https://h/mcp", ("https://as",), ("offline_access",)),
    ],
)
def test_a_resource_that_cannot_be_published_is_refused(resource, servers, scopes):
    with pytest.raises(ValueError, match=r"resource|required|lower case"):
        ProtectedResource(resource, servers, scopes)


@pytest.mark.req("H-07")
@pytest.mark.parametrize("authorization", [(), ("Basic dXNlcjpwdw==",), ("DPoP good",)], ids=["none", "basic", "dpop"])
async def test_without_a_bearer_token_the_challenge_has_no_error(authorization):
    protected, app = protect(required=("tickets:read",))
    status, headers, body = await ask(protected, *authorization)
    assert status == 401
    assert headers["www-authenticate"] == f'Bearer scope="tickets:read", resource_metadata="{METADATA}"'
    assert b"error" not in body
    assert app.scopes == []


@pytest.mark.req("H-08")
async def test_a_refused_token_is_invalid_token_and_no_more():
    protected, app = protect(required=("tickets:read",))
    status, headers, body = await ask(protected, "Bearer stolen")
    assert status == 401
    assert headers["www-authenticate"] == f'Bearer error="invalid_token", resource_metadata="{METADATA}"'
    assert json.loads(body) == {"error": "invalid_token"}
    assert app.scopes == []


@pytest.mark.req("H-09")
async def test_too_small_a_scope_is_told_with_all_that_is_needed_at_once():
    protected, app = protect(required=lambda scope: ("tickets:read", "tickets:write", "tickets:write"))
    status, headers, _ = await ask(protected, "Bearer good")
    assert status == 403
    assert headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="tickets:read tickets:write", resource_metadata="{METADATA}"'
    )
    assert app.scopes == []


async def test_what_is_required_may_depend_on_the_request():
    protected, app = protect(required=lambda scope: ("tickets:write",) if scope["path"] == "/write" else ())
    assert (await ask(protected, "Bearer good", path="/mcp"))[0] == 204
    assert (await ask(protected, "Bearer good", path="/write"))[0] == 403
    assert len(app.scopes) == 1


@pytest.mark.req("H-10")
async def test_a_broader_scope_contains_narrower_ones_however_far():
    implied = {"admin": frozenset({"tickets:write"}), "tickets:write": frozenset({"tickets:read"})}
    protected, app = protect(Verifier(frozenset({"admin"})), required=("tickets:read",), implied=implied)
    assert (await ask(protected, "Bearer good"))[0] == 204
    assert app.scopes[0][TOKEN].scopes == {"admin"}
    assert with_implied(frozenset({"a"}), {"a": frozenset({"b"}), "b": frozenset({"a"})}) == {"a", "b"}


@pytest.mark.req("H-11")
@pytest.mark.parametrize(
    "authorization",
    [
        ("Bearer good", "Bearer good"),
        ("Bearer good", "Basic x"),
        ("Bearer",),
        ("Bearer ",),
        ("Bearer good good",),
        ("Bearer good,Bearer good",),
        ('Bearer "good"',),
        ("bearer =",),
        ("Bearer goöd",),
    ],
)
async def test_credentials_that_cannot_be_read_are_invalid_request(authorization):
    verifier = Verifier()
    protected, app = protect(verifier)
    status, headers, _ = await ask(protected, *authorization)
    assert status == 400
    assert headers["www-authenticate"] == f'Bearer error="invalid_request", resource_metadata="{METADATA}"'
    assert (verifier.asked, app.scopes) == ([], [])


@pytest.mark.req("H-12")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_is_read_without_regard_to_case(scheme):
    protected, _ = protect()
    assert (await ask(protected, f"{scheme} good"))[0] == 204


@pytest.mark.req("H-12")
async def test_a_token_in_the_query_or_the_body_is_ignored():
    verifier = Verifier()
    protected, _ = protect(verifier)
    status, headers, _ = await ask(protected, query=b"access_token=good")
    assert status == 401
    assert "error" not in headers["www-authenticate"]
    assert verifier.asked == []


@pytest.mark.req("H-12")
async def test_each_request_is_checked_whatever_came_before():
    verifier = Verifier()
    protected, _ = protect(verifier)
    for _turn in range(3):
        await ask(protected, "Bearer good")
    assert len(verifier.asked) == 3
    assert (await ask(protected))[0] == 401


@pytest.mark.req("H-16")
async def test_the_application_gets_the_verified_token_and_not_the_raw_one():
    protected, app = protect()
    await ask(protected, "Bearer good")
    seen = app.scopes[0]
    assert seen[TOKEN].subject == "u"
    assert [name for name, _ in seen["headers"]] == [b"host"]
    assert "good" not in repr(seen)


async def test_no_answer_is_503_without_a_challenge():
    protected, app = protect()
    status, headers, body = await ask(protected, "Bearer gone")
    assert status == 503
    assert "www-authenticate" not in headers
    assert b"canary" not in body
    assert app.scopes == []


async def test_a_websocket_is_checked_too():
    protected, app = protect()
    assert await ask(protected, kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    await ask(protected, "Bearer good", kind="websocket")
    assert app.scopes[0][TOKEN].subject == "u"


async def test_what_is_no_request_is_passed_on():
    protected, app = protect()
    await ask(protected, kind="lifespan")
    assert app.scopes[0]["type"] == "lifespan"


@pytest.mark.req("H-15")
def test_values_are_escaped_and_attributes_stand_once():
    assert challenge("Bearer", error_description='a "b" \\ c', scope=None) == r'Bearer error_description="a \"b\" \\ c"'
    assert challenge("Bearer") == "Bearer"


@pytest.mark.req("H-15")
def test_a_line_break_cannot_begin_a_header_of_its_own():
    with pytest.raises(ValueError, match="error_description cannot stand in a challenge"):
        challenge("Bearer", error_description="a\r\nSet-Cookie: b")


@pytest.mark.req("H-15")
@pytest.mark.parametrize("name", ["a b", "a=b", "", "Scope", 'a"', "\u00e4"])
def test_a_name_that_is_no_attribute_is_refused(name):
    with pytest.raises(ValueError, match="cannot stand in a challenge"):
        challenge("Bearer", **{name: "x"})


@pytest.mark.req("H-15")
@given(st.text(max_size=60))
def test_any_value_is_escaped_reversibly_or_refused(value):
    try:
        written = challenge("Bearer", realm=value)
    except ValueError:
        assert re.search(r"[^\x20-\x7e]", value)
        return
    assert not re.search(r"[^\x20-\x7e]", written)
    quoted = re.fullmatch(r'Bearer realm="((?:[^"\\]|\\.)*)"', written)
    assert quoted is not None
    assert re.sub(r"\\(.)", r"\1", quoted[1]) == value


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"x"]), st.binary(max_size=40)), max_size=3))
def test_any_headers_give_a_token_or_none_or_the_one_fault(headers):
    try:
        presented = read_authorization(headers)
    except MalformedAuthorization:
        return
    assert presented is None or re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", presented.raw_token)
