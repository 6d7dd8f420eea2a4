"""Certificates of both sides: who gets a connection, and what a reload may never break."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import grpc
import pytest

from certificates import Authority, write_tls_files
from grantd_server.model.caller import Role
from grantd_server.rpc.server.tls import ReloadingCredentials, TlsFiles, TlsUnusable
from rpc_toy import REDEEM, REQUEST, SERVER_NAMES, Toy, authority, channel, connect, see

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.rpc.server import RpcServer

SHIM_URI = ("spiffe://corp.example/shim",)


def files_in(directory: Path) -> TlsFiles:
    return TlsFiles(*write_tls_files(directory, authority(), authority().leaf(**SERVER_NAMES)))


async def handshake(server: RpcServer, role: Role = Role.SHIM) -> grpc.StatusCode:
    """One call on a connection of its own."""
    async with channel(server, role) as network:
        return (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code


def served_certificate(server: RpcServer) -> bytes:
    """The certificate that a new handshake gets, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", server.ports[0])).encode()


STRANGERS = {
    "no certificate": lambda: None,
    "of another authority": lambda: Authority().leaf(uris=SHIM_URI),
    "of another authority by the same name": lambda: Authority("test authority").leaf(uris=SHIM_URI),
    "expired": lambda: authority().leaf(uris=SHIM_URI, expired=True),
}


@pytest.mark.hostile("G05")
@pytest.mark.parametrize("name", STRANGERS)
async def test_a_certificate_that_proves_nothing_gets_no_connection(tmp_path: Path, name: str) -> None:
    toy = Toy()
    async with toy.served(tmp_path) as server:
        async with connect(server, STRANGERS[name]()) as network:
            seen = await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))
        assert seen.code is grpc.StatusCode.UNAVAILABLE
        assert await handshake(server) is grpc.StatusCode.OK
    assert len(toy.show.finished) == 1


async def test_a_plaintext_peer_gets_nothing_from_a_tls_listener(tmp_path: Path) -> None:
    async with (
        Toy().served(tmp_path) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.ports[0]}") as network,
    ):
        seen = await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))
    assert seen.code is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_is_served_from_the_next_handshake_on(tmp_path: Path) -> None:
    alarms: list[str] = []
    async with Toy().served(tmp_path, alarm=alarms.append) as server, channel(server) as before:
        assert (await see(before.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK
        renewed = authority().leaf(**SERVER_NAMES)
        write_tls_files(tmp_path, authority(), renewed)
        assert await handshake(server) is grpc.StatusCode.OK
        assert served_certificate(server) == renewed.certificate
        assert (await see(before.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK
    assert alarms == []


async def test_a_new_client_authority_counts_from_the_next_handshake_on(tmp_path: Path) -> None:
    other = Authority("next authority")
    async with Toy().served(tmp_path) as server:
        assert await handshake(server) is grpc.StatusCode.OK
        (tmp_path / "ca.crt").write_bytes(other.certificate)
        assert await handshake(server) is grpc.StatusCode.UNAVAILABLE
        leaf = other.leaf(uris=SHIM_URI)
        credentials = grpc.ssl_channel_credentials(authority().certificate, leaf.key, leaf.certificate)
        async with grpc.aio.secure_channel(f"127.0.0.1:{server.ports[0]}", credentials) as network:
            assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK


def other_key() -> bytes:
    return authority().leaf(**SERVER_NAMES).key


BROKEN = {
    "certificate cut short": ("tls.crt", lambda content: content[:200], "no usable certificate"),
    "certificate empty": ("tls.crt", lambda content: b"", "no usable certificate"),
    "certificate gone": ("tls.crt", lambda content: None, "cannot be read"),
    "key cut short": ("tls.key", lambda content: content[:60], "no usable private key"),
    "key of another certificate": ("tls.key", lambda content: other_key(), "is not the key of"),
    "client authority in DER": ("ca.crt", lambda content: b"\x30\x82", "no usable certificate"),
}


@pytest.mark.hostile("G21")
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_file_keeps_what_is_served_and_raises_one_alarm(tmp_path: Path, name: str) -> None:
    file, spoil, sentence = BROKEN[name]
    alarms: list[str] = []
    async with Toy().served(tmp_path, alarm=alarms.append) as server:
        path = tmp_path / file
        content = path.read_bytes()
        before = served_certificate(server)
        spoilt = spoil(content)
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
        assert await handshake(server) is grpc.StatusCode.OK
        assert await handshake(server) is grpc.StatusCode.OK
        assert served_certificate(server) == before
        assert len(alarms) == 1
        assert str(path) in alarms[0]
        assert sentence in alarms[0]
        path.write_bytes(content)
        assert await handshake(server) is grpc.StatusCode.OK
    assert len(alarms) == 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_stops_the_start(tmp_path: Path, name: str) -> None:
    files = files_in(tmp_path)
    file, spoil, sentence = BROKEN[name]
    path = tmp_path / file
    spoilt = spoil(path.read_bytes())
    path.unlink() if spoilt is None else path.write_bytes(spoilt)
    with pytest.raises(TlsUnusable, match=sentence) as raised:
        ReloadingCredentials(files, print)
    assert "PRIVATE KEY" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_key_with_a_passphrase_stops_the_start(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.key.write_bytes(authority().leaf(passphrase=b"x", **SERVER_NAMES).key)
    with pytest.raises(TlsUnusable, match="no usable private key"):
        ReloadingCredentials(files, print)
