"""Files of a governance directory that nobody reads and that look as if somebody did: a
deny that stands in one of them would be found out too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grantd_server.governance.faults import Faults

ENDINGS = frozenset({".yaml", ".yml"})


def refuse_unread(directory: Path, faults: Faults) -> None:
    """Refuses links that lead nowhere or to a folder, folders that are named like a file,
    and endings in capitals."""
    for path in _visible(directory):
        sentence = _unread(path)
        if sentence is not None:
            faults.at(path.relative_to(directory).as_posix(), 0, 0, sentence)


def others(directory: Path) -> str:
    """A sentence about a folder without a YAML file in which something else is."""
    names = [path.name for path in _visible(directory) if path.is_file()]
    return f"; {names[0]} does not end in .yaml or .yml" if names else ""


def _visible(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if not any(part.startswith(".") for part in path.relative_to(directory).parts):
            yield path


def _unread(path: Path) -> str | None:
    linked, ending = path.is_symlink(), path.suffix
    if linked and path.is_dir():
        return "a link to a folder is not followed; copy the files, or link each of them"
    if ending.lower() not in ENDINGS:
        return None
    if linked and not path.exists():
        return "the link leads nowhere; mend it, or take it away"
    if path.is_dir():
        return "a folder has the name of a file; rename it"
    if not path.is_file():
        return "a pipe or a device is not read; take it away"
    return None if ending in ENDINGS else f"the ending is not read; write {ending.lower()} in lower case"
