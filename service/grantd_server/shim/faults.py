"""What stops an HTTP request before it is a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd.v1.authorization_pb2 import WireFault


class WireRefused(Exception):
    """The request is no OAuth request. It becomes one `RefuseRequest`, so that the
    service records it and its refusal takes the same way out as every other.

    `parameter` is a name of the protocol, never text of the request.
    """

    def __init__(self, fault: WireFault.ValueType, parameter: str | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.parameter = parameter


class Gone(Exception):
    """The HTTP client left before its request was complete: nobody to answer."""
