"""Files of policy tests are read or refused, whatever is in them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd_server.governance.faults import BundleError
from grantd_server.governance.testing.reading.suite_files import read_suites
from grantd_server.governance.testing.suites import Suite

KEYS = ["people", "tests", "suite", "name", "who", "client", "resource", "scopes", "granted", "expect", "table", "sign_in",
        "acr", "amr", "age", "at", "address", "leg", "issuer", "tenant", "provider", "groups", "claims", "a", "ledger.read"]  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["a", "yes", "no_rule", "corp", "corp:eng", "both", "1h", ""])
)
level = leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.sampled_from(KEYS), leaves, max_size=3)
values = level | st.dictionaries(st.sampled_from(KEYS), level, max_size=3)
test = st.fixed_dictionaries(
    {"name": st.just("one"), "client": values, "resource": values},
    optional=dict.fromkeys(("who", "scopes", "granted", "expect", "table", "leg", "at", "sign_in", "address"), values),
)
files = st.fixed_dictionaries(
    {"tests": st.lists(test, max_size=2) | values},
    optional={"people": st.dictionaries(st.sampled_from(["a", "corp"]), values, max_size=2), "client": values},
)


def read(raw: bytes) -> tuple[Suite, ...]:
    """What was read; nothing where it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x_test.yaml").write_bytes(raw)
        try:
            return read_suites(Path(folder))
        except BundleError:
            return ()


@settings(max_examples=200, deadline=None)
@given(files)
def test_any_structure_is_read_or_refused_with_a_place(content: dict[str, Any]) -> None:
    found = read(yaml.safe_dump(content).encode())

    assert all(case.expected and case.question.client for suite in found for case in suite.cases)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    read(raw)
