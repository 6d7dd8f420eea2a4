"""Each import contract goes red for the one import that it forbids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
PLANTED = {
    "one road, downhill": ("service/grantd_server/refusals.py", "import grantd_server.flows"),
    "what others install knows nothing of the server": (
        "clients/python/grantd/errors.py",
        "import grantd_server.model",
    ),
    "the shim only speaks over the stubs": (
        "service/grantd_server/shim/request/form.py",
        "import grantd_server.flows.road.call",
    ),
    "policy and pure checks do no I/O and know no transport": (
        "service/grantd_server/policy/decide.py",
        "import socket",
    ),
    "a replay is a function of the record and the bundle": (
        "service/grantd_server/simulation/replay/engine.py",
        "import time",
    ),
    "grpc and protobuf only at the edges": ("service/grantd_server/flows/road/call.py", "import grpc"),
    "PyJWT only in the JWS layer": ("service/grantd_server/checks.py", "import jwt"),
    "XML and its signatures only where assertions are read": ("service/grantd_server/subjects/saml2.py", "import lxml"),
    "SQLModel, SQLAlchemy and drivers only in the store": ("service/grantd_server/audit/chain.py", "import sqlite3"),
    "OpenTelemetry only in telemetry": ("service/grantd_server/flows/road/call.py", "import opentelemetry.trace"),
    "outbound HTTP only in the key fetcher and the clients": (
        "service/grantd_server/shim/request/form.py",
        "import httpx2",
    ),
    "settings are read at the top only": ("service/grantd_server/flows/road/call.py", "import grantd_server.settings"),
}


def linted(tree: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{tree}/service:{tree}/clients/python", "COLUMNS": "200"}
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [program, "--no-cache"], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for name in ("service", "clients"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_every_contract_has_its_planted_violation() -> None:
    assert sorted(PLANTED) == sorted(CONTRACTS)


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    out = linted(tree)
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in out, out


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_a_contract_is_broken_by_the_import_it_forbids(tree: Path, contract: str) -> None:
    name, line = PLANTED[contract]
    file = tree / name
    honest = file.read_text()
    try:
        file.write_text(f"{honest}\n{line}\n")
        assert f"{contract} BROKEN" in linted(tree)
    finally:
        file.write_text(honest)


def test_a_new_module_without_a_layer_is_an_error(tree: Path) -> None:
    stray = tree / "service/grantd_server/stray.py"
    try:
        stray.write_text('"""Nowhere."""\n')
        assert "stray" in linted(tree)
    finally:
        stray.unlink()
