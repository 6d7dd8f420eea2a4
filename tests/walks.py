"""Walks of the documents: what a page says that commands print, held to what they print.

A page has blocks of three kinds: `console`, commands after `$ ` and their output, where `…`
stands for anything in a line, or alone for any lines; `diff`, an edit of the file that its
first line names; and `text`, which is shown and not checked. Ids and times are those of the
day a page was written: an id stands for what is printed in its place, there and in all that
follows, a time for any.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from grantd_server.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = "…"
ID = re.compile(r"\b([db]?)([0-9a-f]{64}|[0-9a-f]{32})\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3})?|\b\d{10}\b|\b\d+(?= s ago)")
"""Moments, and ages of sign-ins."""
VARYING = re.compile(f"{LEFT_OUT}|{ID.pattern}|{TIME.pattern}")


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


@dataclass(slots=True)
class Walk:
    """One page from its first block to its last, in the folder where commands are run."""

    environ: Mapping[str, str]
    named: dict[str, str] = field(default_factory=dict)
    """Ids as the page has them, and what they stand for."""

    def go(self, page: str, folder: Path, others: Mapping[str, Callable[[], str]] | None = None) -> None:
        """Does everything that a page shows; `others` are its commands that are not grantd's."""
        for step in steps(page):
            if step.kind == "diff":
                edit(folder, step.text)
                continue
            for command, shown in step.commands:
                other = (others or {}).get(command)
                printed = other() if other else self.run(command)
                assert self.agrees(shown, printed), f"$ {command}\n{printed}"

    def run(self, command: str) -> str:
        """Runs a command of grantd and returns what it printed. A comment behind it says
        with which code it ends, where that is not 0."""
        line, _, comment = command.partition("  # ")
        words = shlex.split(ID.sub(lambda found: self.named[found[0]], line))
        assert words[0] == "grantd", command
        done = CliRunner(env=dict(self.environ)).invoke(app, words[1:])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        wanted = int(comment.removeprefix("exit code ")) if comment else 0
        assert done.exit_code == wanted, done.output
        return done.output

    def agrees(self, shown: str, printed: str) -> bool:
        """Whether a page shows what was printed; learns what its ids stand for."""
        new: list[str] = []
        pattern = "".join(
            r"(?:.*\n)*" if line == LEFT_OUT else self._pattern(line, new) + r"\n" for line in shown.splitlines()
        )
        found = re.fullmatch(pattern, printed)
        if found is None:
            return False
        self.named.update({name: found[f"id{number}"] for number, name in enumerate(new)})
        return True

    def _pattern(self, line: str, new: list[str]) -> str:
        parts, end = [], 0
        for each in VARYING.finditer(line):
            parts += [re.escape(line[end : each.start()]), self._varying(each, new)]
            end = each.end()
        return "".join([*parts, re.escape(line[end:])])

    def _varying(self, each: re.Match[str], new: list[str]) -> str:
        if each[0] == LEFT_OUT:
            return ".*"
        if each[2] is None:
            return r"\d+" if each[0].isdecimal() else re.sub(r"\d", r"\\d", re.escape(each[0]))
        if each[0] in self.named:
            return re.escape(self.named[each[0]])
        if each[0] in new:
            return f"(?P=id{new.index(each[0])})"
        new.append(each[0])
        return f"(?P<id{len(new) - 1}>{each[1]}[0-9a-f]{{{len(each[2])}}})"
