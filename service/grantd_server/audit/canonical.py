"""One byte string for one JSON value: sorted keys, no white space, UTF-8."""

from __future__ import annotations

from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """Writes a JSON value canonically. Text that UTF-8 cannot hold (lone surrogates of
    a hostile token) is kept as visible escapes: a record must not fail on it."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(_held(value), option=orjson.OPT_SORT_KEYS)


def _held(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_held(key): _held(item) for key, item in value.items()}
        case list() | tuple():
            return [_held(item) for item in value]
        case int() if not isinstance(value, bool) and value.bit_length() > 63:
            return str(value)
        case _:
            return value
