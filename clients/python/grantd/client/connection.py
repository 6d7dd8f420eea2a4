"""What both clients are built from: where, how long, how often, in which trace."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grantd.client.channel import Endpoint, Opened
from grantd.client.retry import Retry, TraceHeaders
from grantd.errors import Unavailable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from grantd.client.calling.call import Call

DEADLINE = 5.0
"""Seconds for one call with all its attempts; the service gives a call no longer."""


class Connection:
    """One endpoint and how it is called."""

    _services: ClassVar[Mapping[str, Callable[[Any], Any]]] = MappingProxyType({})
    """The stubs of the services that are called, by name."""
    _usual_deadline: ClassVar[float] = DEADLINE

    def __init__(
        self,
        endpoint: Endpoint | Opened,
        *,
        deadline: float | None = None,
        retry: Retry = Retry(),  # noqa: B008 - frozen
        trace: TraceHeaders | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._deadline = self._usual_deadline if deadline is None else deadline
        self._retry = retry
        self._trace = trace
        self._is_closed = False

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
        """A client with mutual TLS, from three PEM files; see `Endpoint.mtls`."""
        return cls(Endpoint.mtls(target, ca=ca, certificate=certificate, key=key, server_name=server_name))

    @classmethod
    def loopback(cls, target: str) -> Self:
        """A client without TLS, for development on one machine; see `Endpoint.loopback`."""
        return cls(Endpoint.loopback(target))

    @classmethod
    def from_env(cls) -> Self:
        """A client from the GRANTD_CLIENT_ variables; see `Endpoint.from_env`."""
        return cls(Endpoint.from_env())

    def _stubs_of(self, channel: Any) -> dict[str, Any]:
        """Typed `Any`: one stub class serves both kinds of channel."""
        return {name: stub(channel) for name, stub in self._services.items()}

    def _seconds(self, call: Call[Any]) -> float:
        return self._deadline if call.seconds is None else call.seconds


def closed() -> Unavailable:
    """Of a call that was under way when its client was closed, or came after that."""
    return Unavailable("CANCELLED", description="the channel was closed")


def several(values: Sequence[str]) -> Sequence[str]:
    """The values of a parameter that may repeat. A lone str is one value, not its letters."""
    return [values] if isinstance(values, str) else values
