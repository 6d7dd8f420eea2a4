"""Where the service is and how it is reached: mutual TLS, or loopback in development."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import grpc
import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "GRANTD_CLIENT_"
_NAMES = frozenset({"TARGET", "CA", "CERTIFICATE", "KEY", "SERVER_NAME"})
_OPTIONS: tuple[tuple[str, str | int], ...] = (
    # A proxy from the environment would be handed the tokens of every call.
    ("grpc.enable_http_proxy", 0),
    # The service closes connections by age; a new one must not wait for minutes.
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A stream may be silent for long: without these a dead connection would be, too. The
    # service permits a ping every 10 s, and none without a call.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 256 * 1024),
)
_AUTHORITY = re.compile(r"(?:(?:dns|ipv4|ipv6):(?:///)?)?(?P<host>\[[0-9a-fA-F:]+\]|[^/:\[\]]+):(?P<port>[0-9]{1,5})")


class ConfigurationError(ValueError):
    """The address or the credentials of the service cannot be used as given."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A gRPC target with the credentials to reach it; opens channels of both kinds."""

    target: str
    credentials: grpc.ChannelCredentials | None = field(repr=False)
    server_name: str | None = None

    @classmethod
    def mtls(
        cls,
        target: str,
        *,
        ca: str | os.PathLike[str],
        certificate: str | os.PathLike[str],
        key: str | os.PathLike[str],
        server_name: str | None = None,
    ) -> Self:
        """Mutual TLS from three PEM files. `server_name` is the name in the service's
        certificate, where that is not the host of `target`.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        try:
            ca_pem, certificate_pem, key_pem = (Path(path).read_bytes() for path in (ca, certificate, key))
        except OSError as fault:
            raise ConfigurationError(f"cannot read {fault.filename}: {fault.strerror}") from fault
        return cls(target, grpc.ssl_channel_credentials(ca_pem, key_pem, certificate_pem), server_name)

    @classmethod
    def loopback(cls, target: str) -> Self:
        """No TLS, for development: only a loopback address or a Unix socket.

        Raises:
            ConfigurationError: the target may lead off this machine.
        """
        if not is_loopback(target):
            raise ConfigurationError(f"{target!r} is not on this machine: use mtls")
        return cls(target, None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """`GRANTD_CLIENT_TARGET` with `_CA`, `_CERTIFICATE` and `_KEY` (PEM files) and
        `_SERVER_NAME`; without the three files only loopback.

        Raises:
            ConfigurationError: a name is unknown, or something is missing.
        """
        environ = os.environ if environ is None else environ
        given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
        unknown = sorted(given.keys() - _NAMES)
        if unknown:
            raise ConfigurationError(f"unknown variable {PREFIX}{unknown[0]}")
        if "TARGET" not in given:
            raise ConfigurationError(f"{PREFIX}TARGET is not set")
        if given.keys() == {"TARGET"}:
            return cls.loopback(given["TARGET"])
        missing = sorted({"CA", "CERTIFICATE", "KEY"} - given.keys())
        if missing:
            raise ConfigurationError(f"{PREFIX}{missing[0]} is not set")
        return cls.mtls(
            given["TARGET"],
            ca=given["CA"],
            certificate=given["CERTIFICATE"],
            key=given["KEY"],
            server_name=given.get("SERVER_NAME"),
        )

    def open(self) -> grpc.Channel:
        """A blocking channel."""
        if self.credentials is None:
            return grpc.insecure_channel(self.target, options=self._options())
        return grpc.secure_channel(self.target, self.credentials, options=self._options())

    def open_aio(self) -> grpc.aio.Channel:
        """A channel for the running event loop."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, options=self._options())
        return grpc.aio.secure_channel(self.target, self.credentials, options=self._options())

    def _options(self) -> tuple[tuple[str, str | int], ...]:
        if self.server_name is None:
            return _OPTIONS
        return (*_OPTIONS, ("grpc.ssl_target_name_override", self.server_name))


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel that is there already, of an application that adds interceptors or
    credentials of its own. It is of the kind that its client wants, and closed with it."""

    channel: Any = field(repr=False)

    def open(self) -> Any:
        """The channel, of threads."""
        return self.channel

    def open_aio(self) -> Any:
        """The channel, of an event loop."""
        return self.channel


def is_loopback(target: str) -> bool:
    """True for `unix:…`, `unix-abstract:…`, `localhost:PORT` and loopback addresses."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    parts = _AUTHORITY.fullmatch(target)
    if parts is None:
        return False
    host = parts["host"].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
