"""`grantd` as a process: exit codes, no traceback, a missing extra, start and drain."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

GRANTD = Path(sys.executable).with_name("grantd")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("GRANTD", "OTEL"))}


def _run(*command, **environ):
    return subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRON | environ,
        check=False,
    )


@pytest.mark.parametrize("command", [(GRANTD,), (sys.executable, "-m", "grantd_server")])
def test_unsafe_settings_stop_the_start_with_one_sentence_each_and_no_traceback(tmp_path, command):
    config = tmp_path / "grantd.yaml"
    config.write_text("grpc: {listen: '0.0.0.0:7443'}\nworkers: 4\n")
    found = _run(*command, "serve", "--config", config)
    assert found.returncode == 2
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    assert len(found.stderr.splitlines()) == 4
    assert "grpc.listen: 0.0.0.0:7443 is reached from other machines and has no TLS" in found.stderr


def test_a_missing_extra_says_which_to_install():
    code = "import sys; sys.modules['typer'] = None; from grantd_server.__main__ import main; main()"
    found = _run(sys.executable, "-c", code)
    assert (found.returncode, found.stderr) == (2, "typer is not installed: pip install 'grantd[server]'\n")


def test_a_missing_library_of_one_command_says_so_too(tmp_path):
    (tmp_path / "grantd.yaml").write_text("store: {url: 'sqlite:///x.db'}\n")
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; sys.argv[1:] = ['db', 'upgrade'];"
        "from grantd_server.__main__ import main; main()"
    )
    found = _run(sys.executable, "-c", code, GRANTD_CONFIG=str(tmp_path / "grantd.yaml"))
    assert (found.returncode, found.stderr) == (2, "sqlalchemy is not installed: pip install 'grantd[server]'\n")


def test_a_fault_of_ours_is_not_called_a_missing_extra():
    code = "import sys; sys.modules['grantd_server.cli.app'] = None;from grantd_server.__main__ import main; main()"
    found = _run(sys.executable, "-c", code)
    assert found.returncode == 1
    assert "pip install" not in found.stderr


@pytest.fixture
def house(tmp_path):
    (tmp_path / "grantd.yaml").write_text(
        "development: true\n"
        f"grpc: {{listen: 'unix:{tmp_path}/g.sock', plaintext: service}}\n"
        f"http: {{listen: 'unix:{tmp_path}/h.sock'}}\n"
        "store: {url: 'sqlite:///grantd.db'}\n"
        "keys: {directory: keys, auto_create: true}\n"
        "limits: {drain_notice: 0, drain_grace: 1}\n"
    )
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("parts", [("serve",), ("serve", "rpc")])
def test_a_served_process_drains_on_a_signal_and_exits_with_0(house, parts, number):
    process = subprocess.Popen(
        [str(GRANTD), *parts, "--config", str(house / "grantd.yaml")],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRON,
    )
    try:
        events = []
        for line in process.stderr:
            events.append(json.loads(line)["event"])
            if events[-1] == "serving":
                process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert events[:2] == ["checkpoints.off", "serving"]
    assert "draining" in events
