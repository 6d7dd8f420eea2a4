"""The guards of a source tree, found by their form: where each one is, and what it
becomes when somebody takes it away."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

import operators

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NOT_OURS = ("/v1/", "/cli/", "/migrations/", "/telemetry/")
"""Generated code, the command line, the schema and what only tells: no guard is there."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard and its removal."""

    path: str
    """Below the root of the sources."""
    line: int
    function: str
    operator: str
    text: str
    start: int
    """Bytes of the file that `replacement` takes the place of."""
    end: int
    replacement: str
    tripped: int
    """The line that only runs when the guard refuses; 0 where there is none."""
    passed: int
    """The line that runs next when it does not; 0 where there is none."""
    reached: tuple[int, ...]
    """The lines of the guard itself."""
    around: range
    """The lines of its function."""

    @property
    def key(self) -> str:
        """Names the guard without a line number, for the list of allowed survivors."""
        return f"{self.path} {self.function} {self.operator}: {self.text}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.operator}: {self.text}"

    def removed_from(self, source: bytes) -> bytes:
        """The file without the guard."""
        return source[: self.start] + self.replacement.encode() + source[self.end :]

    def hidden_in(self, source: bytes) -> bytes:
        """The file with the guard still in it, where it decides nothing."""
        guard, replacement = source[self.start : self.end], self.replacement.encode()
        hidden = b"if False: %b" % guard if replacement == b"pass" else b"(%b if True else (%b))" % (replacement, guard)
        return source[: self.start] + hidden + source[self.end :]


def guards_of(root: Path, sources: Sequence[str], only: Sequence[str]) -> list[Guard]:
    """Every guard below the sources whose path contains one of `only`, in the order of files."""
    found: list[Guard] = []
    for source in sources:
        for file in sorted((root / source).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            if any(part in path for part in only) and not any(part in path for part in NOT_OURS):
                found += guards_in(path, file.read_bytes())
    return found


def guards_in(path: str, source: bytes) -> list[Guard]:
    """The guards of one file. Each place and replacement counts once."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found: dict[tuple[int, int, str], Guard] = {}
    for function, block, following in _statements(path, ast.parse(source)):
        for change in operators.changes(function, block, following):
            node = change.node
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            guard = Guard(
                path=path,
                line=node.lineno,
                function=function.name,
                operator=change.operator,
                text=f"{ast.unparse(node)} -> {change.replacement}",
                start=start,
                end=end,
                replacement=change.replacement,
                tripped=change.tripped,
                passed=following.lineno if following is not None and not change.tripped else 0,
                reached=tuple(range(node.lineno, node.end_lineno + 1)),
                around=function.lines,
            )
            found.setdefault((start, end, change.replacement), guard)
    return sorted(found.values(), key=lambda guard: (guard.start, guard.end))


def _statements(path: str, tree: ast.Module) -> Iterator[tuple[operators.Function, ast.stmt, ast.stmt | None]]:
    """Every statement inside a function, with the function and the statement after it."""
    pending: list[tuple[str, operators.Function | None, list[ast.stmt]]] = [("", None, tree.body)]
    while pending:
        name, function, block = pending.pop()
        for place, statement in enumerate(block):
            following = block[place + 1] if place + 1 < len(block) else None
            if isinstance(statement, ast.ClassDef):
                pending.append((f"{name}{statement.name}.", function, statement.body))
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
                inner = operators.Function(path, f"{name}{statement.name}", statement.returns, lines)
                pending.append((f"{name}{statement.name}.", inner, statement.body))
            elif not _is_for_types(statement):
                if function is not None:
                    yield function, statement, following
                pending += [(name, function, inner_block) for inner_block in _blocks(statement)]


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        if block := getattr(statement, field, None):
            yield block
    for field in ("handlers", "cases"):
        for part in getattr(statement, field, ()):
            yield part.body


def _is_for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
