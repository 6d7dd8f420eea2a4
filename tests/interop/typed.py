"""The commands that `make run` prints, cut out of its text to be typed into a shell."""

from __future__ import annotations

import re

_FIRST_WORDS = re.compile(r"  (?:ID_JAG=\$\()?(\w+) ")


def commands(recipes: str, program: str) -> str:
    """The printed commands that call `program`, in their order, as one shell script.

    Raises:
        ValueError: the text has none.
    """
    blocks = [(block, _FIRST_WORDS.match(block)) for block in recipes.split("\n\n")]
    found = [block for block, first in blocks if first is not None and first[1] == program]
    if not found:
        raise ValueError(f"the recipes have no command for {program}")
    return "\n".join(found)
