"""The process that replays: a job on its input, then slices of time; what it counted on
its output. It is niced before it does anything."""

from __future__ import annotations

import asyncio
import base64
import os
from secrets import token_urlsafe
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from grantd_server.audit.pseudonym import Pseudonyms
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.faults import BundleError
from grantd_server.simulation.replay.candidate import Candidate
from grantd_server.simulation.replay.case import Skipped, read_record
from grantd_server.simulation.replay.engine import replay
from grantd_server.simulation.report.tally import Tally
from grantd_server.simulation.running.job import Job, of_line
from grantd_server.store import OutcomeUnknown, StoreUnavailable
from grantd_server.store.opening import open_store
from grantd_server.store.schema import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.store import Store

NICENESS: Final = 10
"""Serving goes first."""


def main(orders: IO[bytes], answers: IO[bytes]) -> int:
    """Works until the orders end; the exit status."""
    os.nice(NICENESS)
    try:
        asyncio.run(_work(of_line(orders.readline()), orders, answers))
    except (StoreUnavailable, OutcomeUnknown, SchemaMismatch) as fault:
        _say(answers, {"unavailable": str(fault)})
    except BundleError as fault:
        _say(answers, {"faults": str(fault).splitlines()})
    except BrokenPipeError:
        return 1  # nobody listens any more
    return 0


async def _work(job: Job, orders: IO[bytes], answers: IO[bytes]) -> None:
    candidate = _candidate(job)
    store = open_store(job.opening)
    try:
        await store.start()
        tally = Tally(job.examples)
        _say(answers, {"idle": True})
        while line := orders.readline():
            order = orjson.loads(line)
            if order == "span":
                span = await store.decision_span(job.since_us, job.until_us)
                _say(answers, {"span": span and [span.first_us, span.last_us, span.records]})
                continue
            async for page in store.decisions(*order):
                await _replay(candidate, store, tally, page)
                _say(answers, {"done": len(page)})
            _say(answers, {"idle": True})
        _say(answers, {"result": tally.result().plain()})
    finally:
        await store.close()


async def _replay(candidate: Candidate, store: Store, tally: Tally, page: Sequence[tuple[str, bytes]]) -> None:
    for decision_id, body in page:
        try:
            case, ended = read_record(body, candidate.names)
        except Skipped as skipped:
            tally.skip(str(skipped))
            continue
        if not candidate.knows(case.version):
            document = await store.bundle(case.version)
            candidate.learn(case.version, None if document is None else orjson.loads(document))
        tally.add(decision_id, case, ended, replay(candidate, case))


def _candidate(job: Job) -> Candidate:
    snapshot = compile_document(job.document, _any_secret, epoch=0, fingerprint_key=bytes(32))
    keys = [Pseudonyms(base64.urlsafe_b64decode(f"{key}=="), kid) for kid, key in job.pseudonym_keys.items()]
    return Candidate(snapshot, orjson.loads(job.document), keys)


def _any_secret(reference: SecretReference) -> bytes:  # noqa: ARG001 - as every resolver
    """Stands for a secret: credentials are not replayed, and two are never the same."""
    return token_urlsafe(32).encode()


def _say(answers: IO[bytes], message: Any) -> None:
    answers.write(orjson.dumps(message) + b"\n")
    answers.flush()
