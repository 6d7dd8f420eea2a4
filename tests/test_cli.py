"""The command line: what each command does, and that every failure is a sentence and a code."""

import getpass
import hashlib
import json
import re
import sqlite3
import time

import pytest

from command_line import asked, house_at, lines, runner
from grantd_server.cli.governing.blocks import Kind
from grantd_server.store import Withdrawal

IDP = "http://127.0.0.1:8420/northwind"


@pytest.fixture
def house(tmp_path):
    return house_at(tmp_path)


@pytest.fixture
def run(house):
    return runner(house)


def test_apply_puts_a_directory_in_force_once(house, run):
    first = lines(run("apply", house / "governance", "-m", "first"))
    assert "added clients.desk-agent" in first
    assert first[-1].endswith("is in force, epoch 1")
    again = lines(run("apply", house / "governance"))
    assert again == [first[-1].replace("is in force", "was in force already")]


def test_a_dry_run_shows_the_difference_and_changes_nothing(house, run):
    run("apply", house / "governance")
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace("corp:finance", "corp:audit"))
    shown = lines(run("apply", house / "governance", "--dry-run"))
    assert any("finance-reads-the-ledger" in line and "corp:audit" in line for line in shown)
    assert shown[-1].endswith("is valid; 1 change; nothing was applied")
    assert lines(run("apply", house / "governance"))[-1].endswith("is in force, epoch 2")


def test_a_faulty_bundle_is_told_by_file_line_and_column_and_exits_with_1(house, run):
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace("resources: [wiki]", "resurces: [wiki]"))
    found = run("apply", house / "governance", code=1)
    assert re.search(r"rules\.yaml:\d+:\d+: ", found.stderr)
    assert "resurces" in found.stderr
    assert not (house / "grantd.db").exists()


def test_a_secret_that_is_not_there_refuses_the_bundle_unless_it_is_not_looked_for(house, run):
    found = run("apply", house / "governance", code=1, SAMPLE_AGENT_SECRET="")
    assert "SAMPLE_AGENT_SECRET" in found.stderr
    run("apply", house / "governance", "--no-secrets", SAMPLE_AGENT_SECRET="")


def test_plain_http_issuers_are_refused_outside_development(house, run):
    (house / "grantd.yaml").write_text("store: {url: 'sqlite:///grantd.db'}\n")
    found = run("apply", house / "governance", code=1)
    assert f"The issuer {IDP} uses plain http, which needs development: true." in found.stderr


def test_a_bundle_whose_keys_are_not_there_is_refused_before_the_service_meets_it(house, run):
    (house / "keys").mkdir(mode=0o700)
    (house / "grantd.yaml").write_text(
        "development: true\nstore: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys}\n"
    )
    found = run("apply", house / "governance", code=1)
    assert f"no active ES256 key for grant_signing of {IDP}" in found.stderr
    for issuer, purpose in ((IDP, "grant_signing"), ("http://127.0.0.1:8420/tools", "access_token")):
        run("keys", "create", "--issuer", issuer, "--purpose", purpose)
    run("apply", house / "governance")


def test_a_store_that_cannot_be_opened_exits_with_3(house, run):
    (house / "grantd.db").write_bytes(b"no database at all, but long enough to look like one" * 20)
    found = run("apply", house / "governance", code=3)
    assert found.stderr.strip()


def test_a_database_of_another_schema_exits_with_2_and_names_the_remedy(house, run):
    sqlite3.connect(house / "grantd.db").execute("CREATE TABLE x (y)").connection.close()
    assert "grantd db upgrade" in run("apply", house / "governance", code=2).stderr


def test_db_upgrade_makes_the_schema_and_is_repeatable(house, run):
    assert "has schema" in run("db", "upgrade").stdout
    assert "has schema" in run("db", "upgrade").stdout
    assert run("apply", house / "governance").exit_code == 0


def test_db_upgrade_of_what_is_no_database_is_one_sentence(house, run):
    (house / "grantd.db").write_bytes(b"x" * 4096)
    (line,) = run("db", "upgrade", code=3).stderr.splitlines()
    assert "cannot be upgraded" in line


def test_explain_tells_what_an_administrator_did(house, run):
    run("apply", house / "governance", "-m", "because")
    (stored,) = asked(house, lambda store: store.entries(limit=9))
    found = stored.entry.id
    assert f"decision {found}" in run("explain", found).stdout
    assert json.loads(run("explain", found, "--json").stdout)["facts"]["why"] == "because"


def test_explain_of_an_unknown_id_exits_with_1_and_obeys_no_control_character(house, run):
    run("db", "upgrade")
    found = run("explain", "d\x1b[2Jx", code=1)
    assert "There is no record of d\\x1b[2Jx" in found.stderr
    assert "\x1b[2J" not in found.stderr


@pytest.mark.parametrize("command", [("explain", "d1"), ("block", "user", "corp:u", "--reason", "x")])
def test_commands_on_records_make_no_database(house, run, command):
    assert "does not exist" in run(*command, code=2).stderr
    assert not (house / "grantd.db").exists()


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_block_and_unblock_are_on_record(house, run, kind):
    run("db", "upgrade")
    run("block", kind, "corp:u-1", "--reason", "left the company", "--unlisted")
    (found,) = asked(house, lambda store: store.live_state(0)).withdrawals
    assert found == Withdrawal(kind, "corp:u-1", "left the company", None, getpass.getuser())
    assert [each.entry.rpc for each in asked(house, lambda store: store.entries(limit=9))] == ["Block"]
    assert "no longer blocked" in run("unblock", kind, "corp:u-1", "--reason", "came back").stdout
    assert "There is no block" in run("unblock", kind, "corp:u-1", "--reason", "again", code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("block", "user", "corp:u"),
        ("block", "planet", "mars", "--reason", "x"),
        ("explain",),
        ("apply",),
        ("nonsense",),
        ("keys", "create"),
        ("keys", "create", "--purpose", "access_token"),
        ("keys", "create", "--purpose", "checkpoint", "--issuer", IDP),
        ("keys", "create", "--purpose", "access_token", "--issuer", IDP, "--alg", "HS256"),
    ],
)
def test_wrong_usage_exits_with_2(house, run, arguments):
    assert run(*arguments, code=2).stderr


