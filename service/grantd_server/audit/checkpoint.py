"""A checkpoint: a signed list of all writers' heads that names the checkpoint before it.

Whoever changes a record after it was checkpointed would have to change the checkpoint
too, which takes the key, and every later one, which takes the second place.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from grantd import claims as read
from grantd import jws
from grantd.jwk import Key, public_jwk, read_jwks
from grantd.jws import Fault, Typ
from grantd_server.audit.chain import Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd.jwk import KeySet
    from grantd_server.keys.own.signer import Signer

FORMAT: Final = 1
TYP: Final = Typ("checkpoint", frozenset({"grantd-checkpoint+jwt"}))
ALGORITHMS: Final = frozenset({"ES256", "RS256", "EdDSA"})
LONGEST: Final = 1 << 20
"""Characters of a checkpoint: some five thousand writers."""

_LONGEST_NAME: Final = 256
_LARGEST: Final = 1 << 63
_HASH: Final = 32


class Kind(StrEnum):
    """What a checkpoint says beside the heads."""

    HEADS = "heads"
    BOUNDARY = "boundary"
    """Records up to `pruned` were removed on purpose."""
    RESTORED = "restored"
    """The database is an older one again, on purpose: heads may be behind."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of one checkpoint."""

    chain: str
    """Drawn for the first one of a second place, and the same in all that follow."""
    number: int
    """From 1 without a gap."""
    previous: str
    """Hash of the checkpoint before it; empty in the first."""
    time_us: int
    heads: tuple[Head, ...]
    kind: Kind = Kind.HEADS
    pruned: tuple[Head, ...] = ()
    """Of a boundary: the last record that was removed, by writer."""
    why: str = ""
    """Of a boundary or a restoration: the words of who did it."""
    announced: tuple[Key, ...] = ()
    """Keys that will sign later ones: whoever trusts this checkpoint may trust them."""


def digest(raw: str) -> str:
    """The hash by which the next checkpoint names this one: SHA-256 of its bytes, hex."""
    return sha256(raw.encode("utf-8", "surrogateescape")).hexdigest()


def following(raw: str | None, last: Checkpoint | None, time_us: int, heads: Iterable[Head], **more: Any) -> Checkpoint:
    """The checkpoint after `last`, whose bytes are `raw`; the first one where there is none."""
    if raw is None or last is None:
        return Checkpoint(secrets.token_hex(8), 1, "", time_us, tuple(heads), **more)
    return Checkpoint(last.chain, last.number + 1, digest(raw), time_us, tuple(heads), **more)


async def sealed(checkpoint: Checkpoint, signer: Signer) -> str:
    """Signs a checkpoint (compact JWS). Raises SignerUnavailable."""
    members: dict[str, Any] = {
        "v": FORMAT,
        "kind": checkpoint.kind.value,
        "chain": checkpoint.chain,
        "number": checkpoint.number,
        "previous": checkpoint.previous,
        "time_us": checkpoint.time_us,
        "heads": _plain(checkpoint.heads),
    }
    if checkpoint.kind is Kind.BOUNDARY:
        members["pruned"] = _plain(checkpoint.pruned)
    if checkpoint.kind is not Kind.HEADS:
        members["why"] = checkpoint.why
    if checkpoint.announced:
        members["keys"] = [public_jwk(key.public, key.kid or "", key.alg) for key in checkpoint.announced]
    (media_type,) = TYP.media_types
    data = jws.signing_input(members, alg=signer.alg, kid=signer.kid, typ=media_type)
    return jws.compact(data, await signer.sign(data))


def opened(raw: str, keys: KeySet) -> Checkpoint:
    """Verifies a checkpoint with keys that the caller trusts. Raises Fault."""
    return _read(jws.verify(jws.read(raw, limit=LONGEST), keys, ALGORITHMS, TYP))


def unverified(raw: str) -> Checkpoint:
    """Reads a checkpoint without believing it. Raises Fault."""
    return _read(jws.read(raw, limit=LONGEST).unverified_claims)


def _plain(heads: Iterable[Head]) -> list[list[object]]:
    return [[head.writer, head.epoch, head.seq, head.hash.hex()] for head in heads]


def _read(members: Mapping[str, object]) -> Checkpoint:
    if members.get("v") != FORMAT:
        raise Fault("claim:v", str(FORMAT), "the format of another release")
    try:
        kind = Kind(read.text(members, "kind"))
    except ValueError:
        raise Fault("claim:kind", " or ".join(Kind), "another") from None
    number = _number(members, "number")
    previous = "" if members.get("previous") == "" else read.text(members, "previous")
    if (number == 1) != (not previous):
        raise Fault("claim:previous", "a hash in all but the first", "a hash in the first, or none")
    return Checkpoint(
        chain=read.text(members, "chain"),
        number=number,
        previous=previous,
        time_us=_number(members, "time_us"),
        heads=_heads(members, "heads"),
        kind=kind,
        pruned=_heads(members, "pruned") if kind is Kind.BOUNDARY else (),
        why=read.text(members, "why", _LONGEST_NAME) if kind is not Kind.HEADS else "",
        announced=read_jwks(members, default_algs=ALGORITHMS).keys if "keys" in members else (),
    )


def _number(members: Mapping[str, object], name: str) -> int:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _LARGEST:
        raise Fault(f"claim:{name}", "a positive number of 63 bits", "something else")
    return value


def _heads(members: Mapping[str, object], name: str) -> tuple[Head, ...]:
    listed = members.get(name)
    if not isinstance(listed, list):
        raise Fault(f"claim:{name}", "a list of heads", "something else")
    heads = tuple(_head(each, f"claim:{name}") for each in listed)
    if len({head.writer for head in heads}) != len(heads):
        raise Fault(f"claim:{name}", "each writer once", "a writer twice")
    return heads


def _head(value: object, check: str) -> Head:
    match value:
        case [str(writer), int(epoch), int(seq), str(digits)] if (
            0 <= epoch < _LARGEST and 0 <= seq < _LARGEST and len(digits) == 2 * _HASH
        ):
            try:
                return Head(writer, epoch, seq, bytes.fromhex(digits))
            except ValueError:
                pass
    raise Fault(check, "writer, epoch, number and hash of a head", "something else")
