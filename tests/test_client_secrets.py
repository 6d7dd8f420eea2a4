"""Two secrets a client: made, listed and retired in the files that people write, and told
apart in records."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import northwind
import organisation as org
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.text import text_of
from grantd_server.cli.app import app
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import Faults
from grantd_server.governance.reading.texts.yaml_nodes import read_yaml
from grantd_server.governance.secrets.list_lines import NotByLines, with_item, without_item
from house import House
from leg_one import desk, exchanged

OLD = "a1" * 32
COMMENTED = f"""\
# Clients of the finance department.
clients:
  desk:
    at:
      northwind:
        client_id: desk-agent   # the desktop agent
        authentication:
          # given to the vendor in March
          - secret: {{sha256: {OLD}}}   # ticket 4711

          - peer: spiffe://northwind.example/agents/desk
        # only this
        grant_types: [token-exchange]
        sso: {{corp: [desk-sso]}}
      tools:
        client_id: agent-7
        authentication:
          - secret:
              # in the vault
              env: DESK_TOOLS_SECRET
        grant_types: [jwt-bearer]
      vendor: {{client_id: northwind-desk}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A governance directory in which the clients have a file of their own."""
    start, end = northwind.BUNDLE.index("clients:\n  desk:"), northwind.BUNDLE.index("grants:\n  northwind:")
    (tmp_path / "all.yaml").write_text(northwind.BUNDLE[:start] + northwind.BUNDLE[end:])
    (tmp_path / "clients.yaml").write_text(COMMENTED)
    parse_directory(tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    found = CliRunner(env={"GRANTD_CONFIG": ""}).invoke(app, ["client", "secret", *arguments, "--in", str(folder)])
    assert found.exit_code == code, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.stdout if code == 0 else found.stderr


def text(folder: Path) -> str:
    return (folder / "clients.yaml").read_text()


def added(folder: Path) -> str:
    """The one line that was added."""
    lines = text(folder).splitlines(keepends=True)
    before = COMMENTED.splitlines(keepends=True)
    (line,) = [line for line in lines if line not in before]
    lines.remove(line)
    assert lines == before
    return line.strip()


@pytest.mark.req("D-14")
@pytest.mark.parametrize("issuer", ["northwind", "https://grants.northwind.example"], ids=["name", "identifier"])
def test_a_new_secret_stands_beside_the_old_one_and_nothing_else_changes(folder: Path, issuer: str) -> None:
    shown = run(folder, "new", "desk", "--issuer", issuer).splitlines()
    secret = shown[1].strip()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert added(folder) == f"- secret: {{sha256: {digest}}}"
    assert shown[2:] == [
        f"added to clients.yaml, line 12: secret {digest[:8]} of clients.desk.at.northwind",
        f"next: grantd apply {folder}",
    ]
    assert secret not in text(folder)
    found = parse_directory(folder).root.at("clients", "desk", "at", "northwind", "authentication").plain()
    assert [next(iter(each)) for each in found] == ["secret", "peer", "secret"]


@pytest.mark.req("D-14")
def test_a_new_secret_may_have_an_end(folder: Path) -> None:
    before = int(time.time())
    run(folder, "new", "desk", "--issuer", "northwind", "--expires", "30d")
    end = added(folder).partition("expires: ")[2].rstrip("}")
    moment = datetime.fromisoformat(end).timestamp()
    assert before + 30 * 86400 <= moment <= time.time() + 30 * 86400
    assert "expires" in run(folder, "list", "desk", "--issuer", "northwind").splitlines()[1]


@pytest.mark.req("D-14")
def test_a_third_secret_is_refused_and_changes_nothing(folder: Path) -> None:
    run(folder, "new", "desk", "--issuer", "northwind")
    before = text(folder)
    told = run(folder, "new", "desk", "--issuer", "northwind", code=1)
    assert told.startswith("clients.desk.at.northwind has 2 secrets, a1a1a1a1 and ")
    assert told.endswith("Retire one first.\n")
    assert text(folder) == before


@pytest.mark.req("D-14")
def test_the_older_secret_is_retired_and_only_its_lines_go(folder: Path) -> None:
    run(folder, "new", "desk", "--issuer", "northwind")
    new = added(folder)
    told = run(folder, "retire", "desk", "--issuer", "northwind")
    assert told.splitlines()[0] == "secret a1a1a1a1 of clients.desk.at.northwind: taken away"
    assert new in text(folder)
    gone = f"          - secret: {{sha256: {OLD}}}   # ticket 4711\n"
    assert text(folder).replace(f"          {new}\n", "") == COMMENTED.replace(gone, "")


def test_the_secret_that_is_named_is_retired(folder: Path) -> None:
    run(folder, "new", "desk", "--issuer", "northwind")
    newer = run(folder, "list", "desk", "--issuer", "northwind").splitlines()[1].split()[0]
    run(folder, "retire", "desk", "--issuer", "northwind", "--fingerprint", newer)
    assert text(folder) == COMMENTED


@pytest.mark.req("D-14")
def test_the_older_secret_may_be_given_an_end_instead_and_then_another(folder: Path) -> None:
    for year in ("2090", "2091"):
        moment = f"{year}-01-31T00:00:00Z"
        told = run(folder, "retire", "desk", "--issuer", "northwind", "--expires", moment)
        assert told.splitlines()[0] == f"secret a1a1a1a1 of clients.desk.at.northwind: expires {moment}"
        line = f"{{sha256: {OLD}, expires: {moment}}}   # ticket 4711"
        assert text(folder) == COMMENTED.replace(f"{{sha256: {OLD}}}   # ticket 4711", line)
    assert run(folder, "list", "desk", "--issuer", "northwind") == f"a1a1a1a1  expires {moment}\n"


def test_a_secret_over_several_lines_goes_with_all_of_them(folder: Path) -> None:
    run(folder, "new", "desk", "--issuer", "tools")
    assert run(folder, "list", "desk", "--issuer", "tools").startswith("{env: DESK_TOOLS_SECRET}  does not expire\n")
    new = added(folder)
    run(folder, "retire", "desk", "--issuer", "tools")
    gone = "          - secret:\n              # in the vault\n              env: DESK_TOOLS_SECRET\n"
    assert text(folder) == COMMENTED.replace(gone, f"          {new}\n")


def test_a_secret_over_several_lines_is_not_given_an_end_by_line(folder: Path) -> None:
    told = run(folder, "retire", "desk", "--issuer", "tools", "--expires", "7d", code=1)
    assert told.startswith("write the secret on one line")
    assert text(folder) == COMMENTED


@pytest.mark.req("D-14")
def test_the_last_credential_is_not_taken_away(folder: Path) -> None:
    told = run(folder, "retire", "desk", "--issuer", "tools", code=1)
    assert told == "clients.desk.at.tools would have no credential left. Give it a new one first.\n"
    run(folder, "retire", "desk", "--issuer", "northwind")  # its TLS identity is left
    assert run(folder, "list", "desk", "--issuer", "northwind") == ""
    told = run(folder, "retire", "desk", "--issuer", "northwind", code=1)
    assert told == "clients.desk.at.northwind has no such secret; it has none.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dusk", "--issuer", "northwind"], 'The bundle has no client and no resource server "dusk".'),
        (["desk"], "desk is registered at northwind, tools, vendor; say which with --issuer."),
        (["desk", "--issuer", "nowhere"], "desk is registered at northwind, tools, vendor; say which with --issuer."),
        (["desk", "--issuer", "vendor"], "clients.desk.at.vendor is at a foreign server, which keeps its own credentials."),
    ],
    ids=["nobody", "several places", "no such place", "foreign place"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["new", "retire", "list"])
def test_a_party_that_is_not_there_is_told_with_those_that_are(
    folder: Path, command: str, arguments: list[str], told: str
) -> None:
    assert run(folder, command, *arguments, code=1) == f"{told}\n"


def test_a_secret_that_is_not_there_is_told_with_those_that_are(folder: Path) -> None:
    told = run(folder, "retire", "desk", "--issuer", "northwind", "--fingerprint", "ffffffff", code=1)
    assert told == "clients.desk.at.northwind has no such secret; it has a1a1a1a1.\n"


def test_a_resource_server_has_secrets_in_the_same_way(folder: Path) -> None:
    shown = run(folder, "new", "ledger-mcp")
    assert "of resource_servers.ledger-mcp" in shown
    found = parse_directory(folder).root.at("resource_servers", "ledger-mcp", "authentication").plain()
    assert [next(iter(each)) for each in found] == ["peer", "secret"]


def test_a_client_with_one_registration_needs_no_issuer(folder: Path) -> None:
    one = COMMENTED[: COMMENTED.index("      tools:")]
    (folder / "clients.yaml").write_text(one)
    run(folder, "new", "desk")
    assert text(folder) != one


@pytest.mark.req("D-22")
def test_a_client_with_a_metadata_document_is_given_no_secret(folder: Path) -> None:
    document = COMMENTED.replace("client_id: agent-7", "client_id: https://desk.example/client.json").replace(
        "          - secret:\n              # in the vault\n              env: DESK_TOOLS_SECRET\n",
        "          - metadata_document: {algorithms: [ES256]}\n",
    )
    (folder / "clients.yaml").write_text(document)
    told = run(folder, "new", "desk", "--issuer", "tools", code=1)
    assert told == "clients.desk.at.tools is known by its metadata document and can have no secret.\n"
    assert text(folder) == document


@pytest.mark.parametrize(
    "listed",
    [
        f"        authentication: [{{secret: {{sha256: {OLD}}}}}]\n",
        f"        authentication:\n          [\n          {{secret: {{sha256: {OLD}}}}}\n          ]\n",
    ],
    ids=["one line", "several lines"],
)
@pytest.mark.parametrize("command", ["new", "retire"])
def test_a_list_in_brackets_is_left_to_people(folder: Path, listed: str, command: str) -> None:
    start, end = COMMENTED.index("        authentication:"), COMMENTED.index("        # only this")
    flowing = COMMENTED[:start] + listed.replace("]\n", ", {peer: a.example}]\n", 1) + COMMENTED[end:]
    (folder / "clients.yaml").write_text(flowing)
    told = run(folder, command, "desk", "--issuer", "northwind", code=1)
    assert told.startswith("write the list with one line and a dash for each item")
    assert text(folder) == flowing


@pytest.mark.parametrize("written", ["a: [b, c]\n", "a:\n  [\n  b,\n  c\n  ]\n"], ids=["one line", "several lines"])
def test_an_item_without_a_dash_is_not_changed_by_line(written: str) -> None:
    read = read_yaml(written.encode(), "a.yaml", Faults())
    assert read is not None
    items = [read.at("a", 0), read.at("a", 1)]
    with pytest.raises(NotByLines):
        without_item(written, items[0])
    with pytest.raises(NotByLines):
        with_item(written, items, "d")


LAX = f"""\
          - secret: {{sha256: {OLD},
      expires: 2090-01-31T00:00:00Z}}
          - peer: a.example.com
"""
MISLEADING = """\
          - secret: {file: '/run/a, expires: b c'}
          - peer: a.example.com
"""


@pytest.mark.parametrize("written", [LAX, MISLEADING], ids=["lax", "misleading"])
def test_what_would_come_out_as_anything_else_is_not_written(folder: Path, written: str) -> None:
    start, end = COMMENTED.index("          # given to"), COMMENTED.index("        # only this")
    odd = COMMENTED[:start] + written + COMMENTED[end:]
    (folder / "clients.yaml").write_text(odd)
    arguments = ["--expires", "2091-01-31T00:00:00Z"] if written is MISLEADING else []
    told = run(folder, "retire", "desk", "--issuer", "northwind", *arguments, code=1)
    assert told.startswith("write the list with one line and a dash for each item")
    assert text(folder) == odd


def test_sections_that_are_empty_are_no_hindrance(folder: Path) -> None:
    bundle = (folder / "all.yaml").read_text()
    start, end = bundle.index("resource_servers:\n"), bundle.index("grants:\n")
    (folder / "all.yaml").write_text(f"{bundle[:start]}resource_servers:\n{bundle[end:]}")
    run(folder, "new", "desk", "--issuer", "tools")
    assert added(folder)


def test_a_file_without_a_line_end_gets_one(folder: Path) -> None:
    bare = f"clients:\n  desk:\n    at:\n      tools:\n        client_id: a-7\n        grant_types: [jwt-bearer]\n        authentication:\n          - secret: {{sha256: {OLD}}}"
    (folder / "clients.yaml").write_text(bare)
    run(folder, "new", "desk")
    assert text(folder).startswith(bare + "\n          - secret: ")
    assert text(folder).endswith("}\n")


def test_lines_that_end_as_windows_does_are_kept(folder: Path) -> None:
    (folder / "clients.yaml").write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    run(folder, "retire", "desk", "--issuer", "northwind", "--expires", "2090-01-31T00:00:00Z")
    assert (folder / "clients.yaml").read_bytes().count(b"\r\n") == COMMENTED.count("\n")


def test_the_file_keeps_its_mode_and_nothing_is_left_beside_it(folder: Path) -> None:
    (folder / "clients.yaml").chmod(0o640)
    run(folder, "new", "desk", "--issuer", "northwind")
    assert (folder / "clients.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in folder.iterdir()) == ["all.yaml", "clients.yaml"]


def test_a_file_behind_a_link_is_changed_where_it_lies(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = tmp_path_factory.mktemp("elsewhere") / "clients.real"
    (folder / "clients.yaml").rename(real)
    (folder / "clients.yaml").symlink_to(real)
    run(folder, "new", "desk", "--issuer", "northwind")
    assert (folder / "clients.yaml").is_symlink()
    assert real.read_text() != COMMENTED


def test_a_broken_bundle_is_told_by_line_and_not_changed(folder: Path) -> None:
    broken = COMMENTED.replace("grant_types: [token-exchange]", "grant_types: [token]")
    (folder / "clients.yaml").write_text(broken)
    assert "clients.yaml:13:23" in run(folder, "new", "desk", "--issuer", "northwind", code=1)
    assert text(folder) == broken


@pytest.mark.parametrize("when", ["", "30", "soon", "2020-01-01T00:00:00Z", "2090-01-01", "0d", "30D"])
def test_an_end_is_a_duration_or_a_moment_ahead(folder: Path, when: str) -> None:
    for command in ("new", "retire"):
        told = run(folder, command, "desk", "--issuer", "northwind", "--expires", when, code=2)
        assert told.startswith("--expires is a duration such as 30d")
    assert text(folder) == COMMENTED


def test_without_a_directory_the_command_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "grantd.yaml").write_text(
        "development: true\nstore: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys, auto_create: true}\n"
    )
    found = CliRunner(env={"GRANTD_CONFIG": str(tmp_path / "grantd.yaml")}).invoke(
        app, ["client", "secret", "list", "desk"]
    )
    assert (found.exit_code, found.stderr) == (
        2,
        "Say which governance directory with --in, or set governance.directory.\n",
    )


def test_the_directory_of_the_settings_is_the_default(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("settings") / "grantd.yaml"
    file.write_text(
        f"development: true\nstore: {{url: 'sqlite:///grantd.db'}}\nkeys: {{directory: keys, auto_create: true}}\ngovernance: {{directory: {folder}}}\n"
    )
    found = CliRunner(env={"GRANTD_CONFIG": str(file)}).invoke(
        app, ["client", "secret", "list", "desk", "--issuer", "northwind"]
    )
    assert found.stdout == "a1a1a1a1  does not expire\n"


def test_without_a_name_the_line_is_only_shown(folder: Path) -> None:
    lines = run(folder, "new", "--expires", "2090-01-31T00:00:00Z").splitlines()
    digest = hashlib.sha256(lines[1].strip().encode()).hexdigest()
    assert lines[-1] == f"    - secret: {{sha256: {digest}, expires: 2090-01-31T00:00:00Z}}"
    assert text(folder) == COMMENTED


NEWER = "desk-at-grants-newer-7Qw3Er9Ty1Ui5Op2As8Df6Gh4Jk"


@pytest.mark.req("D-14", "G-02")
@pytest.mark.parametrize("used", [org.DESK_SECRET, NEWER], ids=["older", "newer"])
async def test_the_record_and_its_explanation_say_which_secret_was_used(house: House, used: str) -> None:
    document = org.bundle()
    document["clients"]["desk"]["at"]["grants"]["authentication"] = [org.secret(org.DESK_SECRET), org.secret(NEWER)]
    await house.apply(document)
    found = await exchanged(house, desk(used))
    assert found.status == "OK", found.record
    fingerprint = org.sha256(used)[:8]
    assert found.record["client_credential"] == fingerprint
    assert f"(desk-agent, client_secret_post, secret {fingerprint})" in text_of(explained(found.record))
    assert f'"client.credential":"{fingerprint}"' in house.log.getvalue()
    assert used not in str(found.record)
    assert org.sha256(used) not in str(found.record)


@pytest.mark.req("D-14")
async def test_an_expired_secret_that_is_still_used_is_named_too(house: House) -> None:
    document = org.bundle()
    document["clients"]["desk"]["at"]["grants"]["authentication"] = [
        org.secret(org.DESK_SECRET, expires="2020-01-01T00:00:00Z"),
        org.secret(NEWER),
    ]
    await house.apply(document)
    found = await exchanged(house, desk())
    assert (found.reason, found.record["client_credential"]) == (
        "CLIENT_SECRET_EXPIRED",
        org.sha256(org.DESK_SECRET)[:8],
    )
    assert (await exchanged(house, desk(NEWER))).record["client_credential"] == org.sha256(NEWER)[:8]


async def test_a_client_without_a_secret_has_none_named(house: House) -> None:
    wrong = await exchanged(house, desk("not-the-secret"))
    assert "client_credential" not in wrong.record
    assert ", secret" not in text_of(explained(wrong.record))