@pytest.mark.parametrize(("name", "reason"), [("", "x"), (" ", "x"), ("corp:u", ""), ("corp:u", " ")])
@pytest.mark.parametrize("command", ["block", "unblock"])
def test_a_block_without_a_name_or_a_reason_is_refused(house, run, command, name, reason):
    run("db", "upgrade")
    refused = "Say why with --reason.\n" if name.strip() else "A block has a name.\n"
    assert run(command, "user", name, "--reason", reason, code=2).stderr == refused


def test_a_new_client_secret_is_random_and_its_digest_fits_it(run):
    seen = set()
    for _ in range(2):
        told = lines(run("client", "secret", "new"))
        secret, digest = told[1].strip(), told[-1].split("sha256: ")[1].rstrip("}")
        assert hashlib.sha256(secret.encode()).hexdigest() == digest
        assert len(secret) == 43
        seen.add(secret)
    assert len(seen) == 2


def test_version_is_the_version_of_the_distribution(run):
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", run("version").stdout)


def _kid(found):
    return found.stdout.split()[0]


def test_keys_rotate_by_hand_in_four_steps(house, run):
    use = ("--issuer", IDP, "--purpose", "grant_signing")
    first = _kid(run("keys", "create", *use))
    second = _kid(run("keys", "publish", *use))
    assert "wait" in run("keys", "activate", *use, code=1).stderr
    assert _kid(run("keys", "activate", *use, "--at-once")) == second
    assert "may live" in run("keys", "remove", *use, "--kid", first, code=1).stderr
    run("keys", "remove", *use, "--kid", first, "--at-once")
    (line,) = lines(run("keys", "list"))
    assert line == f"{IDP}  grant_signing  ES256  active     {second}  signs"


def test_keys_taint_names_the_successor(house, run):
    use = ("--issuer", IDP, "--purpose", "access_token")
    first = _kid(run("keys", "create", *use, "--alg", "EdDSA"))
    tainted, successor = lines(run("keys", "taint", *use, "--kid", first))
    assert tainted == f"{first} is tainted"
    assert successor.split()[0] != first
    assert successor.endswith("EdDSA")


def test_keys_of_the_service_have_no_issuer(house, run):
    run("keys", "create", "--purpose", "pseudonym")
    assert lines(run("keys", "list"))[0].startswith("-  pseudonym  HS256  active")


def test_keys_retire_withdraws_a_published_key(house, run):
    use = ("--issuer", IDP, "--purpose", "access_token")
    run("keys", "create", *use)
    unwanted = _kid(run("keys", "publish", *use, "--alg", "RS256"))
    assert "is retired" in run("keys", "retire", *use, "--kid", unwanted).stdout


def test_a_key_directory_may_be_named_instead_of_settings(house, run, tmp_path):
    run("keys", "create", "--purpose", "checkpoint", "--directory", tmp_path / "other", GRANTD_CONFIG="")
    assert (tmp_path / "other").is_dir()
    assert "keys.directory is missing" in run("keys", "list", code=2, GRANTD_CONFIG="").stderr


def test_no_key_is_ever_printed(house, run):
    use = ("--issuer", IDP, "--purpose", "access_token")
    shown = [run("keys", "create", *use).output, run("keys", "publish", *use).output, run("keys", "list").output]
    for file in (house / "keys").glob("*.json"):
        secret = json.loads(file.read_text())["private_key"].splitlines()[1]
        assert all(secret not in each for each in shown)


def test_a_readable_key_file_is_one_sentence(house, run):
    run("keys", "create", "--issuer", IDP, "--purpose", "access_token")
    (file,) = (house / "keys").glob("*.json")
    file.chmod(0o644)
    assert run("keys", "list", code=1).stderr == f"{file} is open to others: chmod 600 it.\n"


def test_a_typo_in_the_settings_ends_every_command_with_2(house, run):
    (house / "grantd.yaml").write_text("stoer: {}\n")
    for command in (("keys", "list"), ("explain", "d1"), ("apply", house / "governance"), ("serve",)):
        found = run(*command, code=2)
        assert found.stderr == f"{house / 'grantd.yaml'}:1: stoer is no setting; did you mean store?\n"


def test_the_environment_of_the_command_is_respected(house, run):
    assert "GRANTD__STOER__URL is no setting" in run("keys", "list", code=2, GRANTD__STOER__URL="x").stderr


def test_after_a_restored_backup_grants_of_before_are_refused(run, house):
    run("db", "upgrade")
    before = int(time.time())
    said = run("db", "restored", "--reason", "disk lost").output
    assert re.fullmatch(r"grants issued before 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ are refused\n", said)
    (found,) = asked(house, lambda store: store.live_state(0)).withdrawals
    assert (found.kind, found.reason) == ("restored", "disk lost")
    assert before <= int(found.name) <= time.time()
    assert found.until == int(found.name) + 86400
    (entry,) = asked(house, lambda store: store.entries(limit=9))
    assert (entry.entry.rpc, json.loads(entry.entry.body)["facts"]["why"]) == ("Restored", "disk lost")
    assert "reason" in run("db", "restored", "--reason", " ", code=2).output
