"""Why somebody else's document could not be had."""

from __future__ import annotations

import ssl


class FetchFailed(Exception):
    """The document could not be had; the text says why and repeats no content."""


class NotAsked(FetchFailed):
    """The address is none that may be asked."""


class TooSlow(FetchFailed):
    """No complete answer came in time."""


class TooLarge(FetchFailed):
    """The answer is longer than documents may be."""


class Compressed(FetchFailed):
    """The answer is compressed, unread: it could be of any size."""


class Untrusted(FetchFailed):
    """TLS failed: nobody knows who answered."""


def connection_failed(fault: BaseException) -> FetchFailed:
    """What a failed connection is told as. Of TLS, the sentence of the library: it names
    our own expectation and what the certificate lacks."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(f"the certificate is not trusted: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return Untrusted("TLS failed")
        cause = cause.__cause__ or cause.__context__
    return FetchFailed(f"the connection failed ({type(fault).__name__})")
