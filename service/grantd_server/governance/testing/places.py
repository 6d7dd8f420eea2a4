"""Which files of a governance directory are policy tests, and no part of the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Faults
from grantd_server.governance.reading.texts.yaml_nodes import MOST_BYTES, read_yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path, PurePath

FOLDER = "tests"
ENDING = "_test"


def is_test(file: PurePath) -> bool:
    """Whether a file, relative to the directory, is one: below a folder `tests`, or with a
    name that ends in `_test`."""
    return FOLDER in file.parts[:-1] or file.stem.endswith(ENDING)


def yaml_files(directory: Path) -> Iterator[Path]:
    """Every YAML file below a folder in order, hidden ones left out."""
    for file in sorted(directory.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
        if file.suffix in {".yaml", ".yml"} and not hidden and file.is_file():
            yield file


def read_file(file: Path, name: str, faults: Faults) -> bytes:
    """What is in a file, one byte more than it may hold; with a fault, nothing."""
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as fault:
        faults.at(name, 0, 0, f"the file cannot be read: {fault.strerror}")
        return b""


def refuse_sections(directory: Path, sections: Collection[str], faults: Faults) -> None:
    """Refuses what belongs to the bundle and stands in a file of tests: nothing of it would
    be in force, and a deny that is not in force is found too late."""
    for file in yaml_files(directory):
        name = file.relative_to(directory)
        if not is_test(name):
            continue
        tree = read_yaml(read_file(file, name.as_posix(), Faults()), name.as_posix(), Faults())
        found = tree.value if tree is not None and isinstance(tree.value, dict) else {}
        for section in found.keys() & set(sections):
            sentence = f'"{section}" stands in a file of policy tests, which is no part of the bundle; move it'
            faults.at_key(found[section], "", sentence)
