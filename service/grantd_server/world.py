"""What every flow stands on: clock, live governance, keys, store. Built once, in wiring."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.model.buckets import Buckets
from grantd_server.offloop import OffLoop
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grantd_server.audit.pseudonym import Pseudonyms
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.keys.foreign.client_documents import ClientDocuments
    from grantd_server.keys.foreign.remote import RemoteKeys
    from grantd_server.keys.own.ring import KeyRing
    from grantd_server.keys.own.verified import VerifiedTokens
    from grantd_server.keys.pairwise import Pairwise
    from grantd_server.store import Store
    from grantd_server.store.records.ledger import Ledger
    from grantd_server.store.view import RevocationView


@dataclass(slots=True)
class World:
    """The parts. Only `snapshot` changes: one reference, swapped when a bundle is active."""

    clock: Callable[[], float]
    """Wall clock, seconds since the epoch."""
    ring: KeyRing
    remote: RemoteKeys
    documents: ClientDocuments
    store: Store
    ledger: Ledger
    view: RevocationView
    pseudonyms: Pseudonyms
    pairwise: Pairwise
    verified: VerifiedTokens
    skew: int
    """Clock skew tolerated, seconds; one value for exp, nbf, iat and marks (G-14)."""
    stale_view: float
    """Age of the revocation view beyond which introspection is unavailable, seconds."""
    catch_up: Callable[[], Awaitable[None]]
    """Reads the live state and the active bundle now."""
    snapshot: Snapshot | None = None
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    offloop: OffLoop = field(default_factory=OffLoop)
    guesses: Buckets = field(default_factory=lambda: Buckets(size=100, per_second=10))
    """Failed authentications, by issuer, claimed client and address: whoever guesses is
    slowed down, and the same client elsewhere is not (D-15)."""
    probes: Buckets = field(default_factory=lambda: Buckets(size=2000, per_second=200))
    """Introspected texts that are no token of ours, by asker (C-28)."""

    def governed(self) -> Snapshot:
        """The bundle in force; one call uses one snapshot."""
        if self.snapshot is None:
            raise Refused(Reason.NOT_READY)
        return self.snapshot
