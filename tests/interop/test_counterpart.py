"""The judge of `make interop`: what passes, what fails, what is shown."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest
from counterpart import Counterpart
from deploy.demo.company import Company
from deploy.demo.recipes import recipes
from typed import commands


def python(script: str, *must: str, limit: float = 30) -> Counterpart:
    return Counterpart("a program", [sys.executable, "-c", script], must, limit=limit)


def test_a_program_that_says_what_it_must_passes_and_its_words_are_told(tmp_path):
    outcome = python("print('leg 1: done'); print('leg 2: done')", r"^leg \d: done", "^leg 2").run(tmp_path)
    assert (outcome.passed, outcome.what) == (True, "leg 1: done; leg 2")


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("", 30),
        ("print('not done')", 30),
        ("print('done'); raise SystemExit(1)", 30),
        ("import time; print('done', flush=True); time.sleep(60)", 1),
    ],
    ids=["says nothing", "says something else", "fails afterwards", "does not end"],
)
def test_a_program_fails_that(script, limit, tmp_path):
    assert not python(script, "^done", limit=limit).run(tmp_path).passed


@pytest.mark.timeout(30)
def test_what_a_program_leaves_running_is_stopped_with_it(tmp_path):
    lock = tmp_path / "lock"
    script = (
        "import fcntl, subprocess, sys\n"
        f"file = open({str(lock)!r}, 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], pass_fds=[file.fileno()],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print('started')"
    )
    assert python(script, "^started").run(tmp_path).passed
    with lock.open() as file:
        # Its child holds the lock for as long as it lives.
        fcntl.flock(file, fcntl.LOCK_EX)


def test_no_token_and_no_colour_of_a_program_is_shown(tmp_path):
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
    outcome = python(f"print('\\x1b[32m{token}\\x1b[0m')", r"^eyJ\S+$").run(tmp_path)
    assert (outcome.what, outcome.output) == ("(token)", "(token)\n")


def test_the_commands_of_each_program_are_cut_out_of_the_recipes(tmp_path):
    text = recipes(Company(tmp_path), Path("grantd"))
    by_curl, by_grpcurl = commands(text, "curl"), commands(text, "grpcurl")
    assert (by_curl.count("curl -s "), by_grpcurl.count("grpcurl -plaintext ")) == (2, 2)
    assert "grpcurl" not in by_curl
    assert all(line in text for line in (by_curl + os.linesep + by_grpcurl).splitlines())
    with pytest.raises(ValueError, match="no command for wget"):
        commands(text, "wget")
