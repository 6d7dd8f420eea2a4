"""Copies of the sources, one a worker, in which one file at a time is changed."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from guards import Guard


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of the sources of a root."""

    root: Path
    """Where the tests are; nothing is written there."""
    sources: tuple[str, ...]
    folder: Path

    @classmethod
    def made(cls, root: Path, sources: tuple[str, ...], folder: Path) -> Copy:
        """Copies and compiles the sources. Compiled files are valid by content, so
        that a changed file is never run as it was before."""
        for source in sources:
            shutil.copytree(root / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
            compileall.compile_dir(
                folder / source, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
            )
        return cls(root, sources, folder)

    def again(self, folder: Path) -> Copy:
        """A copy of the copy."""
        for source in self.sources:
            shutil.copytree(self.folder / source, folder / source)
        return Copy(self.root, self.sources, folder)

    @property
    def import_path(self) -> list[str]:
        return [str(self.folder / source) for source in self.sources]

    def module(self, path: str) -> str:
        """The name under which a file of the sources is imported."""
        below = next(path.removeprefix(f"{source}/") for source in self.sources if path.startswith(f"{source}/"))
        return below.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def environ(self) -> dict[str, str]:
        """For the tests and the programs that they start. An editable installation
        comes after PYTHONPATH, so that the copy wins."""
        return {
            "PYTHONPATH": os.pathsep.join(self.import_path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "hypothesis"),
        }

    @contextmanager
    def without(self, guard: Guard) -> Iterator[None]:
        """Takes the guard away for a while."""
        file = self.folder / guard.path
        source = file.read_bytes()
        file.write_bytes(guard.removed_from(source))
        try:
            yield
        finally:
            file.write_bytes(source)
