"""How the service is reached: loopback without TLS, everything else with."""

from __future__ import annotations

import grpc
import pytest

from certificates import Authority, write_tls_files
from grantd.client import AsyncClient, Client
from grantd.client.channel import ConfigurationError, Endpoint, is_loopback
from grantd.client.credentials import ClientSecret
from grantd.errors import Unavailable
from grantd_rpc_ import GRANT, scripted

EXCHANGE = {
    "issuer": "https://grants.example",
    "credentials": ClientSecret("c", "s"),
    "subject_token": "t",
    "audience": "https://as.example",
}


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "127.8.9.10:1",
        "localhost:50051",
        "[::1]:50051",
        "dns:localhost:50051",
        "dns:///localhost:50051",
        "ipv4:127.0.0.1:50051",
        "unix:/run/grantd.sock",
        "unix:///run/grantd.sock",
        "unix-abstract:grantd",
    ],
)
def test_a_target_on_this_machine_needs_no_tls(target):
    assert is_loopback(target)
    assert Endpoint.loopback(target).credentials is None


@pytest.mark.parametrize(
    "target",
    [
        "grantd.corp:50051",
        "10.0.0.1:50051",
        "0.0.0.0:50051",
        "[::]:50051",
        "[2001:db8::1]:50051",
        "127.0.0.1.evil.example:50051",
        "localhost.evil.example:50051",
        "dns://resolver.evil.example/localhost:50051",
        "ipv4:127.0.0.1:1,10.0.0.1:2",
        "xds:///localhost:50051",
        "localhost",
        "",
    ],
)
def test_a_target_that_may_lead_off_this_machine_is_refused_without_tls(target):
    assert not is_loopback(target)
    with pytest.raises(ConfigurationError, match="use mtls"):
        Client.loopback(target)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def credentials(authority):
    leaf = authority.leaf(dns=("grantd.corp",))
    return grpc.ssl_server_credentials(
        [(leaf.key, leaf.certificate)], root_certificates=authority.certificate, require_client_auth=True
    )


async def test_mutual_tls_shows_our_certificate_and_checks_theirs(authority, credentials, tmp_path):
    certificate, key, ca = write_tls_files(tmp_path, authority, authority.leaf(uris=("spiffe://corp/assistant",)))
    async with (
        scripted(GRANT, credentials=credentials) as (target, _),
        AsyncClient.mtls(target, ca=ca, certificate=certificate, key=key, server_name="grantd.corp") as client,
    ):
        grant = await client.exchange_identity(**EXCHANGE)
    assert grant.expires_in == 300


@pytest.mark.parametrize("wrong", ["server_name", "ca"])
async def test_a_server_that_is_not_the_one_we_mean_gets_no_call(authority, credentials, tmp_path, wrong):
    certificate, key, ca = write_tls_files(tmp_path, authority, authority.leaf(uris=("spiffe://corp/assistant",)))
    if wrong == "ca":
        ca.write_bytes(Authority("somebody else").certificate)
    name = "other.corp" if wrong == "server_name" else "grantd.corp"
    endpoint = Endpoint.mtls("placeholder", ca=ca, certificate=certificate, key=key, server_name=name)
    async with scripted(GRANT, credentials=credentials) as (target, script):
        endpoint = Endpoint(target, endpoint.credentials, endpoint.server_name)
        async with AsyncClient(endpoint, deadline=1) as client:
            with pytest.raises(Unavailable):
                await client.exchange_identity(**EXCHANGE)
    assert script.seen == []


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "here.pem").write_text("x")
    with pytest.raises(ConfigurationError, match=r"cannot read .*gone\.pem"):
        Endpoint.mtls("h:1", ca=tmp_path / "here.pem", certificate=tmp_path / "gone.pem", key=tmp_path / "here.pem")


def test_the_environment_gives_a_loopback_endpoint():
    endpoint = Endpoint.from_env({"GRANTD_CLIENT_TARGET": "127.0.0.1:1", "OTHER": "x"})
    assert (endpoint.target, endpoint.credentials) == ("127.0.0.1:1", None)


def test_the_environment_gives_an_mtls_endpoint(authority, tmp_path):
    certificate, key, ca = write_tls_files(tmp_path, authority, authority.leaf(dns=("me",)))
    endpoint = Endpoint.from_env(
        {
            "GRANTD_CLIENT_TARGET": "grantd.corp:1",
            "GRANTD_CLIENT_CA": str(ca),
            "GRANTD_CLIENT_CERTIFICATE": str(certificate),
            "GRANTD_CLIENT_KEY": str(key),
            "GRANTD_CLIENT_SERVER_NAME": "grantd",
        }
    )
    assert endpoint.credentials is not None
    assert endpoint.server_name == "grantd"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "GRANTD_CLIENT_TARGET is not set"),
        ({"GRANTD_CLIENT_TARGET": "grantd.corp:1"}, "use mtls"),
        ({"GRANTD_CLIENT_TARGET": "h:1", "GRANTD_CLIENT_CA": "a"}, "GRANTD_CLIENT_CERTIFICATE is not set"),
        (
            {"GRANTD_CLIENT_TARGET": "h:1", "GRANTD_CLIENT_CA": "a", "GRANTD_CLIENT_CERTIFICATE": "b"},
            "GRANTD_CLIENT_KEY is not set",
        ),
        ({"GRANTD_CLIENT_TARGET": "127.0.0.1:1", "GRANTD_CLIENT_CERT": "a"}, "unknown variable GRANTD_CLIENT_CERT"),
    ],
)
def test_an_unusable_environment_is_told_in_a_sentence(environ, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        Endpoint.from_env(environ)


async def test_a_proxy_in_the_environment_is_not_asked(monkeypatch):
    for name in ("http_proxy", "grpc_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(GRANT) as (target, script), AsyncClient.loopback(target) as client:
        await client.exchange_identity(**EXCHANGE)
    assert len(script.seen) == 1
