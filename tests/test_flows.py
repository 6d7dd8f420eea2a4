"""The steps of the flows, their spans and docs/flows.md are one list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import organisation as org
from case_files import cases, run
from grantd_server import flows
from house import House

DOCUMENTED = re.findall(r"`((?:exchange|refresh|redeem|introspect|revoke)\.\w+)`", Path("docs/flows.md").read_text())
SOURCES = "".join(file.read_text() for file in sorted(Path(flows.__path__[0]).glob("*.py")))
IN_CODE = re.findall(r'"((?:exchange|refresh|redeem|introspect|revoke)\.\w+)"', SOURCES)


def test_the_documented_steps_are_those_in_the_code() -> None:
    assert sorted(DOCUMENTED) == sorted(set(IN_CODE))
    assert len(IN_CODE) == len(set(IN_CODE))


@pytest.mark.parametrize("rpc", ["exchange", "redeem"])
async def test_a_trace_reads_like_the_documented_list(house: House, rpc: str) -> None:
    honest = next(case for case in cases() if case.rpc == rpc and "granted" in case.spec and not case.fresh)
    house.spans.clear()
    result = await run(house, honest, "grpc")
    assert result.ok
    spans = [span for span in house.spans.get_finished_spans() if span.parent is not None]
    steps = [span.name for span in sorted(spans, key=lambda span: span.start_time or 0)]
    assert steps == [name for name in DOCUMENTED if name.startswith(rpc)]


async def test_every_check_of_a_record_names_its_step(house: House) -> None:
    honest = next(case for case in cases() if case.rpc == "exchange" and "granted" in case.spec and not case.fresh)
    result = await run(house, honest, "inprocess")
    record = await house.record(result.decision_id)
    assert {check[0] for check in record["checks"]} <= set(DOCUMENTED)
    assert record["issuer"] == org.GRANTS
