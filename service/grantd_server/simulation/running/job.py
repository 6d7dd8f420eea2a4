"""What a simulation is to do, as it is handed to a process: over a pipe, because an
address may hold a password and the keys of pseudonyms are secret."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from grantd_server.store.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Job:
    """Which records are replayed through what."""

    opening: Opening = field(repr=False)
    document: bytes = field(repr=False)
    """The candidate's canonical JSON."""
    since_us: int
    until_us: int
    pseudonym_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By key id: base64url. All that there were, the one in use among them."""
    examples: int = 3


def to_line(job: Job) -> bytes:
    """The job as a line."""
    plain: dict[str, Any] = {
        **{name: getattr(job, name) for name in ("since_us", "until_us", "examples")},
        "opening": asdict(job.opening),
        "document": job.document.decode(),
        "pseudonym_keys": dict(job.pseudonym_keys),
    }
    return orjson.dumps(plain) + b"\n"


def of_line(line: bytes) -> Job:
    """What `to_line` wrote."""
    plain = orjson.loads(line)
    return Job(**{**plain, "opening": Opening(**plain["opening"]), "document": plain["document"].encode()})
