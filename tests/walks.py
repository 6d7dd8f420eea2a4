"""Walks of the documents: what a page says that commands print, held to what they print.

A page has blocks of three kinds: `console`, commands after `$ ` and their output, where `…`
stands for anything in a line, or alone for any lines; `diff`, an edit of the file that its
first line names; and `text`, which is shown and not checked.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from grantd_server.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = "…"
BEFORE = "b…"
"""In a command: the version in the second line of `grantd versions`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command with its output, or one edit."""

    kind: str
    text: str

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command, and what it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def steps(page: str) -> list[Step]:
    """What a page does, in order."""
    return [Step(kind, text) for kind, text in BLOCK.findall(page)]


def edit(folder: Path, text: str) -> None:
    """Makes the change that a `diff` block shows; what it takes away must be there once."""
    first, *lines = text.splitlines(keepends=True)
    file = folder / first.removeprefix("# ").strip()
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    before = file.read_text()
    assert before.count(old) == 1, f"{file} does not have, once:\n{old}"
    file.write_text(before.replace(old, new))


def run(folder: Path, command: str) -> str:
    """Runs a command of grantd in the folder, and returns what it printed. A comment behind
    it says with which code it ends, where that is not 0."""
    line, _, comment = command.partition("  # ")
    words = shlex.split(line)
    assert words[0] == "grantd", command
    runner = CliRunner(env={"GRANTD_CONFIG": str(folder / "grantd.yaml")})
    if BEFORE in words:
        _, before, *_ = runner.invoke(app, ["versions"]).stdout.splitlines()
        words[words.index(BEFORE)] = before.split()[0]
    done = runner.invoke(app, words[1:])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    wanted = int(comment.removeprefix("exit code ")) if comment else 0
    assert done.exit_code == wanted, done.output
    return done.output


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed."""
    pattern = "".join(
        r"(?:.*\n)*" if line == LEFT_OUT else ".*".join(map(re.escape, line.split(LEFT_OUT))) + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None
