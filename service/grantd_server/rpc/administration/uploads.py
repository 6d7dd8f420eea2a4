"""The messages of an upload: options first, then pieces of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.administration.uploads import Upload
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


async def read_upload(messages: AsyncIterator[Any]) -> tuple[Any, Mapping[str, bytes]]:
    """The options and the files; refuses any other order."""
    first = await anext(messages, None)
    if first is None or first.WhichOneof("part") != "options":
        raise Refused(Reason.PARAMETER_MISSING, field="options")
    upload = Upload()
    async for message in messages:
        if message.WhichOneof("part") != "piece":
            raise Refused(Reason.PARAMETER_INVALID, field="piece")
        upload.add(message.piece.path, message.piece.content)
    return first.options, upload.complete()
