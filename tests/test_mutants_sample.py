"""The tool behind `make mutants`, tried on a small package and on a sample of the service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tests" / "mutants"

DOOR = '''
def enter(age, ticket, coat, hat):
    """Lets somebody in."""
    if age < 18:
        raise ValueError("too young")
    if not ticket or ticket == "forged":
        raise ValueError("no ticket")
    if coat is None:
        raise ValueError("it is cold")
    return "in"
'''

TESTS = """
import pytest
from door import enter

def test_who_may_enter_is_in():
    assert enter(18, "a ticket", "a coat", None) == "in"

def test_a_child_is_refused():
    with pytest.raises(ValueError, match="young"):
        enter(17, "a ticket", "a coat", None)

def test_without_a_ticket_nobody_is_in():
    with pytest.raises(ValueError, match="ticket"):
        enter(18, "", "a coat", None)
"""

NO_FORGERY = """
def test_a_forged_ticket_is_refused():
    with pytest.raises(ValueError, match="ticket"):
        enter(18, "forged", "a coat", None)
"""

ALLOWED = """
src/door.py:
  enter:
    "refuses: coat is None -> False": Nobody minds a cold.
"""

NEEDLESS = """
    "refuses: age < 18 -> False": Nobody looks so closely.
"""


def mutants(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # A worker of xdist tells its children who it is; the tool starts runs of its own.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, str(TOOL), "--workers", "1", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def planted(root: Path, tests: str, allowed: str) -> subprocess.CompletedProcess[str]:
    (root / "src").mkdir()
    (root / "src" / "door.py").write_text(DOOR)
    (root / "tests").mkdir()
    (root / "tests" / "test_door.py").write_text(tests)
    (root / "allowed.yaml").write_text(allowed)
    where = ("--root", root, "--sources", "src", "--tests", "tests", "--allowed", root / "allowed.yaml")
    return mutants(*where, cwd=root)


def test_a_guard_that_no_test_notices_is_named_and_fails_the_run(tmp_path: Path) -> None:
    done = planted(tmp_path, TESTS, ALLOWED + NEEDLESS)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "SURVIVOR src/door.py:6 refuses: ticket == 'forged' -> False" in done.stdout
    assert "NOT NEEDED in allowed.yaml: src/door.py enter refuses: age < 18 -> False" in done.stdout
    assert "4 guards, 2 killed, 1 allowed, 1 survivors" in done.stdout


def test_a_package_whose_guards_are_all_noticed_passes(tmp_path: Path) -> None:
    done = planted(tmp_path, TESTS + NO_FORGERY, ALLOWED)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 guards, 3 killed, 1 allowed, 0 survivors" in done.stdout


def test_tests_that_cannot_run_prove_nothing(tmp_path: Path) -> None:
    done = planted(tmp_path, "import no_such_module", ALLOWED)

    assert done.returncode == 2
    assert "no_such_module" in done.stdout


POLICY = tuple(
    f"tests/test_{name}.py"
    for name in (
        "policy_decide",
        "policy_step_up",
        "policy_index",
        "policy_near_misses",
        "policy_combining",
        "guards_policy",
    )
)


@pytest.mark.parametrize(
    ("guards", "every", "tests"),
    [
        ("grantd/jws.py", 6, ("tests/test_jws.py", "tests/test_jws_hostile.py", "tests/test_jws_encoding.py")),
        ("policy/", 12, POLICY),
    ],
)
def test_a_sample_of_the_guards_of_the_service_is_noticed(guards: str, every: int, tests: tuple[str, ...]) -> None:
    done = mutants("--only", guards, "--every", str(every), "--tests", *tests)

    assert done.returncode == 0, done.stdout + done.stderr
