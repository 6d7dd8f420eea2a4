"""A bounded memory with a life per entry; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V")


class Cache(Generic[V]):
    """Values by digest. Lives are measured by a clock that is never set back."""

    def __init__(self, size: int, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._monotonic = monotonic
        self._entries: OrderedDict[bytes, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> V | None:
        """The value, if it is still to be used."""
        found = self._entries.get(key)
        if found is None:
            return None
        until, value = found
        if self._monotonic() >= until:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: bytes, value: V, life: float) -> None:
        """Keeps a value for `life` seconds, 0 or less for not at all."""
        if life <= 0:
            return
        self._entries[key] = (self._monotonic() + life, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, key: bytes) -> None:
        """Forgets a value."""
        self._entries.pop(key, None)
