"""`grantd doctor` as a command: its file, its options, its usage errors, its report."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from doctor_pages import NAMES
from doctor_table import table
from doctor_walk import Walk
from doctor_world import faults, world
from grantd import jwk, jws
from grantd_server.cli.app import app
from grantd_server.doctor import report
from grantd_server.doctor.checks import FAMILIES
from grantd_server.doctor.findings import Party, Row, Severity
from grantd_server.doctor.probing.credential_files import Unusable, credential_of
from grantd_server.doctor.setup import METHODS, ClientSetup, CredentialSource, Setup
from grantd_server.doctor.setup_file import read_setup
from grantd_server.governance.faults import BundleError
from tokens import signing_key

WHOLE = """\
identity_provider: https://login.example
grant_issuer: https://grants.example/corp
authorization_server: https://as.example/tools
resource: https://mcp.example/mcp
scopes: [tickets:read]
client:
  at_identity_provider: desk-sso
  at_grant_issuer: desk-agent
  at_authorization_server: cli_desk
  methods: [private_key_jwt]
  algorithm: ES256
  credentials:
    grant_issuer: {secret: {env: DESK}}
    authorization_server: {key: {file: desk.pem, kid: desk-1, algorithm: ES256}}
accepts:
  authorization_server: [ES256]
"""


def run(*arguments, code, stdin=None, **environ):
    found = CliRunner(env=environ).invoke(app, ["doctor", *map(str, arguments)], input=stdin)
    assert found.exit_code == code, found.output
    assert "Traceback" not in found.output
    return found


def test_a_file_says_all_of_a_set_up():
    assert read_setup(WHOLE.encode(), "chain.yaml") == Setup(
        identity_provider="https://login.example",
        grant_issuer="https://grants.example/corp",
        authorization_server="https://as.example/tools",
        resource="https://mcp.example/mcp",
        client=ClientSetup(
            "desk-sso", "desk-agent", "cli_desk", ("private_key_jwt",), "ES256",
            {
                "grant_issuer": CredentialSource(env="DESK"),
                "authorization_server": CredentialSource("desk.pem", "", "desk-1", "ES256"),
            },
        ),
        scopes=("tickets:read",),
        accepts={"authorization_server": frozenset({"ES256"})},
    )  # fmt: skip


def test_an_empty_file_is_a_set_up_of_nobody():
    setup = read_setup(b"", "chain.yaml")
    assert setup == Setup()
    assert setup.names_nobody
    assert setup.client.methods == METHODS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("issuer: x", 'chain.yaml:1:1: set-up: the key "issuer" is not known here'),
        ("client: {method: [none]}", 'chain.yaml:1:10: set-up.client: the key "method" is not known here; did you mean "methods"?'),
        ("client: {methods: [basic]}", 'set-up.client.methods: "basic" is no method of client authentication'),
        ("accepts: {resource: [none]}", 'set-up.accepts.resource: "none" is not an algorithm'),
        ("accepts: {idp: [ES256]}", 'set-up.accepts: the key "idp" is not known here'),
        ("scopes: ['a b']", 'set-up.scopes: "a b" has a character that no scope has'),
        ("client: {credentials: {grant_issuer: {}}}", "exactly one of secret and key is expected"),
        ("client: {credentials: {resource: {secret: {env: A}}}}", 'the key "resource" is not known here'),
        ("client: {credentials: {grant_issuer: {secret: {env: A, file: b}}}}", "exactly one of file and env is expected"),
        ("client: {credentials: {grant_issuer: {secret: {env: A, name: b}}}}", 'the key "name" is not known here'),
        ("client: {credentials: {grant_issuer: {key: {file: A, algorithm: ES256}}}}", 'the key "kid" is missing'),
        ("client: {credentials: {grant_issuer: {secret: {env: A}, x: 1}}}", 'the key "x" is not known here'),
        ("client: {credentials: {grant_issuer: {key: {file: A, kid: b, algorithm: ES256, x: 1}}}}", 'the key "x" is not known here'),
        ("[]", "a mapping is expected"),
        ("a: b: c", "not YAML"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_told_with_its_place(text, sentence):
    with pytest.raises(BundleError) as refused:
        read_setup(text.encode(), "chain.yaml")
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("chain.yaml")


def test_options_go_before_the_file():
    base = read_setup(WHOLE.encode(), "chain.yaml")
    over = Setup(
        grant_issuer="https://other.example", client=ClientSetup(at_authorization_server="cli2"), scopes=("a",)
    )
    both = base.under(over)
    assert (both.grant_issuer, both.resource, both.scopes) == ("https://other.example", base.resource, ("a",))
    assert (both.client.at_authorization_server, both.client.at_grant_issuer) == ("cli2", "desk-agent")
    assert both.client.methods == base.client.methods
    assert base.under(Setup()) == base


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "Nobody is named"),
        (["--setup", "{missing}"], 2, "No such file"),
        (["--setup", "{faulty}"], 1, "faulty.yaml:1:1: set-up: the key"),
        (["--issuer", "https://i.example", "--ca-file", "{faulty}"], 2, "has no certificates in PEM"),
        (["--issuer", "https://i.example", "--ca-file", "{missing}"], 2, "has no certificates in PEM"),
        (["--issuer", "https://i.example", "--governance", "{missing}"], 1, "there is no such folder"),
        (["--issuer", "https://i.example", "--probe"], 2, "--probe needs the grant issuer"),
        (["--setup", "{whole}", "--probe", "--subject-token-type", "jwt"], 2, "--subject-token-type is one of"),
        (["--setup", "{whole}", "--probe"], 2, "DESK is empty or not set"),
        (["--setup", "{secrets}", "--probe"], 2, "--probe needs a sign-in"),
        (["--setup", "{secrets}", "--probe", "--subject-token", "{missing}"], 2, "cannot be read (FileNotFoundError)"),
    ],
)
def test_wrong_usage_is_a_sentence_and_a_status(tmp_path, arguments, code, sentence):
    (tmp_path / "faulty.yaml").write_text("issuer: x")
    (tmp_path / "whole.yaml").write_text(WHOLE)
    (tmp_path / "secrets.yaml").write_text(
        WHOLE.split("    authorization_server: {key", maxsplit=1)[0].replace("DESK", "PATH")
        + "    authorization_server: {secret: {env: PATH}}\n"
    )
    places = {name: tmp_path / f"{name}.yaml" for name in ("faulty", "whole", "secrets", "missing")}
    found = run(*[argument.format(**places) for argument in arguments], code=code, stdin="")
    assert sentence in found.stderr


def test_a_credential_is_read_from_a_file_or_the_environment(tmp_path):
    (tmp_path / "a.secret").write_text("s3cret\n")
    secret = credential_of("c", CredentialSource("a.secret"), tmp_path, {})
    assert secret.proof("https://as", ("client_secret_post",), 0) == ({}, {"client_id": "c", "client_secret": "s3cret"})
    headers, fields = credential_of("c", CredentialSource(env="E"), tmp_path, {"E": "s3cret"}).proof(
        "https://as", ("client_secret_basic", "client_secret_post"), 0
    )
    assert (headers, fields) == ({"Authorization": "Basic YzpzM2NyZXQ="}, {})
    assert "s3cret" not in repr(secret)


def test_a_key_signs_an_assertion_for_the_issuer_alone(tmp_path):
    key = signing_key("ES256", "desk-1")
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "desk.pem").write_bytes(pem)
    source = CredentialSource("desk.pem", "", "desk-1", "ES256")
    headers, fields = credential_of("cli_desk", source, tmp_path, {}).proof("https://as.example", (), 1000)
    parsed = jws.read(fields["client_assertion"])
    claims = jws.verify(parsed, jwk.KeySet([key.key]), frozenset({"ES256"}), jws.CLIENT_ASSERTION)
    assert headers == {}
    assert {name: claims[name] for name in ("iss", "sub", "aud", "iat", "exp")} == {
        "iss": "cli_desk", "sub": "cli_desk", "aud": "https://as.example", "iat": 1000, "exp": 1060,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "client_id", "sentence"),
    [
        (CredentialSource("none"), "c", "cannot be read"),
        (CredentialSource("a.secret"), "", "id at the grant issuer"),
        (CredentialSource("empty"), "c", "empty is empty or not set"),
        (CredentialSource("long"), "c", "longer than 65536 bytes"),
        (CredentialSource("a.secret", "", "k", "ES256"), "c", "has no private key in PEM"),
        (CredentialSource("rsa.pem", "", "k", "ES256"), "c", "cannot be used with ES256"),
    ],
)
def test_a_credential_that_is_none_is_a_sentence_without_a_byte_of_it(tmp_path, source, client_id, sentence):
    (tmp_path / "a.secret").write_text("s3cret-canary")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("x" * 70_000)
    pem = signing_key("RS256").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "rsa.pem").write_bytes(pem)
    with pytest.raises(Unusable, match=sentence) as refused:
        credential_of(client_id, source, tmp_path, {})
    assert "canary" not in str(refused.value)


async def test_the_report_tells_a_person_what_was_seen_what_to_do_and_whose_job_it_is():
    async with world(faults()[0]) as here:
        found = await here.examined()
    text = report.text(found)
    assert f"  authorization server  {NAMES['server']}: metadata by RFC 8414; 1 key (ES256)" in text
    assert f"  MCP server            {NAMES['resource']}: metadata path inserted, at the root" in text
    assert f"ERROR   issuer.slash  authorization server {NAMES['server']}\n" in text
    assert f"        seen: expected '{NAMES['server']}', found '{NAMES['server']}/'\n" in text
    assert "        whose job: who runs the authorization server\n" in text
    assert text.endswith(" notes")
    assert "1 error, 0 warnings, " in text


async def test_the_report_for_a_program_has_the_same():
    async with world(faults()[0]) as here:
        found = await here.examined()
    told = json.loads(json.dumps(report.document(found)))
    assert (told["version"], told["healthy"], told["errors"], told["warnings"]) == (1, False, 1, 0)
    assert told["notes"] == found.count(Severity.NOTE)
    assert {each["party"] for each in told["parties"]} == {
        party.value for party in (Party.PROVIDER, Party.ISSUER, Party.SERVER, Party.RESOURCE)
    }
    assert told["findings"][0] | {"remedy": ""} == {
        "code": "issuer.slash",
        "severity": "error",
        "party": "authorization server",
        "subject": NAMES["server"],
        "sentence": "The issuer names itself by an identifier, which differs by a slash at the end.",
        "evidence": f"expected '{NAMES['server']}', found '{NAMES['server']}/'",
        "remedy": "",
        "whose_job": "who runs the authorization server",
    }  # fmt: skip


async def test_the_table_counts_what_is_found_and_what_is_missed():
    rows = [faults()[0], {"fault": "none at all", "code": "issuer.case"}]
    lines, missed = await table("doctor_faults", rows)
    assert missed == 1
    assert [line[:6] for line in lines[:2]] == ["found ", "MISSED"]
    assert lines[2] == "found 1 / planted 2"


LISTS = (
    "doctor_faults", "doctor_faults_governance", "doctor_faults_probe", "doctor_faults_more", "doctor_faults_fresh",
    "doctor_faults_fresh_walk", "doctor_faults_fresh_governance",
)  # fmt: skip
ELSEWHERE = {
    "document.slow", "document.too-large", "document.tls", "tls.ends", "keys.many", "subject.form", "grant.form", "access.opaque",
    "access.bound", "access.bearer", "access.unbound", "grant.unbound", "resource.unproven", "probe.proofs", "probe.ended",
    "replay.once", "resource.opened", "revocation.done", "revocation.none", "governance.replay", "probe.not-begun", "grant.future",
}  # fmt: skip
"""Codes with tests of their own, in test_doctor_hostile, _probe, _proofs, _progress and _real."""


def test_every_row_is_registered_once_and_planted_somewhere():
    rows = [row for family in FAMILIES for row in family.rows]
    codes = [row.code for row in rows]
    assert len(codes) == len(set(codes))
    assert all(row.sentence.endswith(".") and row.remedy.endswith(".") for row in rows)
    assert {row["code"] for name in LISTS for row in faults(name)} | ELSEWHERE == set(codes)


def test_every_row_of_a_module_is_in_its_list():
    for family in FAMILIES:
        module = __import__(family.check.__module__, fromlist=["ROWS"])
        written = {value for name, value in vars(module).items() if isinstance(value, Row)}
        assert written <= set(module.ROWS), module.__name__


def test_the_walk_is_told_no_secret():
    assert "canary" not in repr(Walk().probe())
