"""The address of a PostgreSQL: which servers it names, and whether others on the way can listen.

Knows no driver: settings read it, too. No sentence of it repeats the address, which
may hold a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

POSTGRESQL: Final = "postgresql://"
_PORT: Final = 5432
_KNOWN: Final = frozenset({"host", "passfile", "sslcert", "sslkey", "sslmode", "sslrootcert"})


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """What an address says."""

    servers: tuple[tuple[str, int], ...]
    """Host (or folder of a Unix socket) and port of each; one of them is the primary."""
    sslmode: str

    @property
    def exposed(self) -> list[str]:
        """The hosts beyond this machine that would be spoken to without knowing who they
        are: anything less than `verify-full` believes whoever answers."""
        if self.sslmode == "verify-full":
            return []
        return [host for host, _ in self.servers if not _is_here(host)]


def read_url(url: str) -> PostgresUrl:
    """Reads an address. ValueError says what is wrong with it, in one clause."""
    if not url.startswith(POSTGRESQL):
        raise ValueError("is not postgresql://user@host/database")
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("is no address") from None
    options = dict(given)
    if len(options) < len(given):
        raise ValueError("names a parameter twice")
    if unknown := sorted(options.keys() - _KNOWN):
        raise ValueError(f"has parameters that are not known: {', '.join(unknown)}")
    if not parts.path.strip("/"):
        raise ValueError("names no database")
    hosts = parts.netloc.rpartition("@")[2]
    if "host" in options:
        if hosts or not options["host"].startswith("/"):
            raise ValueError("has a host= that is no folder of a Unix socket, or a second host")
        hosts = ""
    servers = tuple(_server(each) for each in hosts.split(",")) if hosts else ()
    if not servers:
        folder = options.get("host")
        if folder is None:
            raise ValueError("names no host")
        servers = ((folder, _PORT),)
    return PostgresUrl(servers, options.get("sslmode", ""))


def _server(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if bracket else "?"
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise ValueError("names a host or port that is none")
    return host, int(port or _PORT)


def _is_here(host: str) -> bool:
    if host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
