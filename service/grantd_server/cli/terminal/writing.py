"""What is printed goes out, whatever the terminal or the pipe takes; or the command says that it could not."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS: Final = "grantd.plain"
_PLAIN: Final = str.maketrans({"└": "`", "├": "|", "─": "-", "│": "|", "…": "...", "→": "->"})
"""What trees and sentences of ours are drawn with, for terminals that have less."""


class _Lost(Exception):
    """The output takes no more. No OSError: typer ends silently for those of pipes, and
    whoever handles those of a socket or a file would take this one for it."""

    def __init__(self, fault: OSError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Output:
    """The standard output, whose faults are told from those of sockets and files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _losing():
            return self._stream.write(text)

    def flush(self) -> None:
        with _losing():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def writing() -> Iterator[None]:
    """Makes the standard streams take every text, and turns a standard output that takes no
    more (a full disk) into a sentence. Every other fault stays what it is."""
    codecs.register_error(ERRORS, _plain)
    out = sys.stdout
    for stream in (out, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)
    if out is None:
        yield  # the process was started without one
        return
    sys.stdout = cast("TextIO", _Output(out))
    try:
        with _flushed(sys.stdout):
            yield
    except _Lost as lost:
        _give_up(out, lost.fault)
    finally:
        sys.stdout = out


@contextmanager
def _flushed(output: TextIO) -> Iterator[None]:
    """At the end of the process it is too late to say anything."""
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None  # typer ended the command silently, for a socket
        output.flush()
        raise
    output.flush()


@contextmanager
def _losing() -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise _Lost(fault) from fault


def _plain(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    text = fault.object[fault.start : fault.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), fault.end


def _give_up(out: TextIO, fault: OSError) -> None:
    if not isinstance(fault, BrokenPipeError):  # a reader that leaves has read enough
        sys.stderr.write(f"The output cannot be written: {fault.strerror}.\n")
    # Or the flush at the end of the process would fail once more, with a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    sys.exit(1)
