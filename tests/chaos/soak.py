"""One run: replicas over a real PostgreSQL, a load, and a kill -9 every so often. What was
promised is checked at its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

from chaos import checker, evidence
from chaos.client import Client
from chaos.cluster import Sample, cluster
from chaos.database import EVERY, Witness
from chaos.evidence import Journal, Outage
from chaos.kinds import RIGHT
from chaos.load import Load, Told

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.checker import Verdict
    from chaos.cluster import Cluster
    from postgres_ import Server

LOOK: Final = 5.0
"""Seconds between two samples of memory, descriptors and CPU."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done."""

    seconds: float
    rate: float = 170.0
    """Calls a second at most."""
    kill_every: float = 20.0
    wrong: str = ""
    """The wrong store that is planted, if any."""
    replicas: int = 3
    seed: int = 0


@dataclass
class Run:
    """What was done, and what came of it."""

    plan: Plan
    took: float = 0.0
    calls: int = 0
    told: Told = field(default_factory=Told)
    answers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By RPC, kind and answer."""
    latencies: dict[str, list[float]] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    database_cpu: float = 0.0
    records: int = 0
    reconnected: int = 0
    verdict: Verdict = field(default_factory=checker.Verdict)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.took if self.took else 0.0


async def soak(plan: Plan, server: Server, database: str, folder: Path) -> Run:
    """Runs the plan against an empty database with the schema."""
    run = Run(plan)
    url = server.url(database)
    witness = Witness(url)
    arguments = ("--wrong", plan.wrong) if plan.wrong else ()
    with (folder / "journal.jsonl").open("w") as file:
        async with cluster(folder, url, plan.replicas, *arguments) as replicas:
            client = Client(Journal(file).note)
            load = Load(replicas, client, plan.rate, plan.seed)
            began = time.monotonic()
            beside = [
                asyncio.create_task(work) for work in (_kill(run, replicas), _watch(run, replicas), _look(witness))
            ]
            await load.run(plan.seconds)
            run.took = time.monotonic() - began
            for task in beside:
                task.cancel()
            for ended in await asyncio.gather(*beside, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended
            await client.close()
            run.database_cpu = _cpu_of(server)
            run.reconnected = client.reconnected
            run.restarts, run.told, run.calls = replicas.restarts, load.told, client.calls
    held = await witness.testimony()
    run.records = len(held.records)
    calls = list(evidence.read(folder / "journal.jsonl"))
    run.answers.update((call.rpc, call.kind, call.answer) for call in calls)
    for call in calls:
        run.latencies.setdefault(call.rpc, []).append(call.ended - call.begun)
    run.verdict = checker.agree(calls, held, run.outages, RIGHT)
    return run


async def _kill(run: Run, replicas: Cluster) -> None:
    """kill -9 of one after the other; the first lives on, so that its memory tells
    something."""
    async with asyncio.TaskGroup() as restarts:
        for victim in itertools.cycle(replicas.replicas[1:]):
            try:
                await asyncio.sleep(run.plan.kill_every)
            except asyncio.CancelledError:
                return  # the run is over; what is being started comes up first
            if victim.up:
                at = time.monotonic()
                victim.kill()
                run.outages.append(Outage(victim.number, at, time.monotonic(), "kill -9"))
                restarts.create_task(replicas.restart(victim))


async def _watch(run: Run, replicas: Cluster) -> None:
    while True:
        run.samples += replicas.samples()
        await asyncio.sleep(LOOK)


async def _look(witness: Witness) -> None:
    while True:
        await asyncio.sleep(EVERY)
        await witness.look()


def _cpu_of(server: Server) -> float:
    """CPU seconds of PostgreSQL, its ended children included."""
    assert server.process is not None
    parent = psutil.Process(server.process.pid)
    spent = 0.0
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            cpu = process.cpu_times()
            spent += cpu.user + cpu.system
    own = parent.cpu_times()
    return spent + own.children_user + own.children_system
