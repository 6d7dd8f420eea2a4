"""How two identifiers that should be the same bytes differ, and names that are nearly right."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from grantd_server.doctor.findings import Row, Severity, cut
from grantd_server.doctor.reading.addresses import DEFAULT_PORTS, split

if TYPE_CHECKING:
    from collections.abc import Collection


KINDS: Final = {
    "slash": "by a slash at the end",
    "case": "in capital and small letters",
    "port": "by the default port",
    "scheme": "in http and https",
    "encoding": "in how it is encoded: by percent signs, or as xn--",
    "characters": "in characters that look alike, or are not seen",
}


def rows(family: str, sentence: str, remedy: str, differs: str) -> dict[str, Row]:
    """A row for each way to differ; `differs` is the sentence where it is quite another."""
    found = {
        kind: Row(f"{family}.{kind}", Severity.ERROR, f"{sentence}, which differs {how}.", remedy)
        for kind, how in KINDS.items()
    }
    return {**found, "differs": Row(f"{family}.differs", Severity.ERROR, differs, remedy)}


def difference(expected: str, got: str) -> str:
    """The name of what differs: a key of KINDS, or `differs`. The two are not equal."""
    if _decoded(expected) == _decoded(got):
        return "encoding"
    if _look(expected) == _look(got) and not (expected.isascii() and got.isascii()):
        return "characters"
    for kind, same in (("slash", _slash), ("case", str.casefold), ("scheme", _scheme), ("port", _port)):
        if same(expected) == same(got):
            return kind
    return "differs"


def compared(expected: str, got: object) -> str:
    """The evidence of a difference."""
    return f"expected {cut(expected)}, found {cut(got)}"


def nearly(value: str, names: Collection[str]) -> str:
    """The registered name that a value nearly is; empty where it is one, or far from any."""
    if value in names:
        return ""
    return next((name for name in names if _loose(name) == _loose(value)), "")


def _slash(text: str) -> str:
    return text.rstrip("/")


def _scheme(text: str) -> str:
    return text.partition("://")[2]


def _port(text: str) -> str:
    parts = split(text)
    return text.replace(parts.netloc, parts.netloc.removesuffix(DEFAULT_PORTS.get(parts.scheme.lower(), "")), 1)


def _decoded(text: str) -> str:
    """With percent-encoded bytes as their characters, and the host as its letters."""
    host = split(text).netloc
    try:
        letters = host.encode("ascii").decode("idna")
    except UnicodeError:
        letters = host
    return unquote(text.replace(host, letters, 1) if host else text)


def _loose(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


_ALIKE: Final = str.maketrans("аеорсухіјѕԁһԛԝɡ", "aeopcyxijsdhqwg")  # noqa: RUF001 - they are what is looked for


def _look(text: str) -> str:
    """The text as a reader sees it: compatibility forms folded, what is unseen left out,
    letters of other scripts as the Latin ones that they look like."""
    folded = unicodedata.normalize("NFKC", text)
    seen = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cc", "Zs", "Mn"})
    return seen.translate(_ALIKE)
