"""The table of requirements, its place in the contract, and the plugin that fills it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf.descriptor import FieldDescriptor

import conformance_
import requirements
from grantd.v1 import authorization_pb2, client_pb2

TESTS = Path(__file__).parent
PLACES = yaml.safe_load(requirements.FIELDS.read_text("utf-8"))

PROBES = """
import pytest

@pytest.mark.req("A-01", "B-01")
def test_passes():
    pass

@pytest.mark.req("B-01")
def test_passes_as_well():
    pass

@pytest.mark.req("A-02")
def test_fails():
    assert False

@pytest.mark.req("A-03")
def test_is_skipped():
    pytest.skip("not today")

@pytest.mark.req("A-04")
@pytest.mark.xfail
def test_fails_as_expected():
    assert False

@pytest.mark.req("A-05")
@pytest.mark.xfail
def test_passes_unexpectedly():
    pass

@pytest.fixture
def broken():
    yield
    raise RuntimeError

@pytest.mark.req("A-06")
def test_cannot_clean_up(broken):
    pass

@pytest.mark.req("A-70")
def test_proves_less_than_the_row():
    pass
"""


def run(folder: Path, probes: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_probes.py").write_text(probes)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = req(*ids)\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conformance_", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_row_is_met_only_by_a_test_that_passed(tmp_path: Path, workers: str) -> None:
    done = run(tmp_path, PROBES, "--conformance", "table.md", "-n", workers)

    assert done.returncode == 1, done.stdout + done.stderr
    table = (tmp_path / "table.md").read_text()
    status = {row[0]: row[2] for line in table.splitlines() if len(row := line.strip("| ").split(" | ")) > 3}
    assert status["A-01"] == status["B-01"] == "met"
    assert {status[row] for row in ("A-02", "A-03", "A-04", "A-05", "A-06")} == {"not yet"}
    assert status["A-70"] == "declined"
    assert "| B-01 | MUST | met | The jwt-bearer grant needs exactly one assertion" in table
    assert "invalid_request. | 2 |" in table


def test_an_id_that_is_no_requirement_fails_the_collection(tmp_path: Path) -> None:
    done = run(tmp_path, PROBES.replace("A-01", "A-99"))

    assert done.returncode not in {0, 1}
    assert "test_probes.py::test_passes: no such requirement: A-99" in done.stdout + done.stderr


def test_the_totals_count_every_row_once() -> None:
    table = list(requirements.rows().values())
    page = conformance_.page(table, {"A-01": 3})

    totals = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| met", "| not yet"))]
    later = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| later", "| declined"))]
    assert totals[0] == ["met", "1", "0", "0", "0", "1"]
    assert sum(int(line[-1]) for line in totals + later) == len(table)


def test_every_row_is_short_and_has_a_level() -> None:
    for row in requirements.rows().values():
        assert row.level in requirements.LEVELS, row
        assert len(row.says) <= 100, row
        assert not (row.later and row.declined), row


def test_every_row_about_a_call_has_a_place_in_the_contract_or_elsewhere() -> None:
    placed = [*PLACES["fields"], *(row for rows in PLACES["elsewhere"].values() for row in rows)]

    assert len(placed) == len(set(placed)), "a row has one place"
    assert set(placed) == {row for row in requirements.rows() if row[0] in "ABCDF"}


def test_every_field_that_serves_a_requirement_is_in_the_contract() -> None:
    named = {field for fields in PLACES["fields"].values() for field in fields}

    assert named <= set(contract())


def test_every_field_of_a_call_serves_a_requirement() -> None:
    named = {field for fields in PLACES["fields"].values() for field in fields}
    ours = {
        "RevokeTokenRequest.issuer",  # every request says which issuer it is for
        "IntrospectTokenRequest.issuer",
        "IntrospectTokensRequest.issuer",
        "RefuseRequestRequest.issuer",
        "Observed.traceparent",
    }

    assert contract().keys() - named == ours


def contract() -> dict[str, FieldDescriptor]:
    """Every field of the messages of a call, as `Message.field`."""
    files = (authorization_pb2.DESCRIPTOR, client_pb2.DESCRIPTOR)
    messages = [message for file in files for message in file.message_types_by_name.values()]
    return {f"{message.name}.{field.name}": field for message in messages for field in message.fields}
