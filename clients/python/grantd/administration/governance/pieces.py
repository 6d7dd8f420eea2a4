"""The document of a version, joined from its pieces: bounded, and the one that it is called."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from grantd.administration.governance.results import Bundle
from grantd.errors import Unavailable

if TYPE_CHECKING:
    from grantd.v1 import governance_pb2 as pb

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a document."""


class Pieces:
    """What came of a document."""

    def __init__(self) -> None:
        self._first: pb.GetBundleResponse | None = None
        self._document = bytearray()

    def add(self, piece: pb.GetBundleResponse) -> None:
        """Takes the next. Raises Unavailable where it cannot be one of them."""
        self._first = self._first or piece
        if piece.version != self._first.version:
            raise _lost("pieces of several versions came")
        if len(self._document) + len(piece.document) > LARGEST:
            raise _lost(f"the document has more than {LARGEST} bytes")
        self._document += piece.document

    def whole(self) -> Bundle:
        """All of it. Raises Unavailable where it is not what its version says."""
        if self._first is None:
            raise Unavailable("UNAVAILABLE", description="the service ended before there was a document")
        document = bytes(self._document)
        if version_of(document) != self._first.version:
            raise _lost("the document is not that of its version")
        return Bundle(self._first.version, self._first.epoch, document)


def version_of(document: bytes) -> str:
    """The version of a document: a hash of it, 128 bits in hex."""
    return "b" + hashlib.sha256(document).hexdigest()[:32]


def _lost(why: str) -> Unavailable:
    return Unavailable("DATA_LOSS", description=why)
