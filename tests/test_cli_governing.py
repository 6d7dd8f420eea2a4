"""The commands of administrators, at the store of the settings: apply, versions, rollback, blocks, revoke."""

from __future__ import annotations

import getpass
import json
import re
import time

import pytest

from command_line import asked, environ_of, house_at, lines, runner
from grantd_server.store import Issued, Write
from store_values import digest, entry

VERSION = re.compile(r"b[0-9a-f]{32}")


@pytest.fixture
def house(tmp_path):
    return house_at(tmp_path)


@pytest.fixture
def run(house):
    return runner(house)


def changed(house, old="corp:finance", new="corp:audit"):
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace(old, new))


def two_versions(house, run):
    """The versions of two applies, the older first."""
    first = lines(run("apply", house / "governance", "-m", "first"))[-1]
    changed(house)
    second = lines(run("apply", house / "governance", "-m", "second"))[-1]
    return VERSION.search(first)[0], VERSION.search(second)[0]


def test_versions_are_listed_with_who_why_and_when(house, run):
    run("db", "upgrade")
    assert lines(run("versions")) == ["no bundle was applied yet"]
    older, newer = two_versions(house, run)
    listed = lines(run("versions"))
    assert len(listed) == 2
    found = {VERSION.search(line)[0]: line for line in listed}
    assert found[newer].startswith("* ")
    assert found[newer].endswith("second")
    assert re.search(r"epoch 2, \d{4}-\d\d-\d\dT", found[newer])
    assert found[older].startswith("  ")
    assert "epoch 1" in found[older]
    assert len(lines(run("versions", "--limit", 1))) == 1


def test_a_rollback_puts_an_older_version_in_force_on_record(house, run):
    older, newer = two_versions(house, run)
    assert "--reason" in run("rollback", older, code=2).stderr
    assert run("rollback", older, "-m", " ", code=2).stderr == "Say why with --reason.\n"
    assert lines(run("rollback", older, "-m", "it broke the wiki")) == [f"{older} is in force, epoch 3"]
    assert lines(run("rollback", older, "-m", "again")) == [f"{older} was in force already, epoch 3"]
    (newest, *_) = asked(house, lambda store: store.entries(limit=1))
    facts = json.loads(newest.entry.body)["facts"]
    assert newest.entry.rpc == "ActivateBundle"
    assert facts | {"author": ""} == {"author": "", "why": "it broke the wiki", "version": older, "replaces": newer}
    assert facts["author"]


def test_what_was_never_stored_is_not_put_in_force(house, run):
    run("apply", house / "governance")
    unknown = "b" + "0" * 32
    refused = run("rollback", unknown, "-m", "why", code=1)
    assert refused.stderr == f"There is no version {unknown}; `grantd versions` lists them.\n"
    (newest, *_) = asked(house, lambda store: store.entries(limit=1))
    assert (newest.entry.rpc, newest.entry.reason) == ("ActivateBundle", "NOT_ON_RECORD")
    assert f"no version {unknown}; " in run("diff", "active", unknown, code=1).stderr


def test_a_version_whose_secrets_are_gone_is_not_put_in_force(house, run):
    run("apply", house / "governance", "--no-secrets")
    older, newer = two_versions(house, run)
    (gone,) = [name for name in environ_of(house) if name != "GRANTD_CONFIG"][:1]
    refused = run("rollback", older, "-m", "why", code=1, **{gone: ""}).stderr
    assert f"env: {gone}" in refused
    assert lines(run("versions"))[0].startswith(f"* {newer}")
    told = run("rollback", older, "-m", "only the service can see secrets", "--no-secrets", **{gone: ""})
    assert lines(told)[-1].endswith("epoch 3")


def test_two_versions_are_compared_by_field(house, run):
    older, newer = two_versions(house, run)
    forth, back = lines(run("diff", older, newer)), lines(run("diff", newer, older))
    assert any(line.startswith("gained group corp:audit: ") for line in forth)
    assert any(line.startswith("lost   group corp:audit: ") for line in back)
    assert "finance-reads-the-ledger" in forth[0]
    assert forth[0].endswith('["corp:finance"] -> ["corp:audit"]')
    assert back[0].endswith('["corp:audit"] -> ["corp:finance"]')
    assert run("diff", older, older).stdout == "nothing differs\n"


def test_who_was_too_late_is_told_who_was_faster_and_when(house, run):
    older, newer = two_versions(house, run)
    changed(house, "corp:audit", "corp:board")
    shown = lines(run("apply", house / "governance", "--dry-run"))
    assert "compared with epoch 2; --expect 2 applies it to no other" in shown
    run("rollback", older, "-m", "meanwhile")
    late = run("apply", house / "governance", "--expect", 2, code=3)
    first, who, more = late.stderr.splitlines()
    assert first == "another bundle was put in force meanwhile."
    assert re.fullmatch(rf"\S+ put {older} in force, epoch 3, at \d{{4}}-\S+Z\.", who)
    assert more.startswith("For more: grantd explain d")
    late = run("rollback", newer, "-m", "why", "--expect", 2, code=3)
    assert f"put {older} in force, epoch 3" in late.stderr
    assert lines(run("apply", house / "governance", "--expect", 3))[-1].endswith("is in force, epoch 4")


