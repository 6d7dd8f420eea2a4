"""Where the fetcher connects to: the name is checked, the address is pinned, TLS knows the name."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl

import httpx2
import pytest

from certificates import Authority
from grantd_server.keys.foreign.failures import FetchFailed
from grantd_server.keys.foreign.fetch import Fetcher, connector_by_system
from key_server import answer, key_server

PUBLIC = "93.184.216.34"


class Recorder(httpx2.AsyncBaseTransport):
    """A connector that sends no packet: it notes where a connection would have gone."""

    def __init__(self) -> None:
        self.seen: list[httpx2.Request] = []

    async def handle_async_request(self, request):
        self.seen.append(request)
        return httpx2.Response(200, stream=httpx2.ByteStream(b"{}"))


class ToLoopback(httpx2.AsyncBaseTransport):
    """A connector that takes the connection to a port of this machine instead."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.port, self.inner = port, connector_by_system(tls)

    async def handle_async_request(self, request):
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        return await self.inner.handle_async_request(request)


def resolver(*answers):
    """Answers in turn, the last one for ever; counts the questions."""
    questions = []

    async def resolve(host, port):
        questions.append((host, port))
        return answers[min(len(questions), len(answers)) - 1]

    return resolve, questions


async def cause(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        await fetcher.get(url)
    return str(caught.value)


async def test_a_closed_port_a_silent_resolver_and_an_unknown_name_are_failures():
    async with key_server() as server:
        gone = server.url()
    assert await cause(Fetcher(allow_loopback=True), gone) == "the connection failed (ConnectError)"

    async def silent(host, port):
        await asyncio.Event().wait()

    async def unknown(host, port):
        raise OSError("Name or service not known")

    assert await cause(Fetcher(resolve=silent, seconds=0.1), "https://a.example/") == "no complete answer within 0.1 s"
    assert await cause(Fetcher(resolve=unknown), "https://a.example/") == "the connection failed (OSError)"
    assert await cause(Fetcher(resolve=resolver([])[0]), "https://a.example/") == "the name has no address"


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "keys", "/keys", "file:///etc/passwd", "ftp://a.example/", "https:///keys", "https://", "http://a.example/",
        "https://user@a.example/", "https://user:pw@a.example/", "https://a.example/#f", "https://a\\b.example/",
        "https://a b.example/", "https://a.example\r\nX: y/", "https://a%2e.example/", "https://a.example/" + "x" * 2048,
        "https://a.example:99999/", "https://a.example:65536/", "https://a.example:0/", "HTTP://a.example/", "gopher://a.example/", "https://[::1/", "data:,{}",
    ],
)  # fmt: skip
async def test_an_address_that_is_no_plain_https_url_is_refused_unresolved(url):
    resolve, questions = resolver([PUBLIC])
    connector = Recorder()
    assert "address" in await cause(Fetcher(resolve=resolve, connector=connector), url)
    assert not questions
    assert not connector.seen


@pytest.mark.req("G-29")
@pytest.mark.hostile("K09")
@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], ["::1"], ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["0.0.0.0"], [PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], ["224.0.0.1"],
    ],
)  # fmt: skip
async def test_a_name_with_any_forbidden_address_is_not_connected_to(answers):
    connector = Recorder()
    why = await cause(Fetcher(resolve=resolver(answers)[0], connector=connector), "https://keys.example/")
    assert why.endswith("is not a public address")
    assert not connector.seen


@pytest.mark.hostile("K09")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
async def test_loopback_in_any_spelling_is_refused_by_the_system_resolver_too(host):
    async with key_server() as server:
        connector = Recorder()
        url = f"https://{host}:{server.port}/keys"
        assert await cause(Fetcher(connector=connector), url)
        assert not connector.seen
        assert server.connections == 0


