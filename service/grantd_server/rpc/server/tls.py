"""Server certificates that are read again when their files change, without a restart.

A broken file never replaces a certificate that works: the old one is kept, and an
alarm says so.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Stamp = tuple[tuple[int, int, int], ...]


class TlsUnusable(Exception):
    """Certificate, key and client CA cannot be served. The text names the file, never its content."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate chain, private key and client CA bundle lie, all PEM."""

    certificate: Path
    key: Path
    client_ca: Path

    def stamp(self) -> Stamp:
        """What changes when a file does, also behind a symbolic link."""
        return tuple(
            (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            for stat in (path.stat() for path in (self.certificate, self.key, self.client_ca))
        )

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Reads and checks the three: grpc itself would serve what it cannot use.

        Raises:
            TlsUnusable: a file is missing or broken, or key and certificate differ.
        """
        chain, key, roots = (_content(path) for path in (self.certificate, self.key, self.client_ca))
        leaf = _certificates(self.certificate, chain)[0]
        _certificates(self.client_ca, roots)
        try:
            public = serialization.load_pem_private_key(key, None).public_key()
        except (ValueError, TypeError):
            raise TlsUnusable(f"{self.key} holds no usable private key") from None
        if public != leaf.public_key():
            raise TlsUnusable(f"{self.key} is not the key of {self.certificate}")
        return grpc.ssl_server_certificate_configuration([(key, chain)], roots)


class ReloadingCredentials:
    """Server credentials that demand a client certificate and follow their files.

    `alarm` gets one sentence for each unusable state of the files; it is called from a
    thread of grpc.
    """

    def __init__(self, files: TlsFiles, alarm: Callable[[str], None]) -> None:
        self._files = files
        self._alarm = alarm
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._first = files.read()

    def server_credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`."""
        fetch: Any = self._changed  # None for "unchanged" is allowed by grpc, but not in its stubs
        return grpc.dynamic_ssl_server_credentials(self._first, fetch, require_client_authentication=True)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by grpc at every handshake; None keeps what is served."""
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen:
                return None
            self._seen = stamp
        try:
            return self._files.read()
        except TlsUnusable as exc:
            self._alarm(str(exc))
            return None

    def _stamp(self) -> Stamp:
        try:
            return self._files.stamp()
        except OSError:
            return ()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise TlsUnusable(f"{path} cannot be read: {exc.strerror}") from None


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TlsUnusable(f"{path} holds no usable certificate") from None