def test_failing_policy_tests_keep_out_what_is_new_and_say_so_of_what_is_in_force(house, run):
    (house / "governance" / "ledger_test.yaml").write_text(
        "people: {accountant: {provider: corp, groups: [finance], roles: []}}\n"
        "client: desk-agent\n"
        "tests: [{name: books, who: accountant, resource: ledger, expect: {ledger.read: yes}}]\n"
    )
    run("apply", house / "governance")
    changed(house)
    refused = "1 of 1 policy tests fail; --force applies all the same."
    for dry in ([], ["--dry-run"]):
        assert refused in run("apply", house / "governance", *dry, code=1).stderr
    assert lines(run("apply", house / "governance", "--force"))[-1].endswith("is in force, epoch 2")
    assert lines(run("apply", house / "governance"))[-1].endswith("was in force already, epoch 2")
    assert refused in run("apply", house / "governance", "--dry-run", code=1).stderr


def test_a_block_with_an_end_says_so(house, run):
    run("apply", house / "governance")
    assert lines(run("blocks")) == ["nothing is blocked"]
    until = lines(run("block", "client", "desk-agent", "--reason", "stolen", "--expires", "2h"))[0]
    assert re.fullmatch(r"client desk-agent is blocked until \S+Z", until)
    run("block", "user", "corp:u-1", "-m", "left")
    moment, me = until.split()[-1], re.escape(getpass.getuser())
    client, user = lines(run("blocks"))
    assert re.fullmatch(rf"client  desk-agent  until {moment}  {me}, \d{{4}}-\S+Z  stolen", client)
    assert re.fullmatch(rf"user  corp:u-1  until it is lifted  {me}, \S+Z  left", user)
    told = json.loads(run("blocks", "--json").stdout)
    assert [(each["kind"], each["until"], each["author"]) for each in told] == [
        ("client", moment, getpass.getuser()),
        ("user", None, getpass.getuser()),
    ]
    assert [each["since"] for each in told] == [client.split()[5], user.split()[7]]
    (blocked, _) = sorted(asked(house, lambda store: store.live_state(0)).withdrawals, key=lambda each: each.kind)
    assert 7190 < blocked.until - time.time() <= 7200


@pytest.mark.parametrize("when", ["2h ago", "yesterday", "2020-01-01T00:00:00Z", ""])
def test_a_block_ends_in_the_future_or_never(house, run, when):
    run("db", "upgrade")
    assert "--expires" in run("block", "client", "a", "--reason", "r", "--expires", when, code=2).stderr
    assert asked(house, lambda store: store.live_state(0)).withdrawals == ()


def test_revoking_a_chain_by_a_decision_on_it_buries_what_hangs_below(house, run):
    run("db", "upgrade")
    chain, alive = digest("chain").hex(), int(time.time()) + 900
    row = entry("d" + "0" * 32, chain=chain, body=json.dumps({"id": "d" + "0" * 32, "chain": chain}).encode())
    token = Issued(digest("token"), chain, alive)
    asked(house, lambda store: store.write(Write(row, issued=(token,))))
    told = lines(run("revoke", "d" + "0" * 32, "--reason", "laptop stolen"))
    assert told == [f"chain {chain} is revoked, with 1 tokens and grants below it"]
    dead = {found.digest: found.expires for found in asked(house, lambda store: store.live_state(0)).tombstones}
    assert dead.keys() == {token.digest, bytes.fromhex(chain)}
    assert dead[bytes.fromhex(chain)] > time.time() + 86_000, "grants of the chain may still be redeemed"
    (newest, *_) = asked(house, lambda store: store.entries(limit=1, chain=chain))
    assert newest.entry.rpc == "RevokeChain"
    assert json.loads(newest.entry.body)["facts"]["why"] == "laptop stolen"
    assert "is revoked" in run("revoke", chain, "--reason", "again, by its own name").stdout
    assert (
        "There is no chain, and no decision on one"
        in run("revoke", digest("other").hex(), "--reason", "x", code=1).stderr
    )
    assert "Say why" in run("revoke", chain, "--reason", " ", code=2).stderr


def test_a_directory_with_a_link_out_of_it_is_not_sent(house, run):
    (house / "shared.yaml").write_text("resources: {}\n")
    (house / "governance" / "shared.yaml").symlink_to(house / "shared.yaml")
    told = run("apply", house / "governance", code=1).stderr
    assert told == f"'{house}/governance/shared.yaml': a link out of the directory is not followed\n"
    assert not (house / "grantd.db").exists()
