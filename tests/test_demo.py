"""The demo as a newcomer runs it: the story, and the company left up to be tried."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.demo.company import Company, Ports
from deploy.demo.processes import NotStartedError, Program, accepts
from deploy.demo.recipes import keep_file, recipes
from deploy.demo.story import without_what_held
from deploy.demo.telling import Teller

from canaille_ import needs_canaille
from tokens import signing_key

ROOT = Path(__file__).parent.parent
DEMO = [sys.executable, "-m", "deploy.demo"]
JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@needs_canaille
def test_the_story_is_told_to_its_end_and_shows_no_whole_token(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    told = subprocess.run(DEMO, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False, env=environment)
    assert told.returncode == 0, told.stderr
    for line in (
        "oauth-id-jag+jwt",
        "at+jwt",
        "✓ list_tickets: T-1",
        "✓ close_ticket T-2: T-2 was closed by grants|alice",
        "✗ second: invalid_grant: the assertion was already used",
        "✗ access_denied: policy does not allow",
        "rule engineers-read-and-close-tickets failed at subjects.groups",
        "expected corp:engineering",
        "everything happened as told",
    ):
        assert line in told.stdout
    assert not JWT.search(told.stdout)
    assert "\x1b" not in told.stdout
    assert told.stderr == ""
    assert list(tmp_path.glob("grantd-demo-*")) == []


@needs_canaille
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_commands_work_while_the_company_is_up_and_it_stops_when_told(tmp_path):
    printed = tmp_path / "printed.txt"
    with printed.open("wb") as out:
        company = subprocess.Popen([*DEMO, "--keep", "--folder", str(tmp_path / "run")], cwd=ROOT, stdout=out)
    try:
        program = _Waiting(company, printed)
        text = program.text_once("Ctrl-C stops everything")
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)]
        legs = (
            text[text.index("  ID_JAG=") : text.index("Leg 2")] + text[text.index("  curl -s") : text.index("The same")]
        )
        walked = subprocess.run(["sh", "-euc", legs], capture_output=True, text=True, timeout=30, check=True)
        assert '"access_token":"eyJ' in walked.stdout
        assert '"scope":"tickets:read"' in walked.stdout
    finally:
        company.send_signal(signal.SIGTERM)
        company.wait(20)
    assert company.returncode == 143
    assert not any(accepts(port) for port in set(ports))


class _Waiting:
    """Waits for the output of a program."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def text_once(self, end: str) -> str:
        for _ in range(600):
            text = self.output.read_text()
            if end in text:
                return text
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"it ended: {text}")
        raise AssertionError("it never got there")


def test_a_program_that_ends_at_once_is_told_with_the_end_of_its_log(tmp_path):
    program = Program("broken", [sys.executable, "-c", "raise SystemExit('canary reason')"], tmp_path / "log")
    with pytest.raises(NotStartedError, match=r"broken ended; .*\n.*canary reason"):
        program.wait_until(lambda: False)


def test_a_program_that_never_answers_is_stopped(tmp_path):
    program = Program("deaf", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    with pytest.raises(NotStartedError, match="deaf did not answer"):
        program.wait_until(lambda: False, seconds=0.2)
    assert program.stop() != 0


def test_a_program_that_does_not_end_when_asked_is_killed(tmp_path):
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    program = Program("stubborn", [sys.executable, "-c", stubborn], tmp_path / "log")
    program.wait_until(lambda: "up" in (tmp_path / "log").read_text())
    assert program.stop(seconds=0.2) == -signal.SIGKILL


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environment", "coloured"),
    [
        (_Terminal(), {}, True),
        (_Terminal(), {"NO_COLOR": ""}, False),
        (_Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
    ids=["terminal", "NO_COLOR", "dumb", "pipe"],
)
def test_colour_is_only_for_terminals_that_want_it(out, environment, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Teller(out).chapter("A title")
    assert ("\x1b[1m" in out.getvalue()) is coloured


def test_a_folder_that_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("x")
    told = subprocess.run(
        [*DEMO, "--keep", "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 1
    assert "The demo failed" in told.stderr
    assert (tmp_path / "precious").read_text() == "x"


def test_a_shown_token_is_decoded_and_cut():
    out = io.StringIO()
    token = signing_key().sign({"iss": "https://as", "aud": ["a", "b"], "jti": "hidden", "exp": 0}, "at+jwt")
    Teller(out).token("A token", token, {"typ": "the kind", "iss": "made by", "aud": "for", "exp": "until"})
    shown = out.getvalue()
    for part in ("at+jwt", "made by", "a, b", "until"):
        assert part in shown
    assert "hidden" not in shown
    assert not any(part in shown for part in token.split("."))


def test_checks_that_held_are_counted_instead_of_listed():
    explained = "checks\n  ok     a\n           expected x\n           got      x\n  ok     b\n  FAILED c\n           expected y\n"
    kept = without_what_held(explained)
    assert kept == "checks\n  ok     2 checks held; the command shows each\n  FAILED c\n           expected y"


def test_the_bundle_holds_hashes_and_no_secret(tmp_path):
    company = Company(tmp_path)
    company.write()
    written = "".join(path.read_text() for path in tmp_path.rglob("*.yaml"))
    for credential in (company.at_grants, company.at_server, company.ticket_desk):
        assert credential.sha256 in written
        assert credential.secret not in written
        assert credential.secret not in repr(company)
    assert "${" not in written


def test_usual_ports_are_left_to_whoever_has_them(monkeypatch):
    monkeypatch.setattr("deploy.demo.company.accepts", lambda port: port == 7443)
    ports = Ports.usual()
    assert (ports.directory, ports.http, ports.tickets) == (7090, 7080, 7091)
    assert ports.grpc != 7443


def test_the_recipes_name_this_companys_addresses_and_no_secret(tmp_path):
    company = Company(tmp_path)
    text = recipes(company, Path("grantd"))
    assert f"audience={company.server} -d resource={company.resource}" in text
    assert f"grpcurl -plaintext {company.grpc} list" in text
    assert company.at_grants.secret not in text


def test_a_kept_secret_is_its_owners_alone(tmp_path):
    keep_file(tmp_path / "a.secret", "x")
    assert (tmp_path / "a.secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.secret"]
