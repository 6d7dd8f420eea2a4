"""Puts a bundle in force: store the version, then flip the pointer, on record.

Big things first: the document is written before the tiny transaction that activates
it, so that a daemon on the same file is never held up by it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.governance.activation.ahead import put_ahead
from grantd_server.governance.document import version_of
from grantd_server.governance.testing.demanding import demand
from grantd_server.store import Conflict
from grantd_server.store.records.act import act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.document import Document
    from grantd_server.governance.testing.suites import Suite
    from grantd_server.store import Store


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an apply."""

    version: str
    epoch: int
    changed: bool
    """False when this very version was in force already: nothing was activated."""


async def apply(
    store: Store, document: Document, author: str, why: str, now: float, *, suites: Sequence[Suite] = ()
) -> Applied:
    """Activates a document that was parsed and validated, and that passes `suites`. One that
    is in force already is not tested: a test that a date turned must not keep a service
    from starting again.

    Raises:
        BundleError: policy tests do not pass; nothing was changed.
        Conflict: somebody else activated another version meanwhile.
        StoreUnavailable: nothing was changed.
    """
    version = version_of(document)
    active = await store.active_bundle()
    expected = 0 if active is None else active[0]
    if active is not None and active[1] == version:
        return Applied(version, expected, changed=False)
    await asyncio.to_thread(demand, document, suites, int(now))
    await put_ahead(store, version, document.json, author, why)
    entry = act("ApplyBundle", now, author=author, why=why, version=version, replaces=active[1] if active else "")
    try:
        epoch = await store.activate(version, expected, entry, author=author, why=why)
        return Applied(version, epoch, changed=True)
    except Conflict:
        # Replicas that start or follow one directory together: what was asked for is so.
        epoch, in_force, _ = await store.active_bundle() or (0, "", b"")
        if in_force != version:
            raise
        return Applied(version, epoch, changed=False)
