"""What is printed goes out, whatever the terminal or the pipe takes; or the command says that it could not."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS: Final = "grantd.plain"
_PLAIN: Final = str.maketrans({"└": "`", "├": "|", "─": "-", "│": "|", "…": "...", "→": "->"})
"""What trees and sentences of ours are drawn with, for terminals that have less."""


@contextmanager
def writing() -> Iterator[None]:
    """Makes the standard streams take every text, and turns a place that takes no more
    (a full disk) into a sentence."""
    codecs.register_error(ERRORS, _plain)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # at the end of the process it is too late to say anything
    except BrokenPipeError:
        _give_up("")
    except OSError as fault:
        if fault.filename is not None or sys.stdout is None:
            raise
        _give_up(f"The output cannot be written: {fault.strerror}.\n")


def _plain(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    text = fault.object[fault.start : fault.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), fault.end


def _give_up(sentence: str) -> None:
    sys.stderr.write(sentence)
    # Or the flush at the end of the process would fail once more, with a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
