"""`Governance`: bundles, simulation and kill switches, from threads.

Every method raises `grantd.errors.Refused` for a "no" and `Unavailable` when there is no
answer. What changes anything is never tried again: after `Unavailable`, look.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from grantd.administration.directory import Directory
from grantd.administration.governance import answers, calls
from grantd.administration.governance.pieces import Pieces
from grantd.administration.governance.results import Simulation
from grantd.administration.times import ACT
from grantd.client.calling.blocking import Caller

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from grantd.administration.governance import results
    from grantd.administration.governance.calls import Kind


class Governance(Caller):
    """GovernanceService, from threads; each call blocks."""

    _services = calls.SERVICES
    _usual_deadline = ACT

    def apply_bundle(
        self,
        directory: Directory | str | os.PathLike[str],
        *,
        reason: str = "",
        dry_run: bool = False,
        force: bool = False,
        expected_epoch: int | None = None,
        replay_since: float | None = None,
    ) -> results.Applied:
        """Puts a directory in force, or tells what that would change (`dry_run`).

        `force` overrules failing policy tests. With `expected_epoch`, as `compared_epoch`
        of a dry run told it, nothing happens where another bundle was put in force since.
        `replay_since`, seconds since the epoch, counts decisions that would end otherwise.

        Raises:
            DirectoryError: the directory cannot be sent; nothing was.
            BundleInvalid: it is no bundle; with file, line and column.
            PolicyTestsFailed: neither forced nor a dry run.
            BundleMoved: another bundle is in force than was expected.
        """
        options = calls.apply_options(reason, dry_run, force, expected_epoch, replay_since)
        return self._run(calls.apply_bundle(_read(directory), options))

    def list_bundles(self, limit: int | None = None) -> Iterator[results.BundleVersion]:
        """Versions, the newest first, read page by page as they are taken."""
        return self._rows(calls.list_bundles, limit)

    def get_bundle(self, version: str = "") -> results.Bundle:
        """One version with its document; without a name, the one in force.

        `Unavailable` where what came is not the document of its version.
        """
        document = Pieces()
        with closing(self._answers(calls.get_bundle(version))) as pieces:
            for piece in pieces:
                document.add(piece)
        return document.whole()

    def diff_bundles(self, older: str = "", newer: str = "") -> results.BundleDiff:
        """What differs between two versions; an empty name is the one in force."""
        return self._run(calls.diff_bundles(older, newer))

    def activate_bundle(self, version: str, *, reason: str, expected_epoch: int | None = None) -> results.Activated:
        """Puts a stored version in force: to roll back, or forward again.

        Raises:
            BundleInvalid: a secret or key of the version is gone.
            BundleMoved: another bundle is in force than was expected.
        """
        return self._run(calls.activate_bundle(version, reason, expected_epoch))

    def simulate(
        self,
        directory: Directory | str | os.PathLike[str] | None = None,
        *,
        version: str = "",
        since: float,
        until: float | None = None,
        examples: int = 3,
        progress: Callable[[int, int], None] | None = None,
    ) -> Simulation:
        """What a directory, or a stored version, would change of what was decided.

        `since` and `until` are seconds since the epoch; `examples`, up to 20, are decision
        ids of each row. `progress` is told how many decisions are done, of how many; what
        it raises ends the simulation.

        Raises:
            DirectoryError: the directory cannot be sent; nothing was.
            BundleInvalid: the candidate is no bundle.
        """
        candidate = calls.candidate(None if directory is None else _read(directory), version)
        with closing(self._answers(calls.simulate(candidate, since, until, examples))) as told:
            for each in told:
                if isinstance(each, Simulation):
                    return each
                if progress is not None:
                    progress(each.done, each.total)
        raise answers.no_result()

    def block(
        self, kind: Kind, name: str, *, reason: str, until: float | None = None, unlisted: bool = False
    ) -> str | None:
        """Blocks a user (`idp:id` or `issuer|sub`), an issuer by its identifier, or anything
        else by its name in the bundle: everywhere within 2 seconds, until it is lifted or
        `until`, seconds since the epoch. A block that is there is replaced. Returns the
        decision id of the act.

        A name that the bundle in force does not have is `Refused` with its `nearest`,
        unless it is blocked all the same (`unlisted`).
        """
        return self._run(calls.block(kind, name, reason, until, unlisted))

    def unblock(self, kind: Kind, name: str, *, reason: str) -> str | None:
        """Lifts a block; `Refused` with `code` NOT_FOUND where there is none. Returns the
        decision id of the act."""
        return self._run(calls.unblock(kind, name, reason))

    def list_blocks(self, limit: int | None = None) -> Iterator[results.Block]:
        """The blocks in force, by kind and name."""
        return self._rows(calls.list_blocks, limit)

    def revoke_chain(self, name: str, *, reason: str) -> results.Revoked:
        """Revokes a chain, named by itself or by any decision on it, with every token and
        grant below."""
        return self._run(calls.revoke_chain(name, reason))


def _read(directory: Directory | str | os.PathLike[str]) -> Directory:
    return directory if isinstance(directory, Directory) else Directory.read(directory)
