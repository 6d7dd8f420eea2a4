"""Kinds of values that settings have, and the sentence that each says when it is wrong."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from grantd_server.model.caller import Role
from grantd_server.model.decision_page import check_decision_page
from grantd_server.model.requests import Secret
from grantd_server.telemetry.logs import Level

_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NO_CERTIFICATE_HEADERS = frozenset({"authorization", "content-length", "content-type", "dpop", "host"})
ROLES = ("shim", "service", "resource_server", "admin", "auditor", "observer")
"""Roles that a caller can be given."""


def _address(value: str) -> str:
    if value.startswith("unix:"):
        if not value.removeprefix("unix:").startswith("/"):
            raise ValueError("a Unix socket is unix:/absolute/path")
        return value
    host, colon, port = value.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("an address is host:port or unix:/path")
    return value


def _role(value: Any) -> Role:
    if isinstance(value, Role):
        return value
    if value in ROLES:
        return Role(value)
    raise ValueError(f"a role is expected: {', '.join(ROLES)}")


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError("a network such as 10.0.0.0/8 is expected") from None


def _header(value: str) -> str:
    name = value.lower()
    if _HEADER.fullmatch(name) is None or name in _NO_CERTIFICATE_HEADERS:
        raise ValueError("the name of a header of its own is expected, such as client-cert")
    return name


def _decision_page(value: str) -> str:
    check_decision_page(value)
    return value


def _secret(value: Any) -> Secret:
    # `sources` has put what {file: …} and {env: …} name in their place by now.
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise ValueError("a text, {file: path} or {env: NAME} is expected")


def _level(value: Any) -> Level:
    try:
        return Level.named(value)
    except (KeyError, AttributeError):
        raise ValueError("debug, info, warning or error is expected") from None


def is_local(address: str) -> bool:
    """True for a Unix socket and a loopback literal; what a name means, a resolver says."""
    if address.startswith("unix:"):
        return True
    try:
        return ip_address(address.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


Address = Annotated[str, AfterValidator(_address)]
SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(lambda _: "Secret()")]
CallerRole = Annotated[Role, BeforeValidator(_role)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
DecisionPage = Annotated[str, AfterValidator(_decision_page)]
HeaderName = Annotated[str, AfterValidator(_header)]
LogLevel = Annotated[Level, BeforeValidator(_level)]
