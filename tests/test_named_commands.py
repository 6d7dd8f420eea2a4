"""Whoever is told to run a command can run it: the sentences of the service name no command
and no option that `grantd` does not have."""

from __future__ import annotations

import ast
import re
from enum import EnumType
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

import grantd_server
from grantd_server.audit.explaining.inactive import advice_on
from grantd_server.cli.app import app
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = Path(grantd_server.__file__).parent
NAMED = re.compile(r"(?:`|: )grantd ([a-z][^`,.;]*)")
"""In code marks, or after a colon at the end of a remedy."""


def said(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named(texts: Iterator[str]) -> set[str]:
    return {" ".join(command.split()) for text in texts for command in NAMED.findall(text)}


def unknown_word(command: str) -> str | None:
    """The first word that is no command where it stands, no option of the command, or none
    of the words that its argument may be."""
    at: Any = typer.main.get_command(app)
    taken = 0
    for word in command.split():
        below = getattr(at, "commands", None)
        if word.startswith("-"):
            if all(word not in parameter.opts for parameter in at.params):
                return word
            taken = len(at.params)
        elif below is not None:
            if word not in below:
                return word
            at = below[word]
        else:
            if not may_be(at.params[taken : taken + 1], word):
                return word
            taken += 1
    return None


def may_be(parameters: list[Any], word: str) -> bool:
    """Only of a list of words is it known; a word in capitals stands for any."""
    known = [one.type_descriptor.annotation for one in parameters if one.param_type_name == "argument"]
    return word.isupper() or all(word in list(kind) for kind in known if isinstance(kind, EnumType))


COMMANDS = sorted(named(text for file in SERVICE.rglob("*.py") for text in said(file)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_a_sentence_names_is_there(command: str) -> None:
    assert unknown_word(command) is None


def test_remedies_and_advice_are_among_the_sentences() -> None:
    told = [advice_on(check).remedy for check in ("token.not_withdrawn", "token.audience", "token.known")]
    assert named(iter(told)) == {"chain", "blocks", "decode"}
    assert {*named(iter(told)), *named(reason.remedy for reason in Reason)} <= set(COMMANDS)
    assert "keys create" in COMMANDS


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("block list", "list"),
        ("block user", None),
        ("block KIND NAME", None),
        ("blocks", None),
        ("keys create --purpose checkpoint", None),
        ("keys", None),
        ("keys make", "make"),
        ("blocked", "blocked"),
        ("keys create --porpoise", "--porpoise"),
    ],
)
def test_a_command_that_is_not_there_is_noticed(command: str, word: str | None) -> None:
    assert unknown_word(command) == word
