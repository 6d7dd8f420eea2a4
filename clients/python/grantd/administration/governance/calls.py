"""The calls of GovernanceService, described once for both clients. What changes anything
is never tried again: its outcome would be unknown."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from grantd.administration.governance import answers, results
from grantd.administration.times import STREAM
from grantd.client.calling.call import Call, Page
from grantd.v1 import governance_pb2 as pb
from grantd.v1.governance_pb2_grpc import GovernanceServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from grantd.administration.directory import Directory

Kind = Literal["user", "client", "resource_server", "issuer", "resource"]
"""What can be blocked."""

R = TypeVar("R")

SERVICES: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType({"GovernanceService": GovernanceServiceStub})


def _asked(method: str, message: Any, read: Callable[[Any, str | None], R], seconds: float | None = None) -> Call[R]:
    return Call("GovernanceService", method, lambda: message, read, seconds=seconds)


def _done(method: str, message: Any, read: Callable[[Any, str | None], R]) -> Call[R]:
    return Call("GovernanceService", method, lambda: message, read, repeatable=False)


def _pieces(directory: Directory) -> Iterator[pb.BundleFilePiece]:
    return (pb.BundleFilePiece(path=path, content=content) for path, content in directory.pieces())


def _end(moment: float | None) -> int:
    """Zero says that there is none, and is what no moment may become."""
    return 0 if moment is None else math.ceil(moment) or 1


def apply_bundle(directory: Directory, options: pb.ApplyBundleOptions) -> Call[results.Applied]:
    """Only a dry run may be tried again."""

    def build() -> Iterator[pb.ApplyBundleRequest]:
        yield pb.ApplyBundleRequest(options=options)
        yield from (pb.ApplyBundleRequest(piece=piece) for piece in _pieces(directory))

    def read(answer: pb.ApplyBundleResponse, decision_id: str | None) -> results.Applied:
        return answers.applied(answer, decision_id, options)

    return Call("GovernanceService", "ApplyBundle", build, read, options.dry_run, STREAM)


def apply_options(
    reason: str, dry_run: bool, force: bool, expected_epoch: int | None, replay_since: float | None
) -> pb.ApplyBundleOptions:
    """How to apply."""
    return pb.ApplyBundleOptions(
        reason=reason,
        dry_run=dry_run,
        force=force,
        expected_epoch=expected_epoch,
        replay_since=int(replay_since or 0),
    )


def list_bundles(size: int, token: str) -> Call[Page[results.BundleVersion]]:
    """One page of versions."""
    return _asked("ListBundles", pb.ListBundlesRequest(page_size=size, page_token=token), answers.versions)


def get_bundle(version: str) -> Call[pb.GetBundleResponse]:
    """A document, piece by piece."""
    return _asked("GetBundle", pb.GetBundleRequest(version=version), lambda piece, _: piece, STREAM)


def diff_bundles(older: str, newer: str) -> Call[results.BundleDiff]:
    """Two versions."""
    message = pb.DiffBundlesRequest(from_version=older, to_version=newer)
    return _asked("DiffBundles", message, lambda answer, _: answers.diff(answer.diff))


def activate_bundle(version: str, reason: str, expected_epoch: int | None) -> Call[results.Activated]:
    """Back, or forward again."""
    message = pb.ActivateBundleRequest(version=version, reason=reason, expected_epoch=expected_epoch)
    return _done("ActivateBundle", message, answers.activated)


def candidate(directory: Directory | None, version: str) -> Directory | str:
    """What is simulated."""
    if (directory is None) == (not version):
        raise ValueError("a directory or a version is simulated: one of the two")
    return version if directory is None else directory


def simulate(
    candidate: Directory | str, since: float, until: float | None, examples: int
) -> Call[results.Progress | results.Simulation]:
    """Progress, then the result. A text is a stored version."""
    version, directory = (candidate, None) if isinstance(candidate, str) else ("", candidate)
    options = pb.SimulateOptions(version=version, since=int(since), until=_end(until), examples=examples)

    def build() -> Iterator[pb.SimulateRequest]:
        yield pb.SimulateRequest(options=options)
        if directory is not None:
            yield from (pb.SimulateRequest(piece=piece) for piece in _pieces(directory))

    return Call("GovernanceService", "Simulate", build, answers.simulated, seconds=STREAM)


def block(kind: Kind, name: str, reason: str, until: float | None, unlisted: bool) -> Call[str | None]:
    """A kill switch; the answer is its decision."""
    message = pb.BlockRequest(
        kind=answers.number_of(kind), name=name, reason=reason, until=_end(until), unlisted=unlisted
    )
    return _done("Block", message, lambda _, decision_id: decision_id)


def unblock(kind: Kind, name: str, reason: str) -> Call[str | None]:
    """Lifts it."""
    message = pb.UnblockRequest(kind=answers.number_of(kind), name=name, reason=reason)
    return _done("Unblock", message, lambda _, decision_id: decision_id)


def list_blocks(size: int, token: str) -> Call[Page[results.Block]]:
    """One page of blocks."""
    return _asked("ListBlocks", pb.ListBlocksRequest(page_size=size, page_token=token), answers.blocks)


def revoke_chain(name: str, reason: str) -> Call[results.Revoked]:
    """A chain, with what hangs below it."""
    return _done("RevokeChain", pb.RevokeChainRequest(id=name, reason=reason), answers.revoked)
