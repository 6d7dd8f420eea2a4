"""Parties that answer with malice: every answer is bounded, a finding, and never a traceback."""

from __future__ import annotations

import gzip
import json
import ssl
import time

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import Authority
from doctor_pages import CLIENT_DOCUMENT, NAMES, Page
from doctor_world import world
from grantd_server.doctor import report
from grantd_server.doctor.examine import examine
from grantd_server.doctor.findings import Severity
from grantd_server.doctor.reading.challenges import Malformed, read_challenges
from grantd_server.doctor.setup import Setup
from grantd_server.keys.foreign.failures import FetchFailed, Untrusted, connection_failed
from grantd_server.keys.foreign.fetch import Fetcher, connector_by_system
from key_server import key_server
from tokens import UNHURRIED

PAGES = [
    "idp.metadata",
    "idp.jwks",
    "issuer.metadata",
    "server.jwks",
    "resource.metadata",
    "server.token",
    "resource.called",
]


async def trickle(writer, over):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n ")
    await writer.drain()
    await over.wait()


async def flood(writer, over):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1600):
        writer.write(b"x" * 65536)
        await writer.drain()


async def silence(writer, over):
    await over.wait()


async def half_a_head(writer, over):
    writer.write(b"HTTP/1.1 200 O")
    await writer.drain()


async def long_head(writer, over):
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n")
    await writer.drain()


def plain(body, **headers):
    return Page(body=body if isinstance(body, bytes) else body.encode(), headers=headers)


ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\u2028\r\n"
DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "a trickle": Page(script=trickle),
    "100 MB": Page(script=flood),
    "silence": Page(script=silence),
    "half a head": Page(script=half_a_head),
    "a head of 1 MB": Page(script=long_head),
    "a redirect to itself": Page({}, 302, {"Location": NAMES["server"]}),
    "a redirect with escapes": Page({}, 302, {"Location": "https://x/\x1b[2J"}),
    "HTML": plain("<html>", **{"Content-Type": "text/html"}),
    "nothing": plain(""),
    "a gzip bomb": plain(gzip.compress(b" " * 5_000_000), **{"Content-Encoding": "gzip"}),
    "deep JSON": plain(f'{{"keys": {DEEP}}}'),
    "deep objects": plain('{"a":' * 50_000),
    "a list": plain("[]"),
    "half of JSON": plain('{"issuer": "'),
    "no UTF-8": plain(b'{"issuer": "\xff"}'),
    "a repeated member": plain('{"issuer": "a", "issuer": "b"}'),
    "NaN": plain('{"issuer": NaN}'),
    "a long number": plain('{"issuer": %s}' % ("9" * 5000)),
    "a lone surrogate": plain('{"issuer": "\\ud800"}'),
    "escapes": plain(json.dumps({"issuer": ESCAPES, "keys": [{"kid": ESCAPES, "kty": ESCAPES}], "error": ESCAPES,
                                 "resource": ESCAPES, "authorization_servers": [ESCAPES], "jwks_uri": ESCAPES,
                                 "token_endpoint": ESCAPES, "grant_types_supported": [ESCAPES]})),
    "other kinds": plain(json.dumps({"issuer": [], "keys": [[], 1, None, {"kty": []}, {"kid": {}, "kty": "RSA", "n": 1}],
                                     "jwks_uri": {}, "token_endpoint": 5, "grant_types_supported": {"a": 1},
                                     "resource": {}, "authorization_servers": "x", "scopes_supported": 1,
                                     "bearer_methods_supported": [None], "error": []})),
    "addresses that are none": plain(json.dumps({"issuer": "https://[", "jwks_uri": "https://[::1", "token_endpoint": "http://[x]/",
                                                 "resource": "https://[", "authorization_servers": ["https://[", "https://a:b:c"]})),
    "addresses of this machine": plain(json.dumps({"issuer": "file:///etc/passwd", "jwks_uri": "http://169.254.169.254/latest",
                                                   "token_endpoint": "https://127.0.0.1:1/x"})),
    "many keys": plain(json.dumps({"keys": [{"kty": "EC", "kid": str(n)} for n in range(5000)]})),
    "a challenge with escapes": Page({}, 401, {"WWW-Authenticate": 'Bearer resource_metadata="https://[", x="\x1b[2J'}),
}  # fmt: skip
SECONDS = {"a trickle": 0.5, "silence": 0.5}
"""For those that never end; the others have the time that a busy machine needs."""
PATIENCE = 4.0
"""The same, where the honest parties beside them must answer in that time, too."""


@pytest.mark.hostile("K04", "L04")
@pytest.mark.parametrize("kind", HOSTILE)
async def test_whatever_a_party_answers_is_a_finding_and_printable(kind):
    async with world() as here:
        for name in PAGES:
            here.pages[name] = HOSTILE[kind]
        found = await here.examined(seconds=SECONDS.get(kind, 30))
    assert found.count(Severity.ERROR)
    told = report.text(found) + json.dumps(report.document(found))
    assert all(" " <= char <= "~" or char == "\n" for char in told)
    assert all(len(finding.evidence) < 2000 for finding in found.findings)


