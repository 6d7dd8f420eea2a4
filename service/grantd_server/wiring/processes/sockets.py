"""The addresses that several workers share: one HTTP socket for all of them, and a gRPC
port that nobody else has."""

from __future__ import annotations

import socket

from grantd_server.settings import SettingsError


def http_socket(listen: str) -> socket.socket:
    """Binds the socket that workers take HTTP connections from. It stays open when they
    end, so that connections that wait on it are taken by another worker. Raises SettingsError."""
    shared, address = _unbound(listen, "http.listen")
    return _bound(shared, address, "http.listen", listen)


def grpc_port(listen: str) -> socket.socket:
    """Holds the port on which each worker opens a listener of its own, and takes no
    connection itself: gRPC cannot be given a socket. Raises SettingsError.

    Bound alone first: SO_REUSEPORT would share the port with whatever process of this
    account has it, which would then get a part of all calls.
    """
    alone, address = _unbound(listen, "grpc.listen")
    with _bound(alone, address, "grpc.listen", listen):
        address = alone.getsockname()
    held, _ = _unbound(listen, "grpc.listen")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return _bound(held, address, "grpc.listen", listen)


def address_of(bound: socket.socket) -> str:
    """`host:port` as it is bound."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def with_port(listen: str, port: int) -> str:
    """An address to tell, with the port that it turned out to be."""
    return listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"


def _unbound(listen: str, setting: str) -> tuple[socket.socket, tuple[object, ...]]:
    host, _, port = listen.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise SettingsError([f"{setting}: {host} is no address of this machine."]) from None
    family, kind, _, _, address = found[0]
    unbound = socket.socket(family, kind)
    # A port is free although connections that ended on it are remembered for a minute.
    unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return unbound, address


def _bound(unbound: socket.socket, address: tuple[object, ...], setting: str, listen: str) -> socket.socket:
    try:
        unbound.bind(address)
    except OSError as fault:
        unbound.close()
        raise SettingsError([f"{setting}: cannot listen on {listen}."]) from fault
    return unbound