@pytest.mark.req("G-29")
@pytest.mark.hostile("K10")
async def test_a_name_is_resolved_once_and_the_connection_goes_to_the_checked_address():
    resolve, questions = resolver([PUBLIC], ["127.0.0.1"])
    connector = Recorder()
    fetcher = Fetcher(resolve=resolve, connector=connector)
    await fetcher.get("https://keys.example:8443/a?b=c")
    (request,) = connector.seen
    assert str(request.url) == f"https://{PUBLIC}:8443/a?b=c"
    assert request.headers["host"] == "keys.example:8443"
    assert request.extensions["sni_hostname"] == "keys.example"
    assert questions == [("keys.example", 8443)]
    assert await cause(fetcher, "https://keys.example:8443/a?b=c") == "127.0.0.1 is not a public address"
    assert len(connector.seen) == 1


async def test_a_private_address_is_reached_only_inside_a_declared_network():
    own = [ipaddress.ip_network("10.1.0.0/16")]
    connector = Recorder()
    fetcher = Fetcher(resolve=resolver(["10.1.2.3"], ["10.2.0.1"])[0], connector=connector, own_networks=own)
    await fetcher.get("https://idp.corp.example/")
    assert connector.seen[0].url.host == "10.1.2.3"
    assert await cause(fetcher, "https://idp.corp.example/") == "10.2.0.1 is not a public address"


async def test_a_url_without_port_means_the_port_of_its_scheme():
    resolve, questions = resolver([PUBLIC], ["127.0.0.1"])
    fetcher = Fetcher(resolve=resolve, connector=Recorder(), allow_loopback=True)
    await fetcher.get("https://keys.example/")
    await fetcher.get("http://keys.example/")
    assert questions == [("keys.example", 443), ("keys.example", 80)]


async def test_plain_http_is_for_loopback_in_development_only():
    connector = Recorder()
    resolve, _ = resolver([PUBLIC])
    dev = Fetcher(resolve=resolve, connector=connector, allow_loopback=True)
    assert await cause(dev, "http://keys.example/") == "http is for loopback addresses only"
    assert await cause(Fetcher(connector=connector), "http://127.0.0.1/") == "the address is not https"
    assert await cause(dev, "ftp://127.0.0.1/") == "the address is not https"
    assert not connector.seen


async def test_the_next_address_is_tried_when_the_first_refuses_the_connection():
    async with key_server() as server:
        server.scripts["/keys"] = answer("{}")
        fetcher = Fetcher(allow_loopback=True, resolve=resolver(["127.0.0.2", "127.0.0.1"])[0])
        assert (await fetcher.get(server.url(host="keys.example"))).body == b"{}"
        assert f"Host: keys.example:{server.port}" in server.requests[0]


async def test_no_proxy_of_the_environment_is_used(monkeypatch):
    async with key_server() as proxy, key_server() as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        server.scripts["/keys"] = answer("{}")
        assert (await Fetcher(allow_loopback=True).get(server.url())).body == b"{}"
        assert proxy.connections == 0


@pytest.mark.req("G-29")
@pytest.mark.parametrize(
    ("names", "trusted", "ok"),
    [(("keys.example",), True, True), (("other.example",), True, False), (("keys.example",), False, False)],
)
async def test_the_certificate_is_checked_against_the_name_although_the_address_is_pinned(names, trusted, ok, tmp_path):
    authority = Authority()
    leaf = authority.leaf(dns=names)
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "leaf.pem")
    sni = []
    tls.sni_callback = lambda _socket, name, _context: sni.append(name)
    trust = ssl.create_default_context(cadata=(authority if trusted else Authority()).certificate.decode())
    async with key_server(tls) as server:
        server.scripts["/keys"] = answer("{}")
        fetcher = Fetcher(resolve=resolver([PUBLIC])[0], connector=ToLoopback(server.port, trust))
        if ok:
            assert (await fetcher.get("https://keys.example/keys")).body == b"{}"
            assert "Host: keys.example\r\n" in server.requests[0]
        else:
            assert (await cause(fetcher, "https://keys.example/keys")).startswith("the certificate is not trusted: ")
            assert not server.requests
        assert sni == ["keys.example"]


async def test_a_certificate_that_the_system_does_not_know_is_refused_also_on_loopback(tmp_path):
    leaf = Authority().leaf(ips=("127.0.0.1",))
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "leaf.pem")
    async with key_server(tls) as server:
        why = await cause(Fetcher(allow_loopback=True), server.url(scheme="https"))
        assert why.startswith("the certificate is not trusted: ")
        assert not server.requests
