"""What a guard looks like in this code base, and how it is taken away."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITION_OF = {"require": 1, "_hold": 1}
"""Calls that refuse when their argument at this place does not hold."""
SINKS = frozenset({"add", "at", "at_key", "wrong", "failed", "send_400_response"})
"""Methods that note a fault: what was read is refused at the end."""
REFUSALS = frozenset({"refuse", "Refused", "_refusal", "text_response", "_not_allowed"})
"""Calls that make a refusal to be returned."""
CHECKS = ("check", "_check", "exactly", "permit", "_refuse", "refuse", "_require")
"""How a function is called that returns nothing and raises; a call as a statement of its own."""
CHOOSING = ("/flows/", "/policy/", "/keys/", "/subjects/", "/grants/", "/client_auth/", "/store/", "/jwk.py")
"""Where the condition of a comprehension is a guard: it decides what is let through."""
LIMITS = {
    "max_lifetime": "None",
    "require_iat": "False",
    "marks": "()",
    "issued": "()",
    "tombstones": "()",
    "epochs": "None",
}
"""Keyword arguments that are guards by themselves, and what leaves them out."""


@dataclass(frozen=True, slots=True)
class Function:
    """The function around a statement."""

    path: str
    name: str
    returns: ast.expr | None
    lines: range

    @property
    def says(self) -> str:
        return "" if self.returns is None else ast.unparse(self.returns)


class Change(NamedTuple):
    """One guard taken away."""

    operator: str
    node: ast.AST
    replacement: str
    tripped: int = 0


def changes(function: Function, statement: ast.stmt, following: ast.stmt | None) -> Iterator[Change]:
    """The guards of one statement, those of the blocks inside it left out."""
    if isinstance(statement, ast.If):
        yield from _conditional(function, statement, following)
        if "/policy/" in function.path:
            yield from _operands(statement.test)
    if isinstance(statement, ast.Return) and function.says in {"bool", "bool | None"}:
        yield from _predicate(statement)
    if isinstance(statement, ast.Expr):
        yield from _call_alone(statement)
    for node in _expressions(statement):
        yield from _expression(function, node)


def _conditional(function: Function, statement: ast.If, following: ast.stmt | None) -> Iterator[Change]:
    if _refuses(function, statement.body):
        first = statement.body[0].lineno
        for part in _alternatives(statement.test, ast.Or):
            yield Change("refuses", part, "False", first)
    elif statement.orelse and _raises(statement.orelse):
        for part in _alternatives(statement.test, ast.And):
            yield Change("accepts", part, "True", statement.orelse[0].lineno)
    elif isinstance(statement.body[-1], ast.Return) and isinstance(following, ast.Raise) and not statement.orelse:
        for part in _alternatives(statement.test, ast.And):
            yield Change("accepts", part, "True", following.lineno)
    if ast.unparse(statement.test).endswith(".state is State.UNKNOWN") and function.says != "str":
        yield Change("unknown", statement.test, "False")


def _refuses(function: Function, body: list[ast.stmt]) -> bool:
    """Whether a block does nothing but refuse."""
    *before, last = body
    if "/settings/" in function.path and isinstance(last, ast.Expr) and isinstance(last.value, ast.Yield):
        return True
    if not all(isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) for statement in before):
        return False
    if isinstance(last, ast.Raise | ast.Delete) or _is_sink(last):
        return True
    if isinstance(last, ast.Continue | ast.Return) and any(map(_is_sink, before)):
        return True
    return isinstance(last, ast.Return) and _is_no(function, last.value)


def _raises(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def _is_no(function: Function, value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return value.value in (None, False) or (isinstance(value.value, str) and "str | None" in function.says)
    if isinstance(value, ast.JoinedStr):
        return "str | None" in function.says
    return (isinstance(value, ast.Name) and value.id == "UNKNOWN") or _called(value) in REFUSALS


def _is_sink(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and _called(value) in SINKS


def _operands(test: ast.expr) -> Iterator[Change]:
    """A rule of policy: each operand is a part of its meaning."""
    for node in ast.walk(test):
        if isinstance(node, ast.BoolOp):
            neutral = "True" if isinstance(node.op, ast.And) else "False"
            for part in node.values:
                yield Change("operand", part, neutral)


def _predicate(statement: ast.Return) -> Iterator[Change]:
    """A question: one operand left out, or always the same answer."""
    value = statement.value
    if isinstance(value, ast.BoolOp):
        neutral = "True" if isinstance(value.op, ast.And) else "False"
        for part in value.values:
            yield Change("answers", part, neutral)
    elif isinstance(value, ast.Compare | ast.Call | ast.UnaryOp):
        for answer in ("True", "False"):
            yield Change("answers", value, answer)


def _call_alone(statement: ast.Expr) -> Iterator[Change]:
    value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
    if not isinstance(value, ast.Call):
        return
    if ast.unparse(value.func).endswith("marks.append"):
        yield Change("marks", statement, "pass")
    elif _called(value).startswith(CHECKS) and _called(value) not in REFUSALS:
        yield Change("checks", statement, "pass")


def _expression(function: Function, node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.comprehension):
        if any(part in function.path for part in CHOOSING):
            for condition in node.ifs:
                for part in _alternatives(condition, ast.And):
                    yield Change("filters", part, "True")
    elif isinstance(node, ast.IfExp) and function.says == "bool | None" and ast.unparse(node.body) == "None":
        yield Change("unknown", node.body, "False")


def _call(node: ast.Call) -> Iterator[Change]:
    name = _called(node)
    if name in CONDITION_OF and len(node.args) > CONDITION_OF[name]:
        for part in _alternatives(node.args[CONDITION_OF[name]], ast.And):
            yield Change("requires", part, "True")
    if name == "compare_digest":
        yield Change("compares", node, "True")
    for keyword in node.keywords:
        left_out = LIMITS.get(keyword.arg or "")
        if left_out is not None and ast.unparse(keyword.value) != left_out:
            yield Change("limits", keyword.value, left_out)


def _alternatives(test: ast.expr, joined: type[ast.Or | ast.And]) -> list[ast.expr]:
    """The parts of a condition, each of which is a guard of its own."""
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, joined) else [test]


def _called(node: ast.expr | None) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """All that belongs to the statement itself. Not the parts of f-strings: before
    Python 3.12 their positions are wrong."""
    pending = [child for child in ast.iter_child_nodes(statement) if not _is_block(child)]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.JoinedStr):
            pending += ast.iter_child_nodes(node)


def _is_block(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case)