@pytest.mark.hostile("K04")
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("a trickle", "document.slow"),
        ("100 MB", "document.too-large"),
        ("silence", "document.slow"),
        ("half a head", "document.unreachable"),
        ("a redirect to itself", "document.redirect"),
        ("HTML", "document.not-json"),
        ("a gzip bomb", "document.compressed"),
        ("deep JSON", "document.not-json"),
        ("a repeated member", "document.not-json"),
    ],
)
async def test_each_kind_of_malice_has_its_finding(kind, code):
    async with world() as here:
        here.pages["issuer.jwks"] = HOSTILE[kind]
        found = await here.examined(seconds=PATIENCE if kind in SECONDS else 30)
    errors = {finding.code for finding in found.findings if finding.severity is Severity.ERROR}
    assert errors == {code}


@pytest.mark.parametrize(
    "named", ["https://[", "http://169.254.169.254/x", "file:///etc/passwd", "x" * 9000, "https://a b/", ""]
)
async def test_an_authorization_server_that_the_mcp_server_names_is_followed_with_the_same_care(named):
    async with world({"asked": {"authorization_server": ""}}) as here:
        here.setup = {name: value for name, value in here.setup.items() if value}
        for form in ("resource.metadata", "resource.root"):
            here.pages[form].json["authorization_servers"] = [named]
        found = await here.examined()
    assert found.count(Severity.ERROR) or not named
    assert not any(asked.startswith("server.") for asked in here.asked)


async def test_a_redirect_is_never_followed():
    async with world() as here:
        here.pages["issuer.jwks"] = Page({}, 302, {"Location": CLIENT_DOCUMENT})
        await here.examined()
    assert "client.document" not in here.asked


async def test_nothing_is_sent_but_public_questions():
    async with world() as here:
        await here.examined()
    sent = b"".join(here.requests)
    assert sent.count(b"\r\nauthorization: ") + sent.count(b"\r\nAuthorization: ") == 1
    assert b"Bearer grantd-doctor-is-no-token" in sent
    assert not any(name in sent.lower() for name in (b"cookie:", b"client_secret", b"assertion=", b"subject_token="))
    methods = {request.split(b" ", 1)[0] for request in here.requests}
    assert methods == {b"GET", b"POST"}


@UNHURRIED
@given(st.text(max_size=200))
def test_any_challenge_is_read_or_malformed(header):
    try:
        found = read_challenges([header])
    except Malformed:
        return
    assert all(each.scheme and each.scheme == each.scheme.lower() for each in found)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="a, b", resource_metadata="https://x/\\"y"', [("bearer", {"realm": "a, b", "resource_metadata": 'https://x/"y'})]),
        ('DPoP algs="ES256 RS256", Bearer error=invalid_token', [("dpop", {"algs": "ES256 RS256"}), ("bearer", {"error": "invalid_token"})]),
        ("Basic , Bearer", [("basic", {}), ("bearer", {})]),
        ('bearer REALM = "x"', [("bearer", {"realm": "x"})]),
        ("", []),
    ],
)  # fmt: skip
def test_challenges_are_read_as_the_grammar_has_them(header, found):
    assert [(each.scheme, each.attributes) for each in read_challenges([header])] == found


@pytest.mark.parametrize(
    "header", ['Bearer a="', 'Bearer a="x" b="y"', 'a="x"', 'Bearer a="x", a="y"', "Bearer \x00", "B" * 9000]
)
def test_a_challenge_that_no_client_can_read_is_malformed(header):
    with pytest.raises(Malformed):
        read_challenges([header])


@pytest.mark.parametrize(("keys", "many"), [(64, False), (65, True)])
async def test_a_set_with_more_keys_than_verifiers_read_is_told(keys, many):
    async with world() as here:
        one = here.pages["issuer.jwks"].json["keys"][0]
        more = [{**one, "kid": f"k{number}", "use": "enc", "alg": "ECDH-ES"} for number in range(keys - 1)]
        here.pages["issuer.jwks"].json = {"keys": [one, *more]}
        found = await here.examined()
    assert ("keys.many" in {finding.code for finding in found.findings}) is many
    assert found.healthy


async def test_a_party_with_an_untrusted_certificate_is_told(tmp_path):
    leaf = Authority().leaf(ips=("127.0.0.1",))
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "leaf.pem")
    async with key_server(tls) as server:
        where = server.url("", scheme="https")
        found = await examine(Setup(grant_issuer=where), Fetcher(allow_loopback=True), time.time)
    told = {finding.code: finding.evidence for finding in found.findings}
    assert told["document.tls"].startswith("the certificate is not trusted: ")
    assert "metadata.missing" in told


@pytest.mark.parametrize(("days", "told"), [(1, True), (6, True), (8, False), (30, False)])
async def test_a_certificate_that_ends_within_a_week_is_told_once_for_a_host(tmp_path, days, told):
    authority = Authority()
    leaf = authority.leaf(ips=("127.0.0.1",), days=days)
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "leaf.pem")
    trusted = connector_by_system(ssl.create_default_context(cafile=str(tmp_path / "ca.pem")))
    async with key_server(tls) as server:
        where = server.url("", scheme="https")
        found = await examine(Setup(grant_issuer=where), Fetcher(allow_loopback=True, connector=trusted), time.time)
    ends = [finding for finding in found.findings if finding.code == "tls.ends"]
    assert [finding.evidence.partition(" in ")[2] for finding in ends] == ([f"{24 * days} hours"] if told else [])


def test_a_failure_of_tls_below_the_library_is_told_as_one():
    outer = httpx2.ConnectError("canary")
    outer.__cause__ = ssl.SSLError("canary")
    assert isinstance(connection_failed(outer), Untrusted)
    assert "canary" not in str(connection_failed(outer))
    assert type(connection_failed(httpx2.ReadError("canary"))) is FetchFailed
