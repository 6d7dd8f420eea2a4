"""What `grantd explain` says, and that no record can drive a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.audit.canonical import canonical
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.shown import LONGEST, shown
from grantd_server.audit.explaining.text import text_of
from grantd_server.audit.record import Record
from grantd_server.model.bundle.rules import NearMiss
from grantd_server.refusals import Reason


def explain(body):
    return text_of(explained(body))


def refused():
    record = Record(
        "ExchangeIdentity", 1_700_000_000.25, id="d00ff", transport="http", caller="in-process", role="shim"
    )
    record.client, record.client_id, record.client_method = "agent", "agent-at-idp", "client_secret_basic"
    record.outcome, record.reason, record.address = "refused", Reason.POLICY_NO_RULE, "192.0.2.7"
    record.issuer, record.audience, record.subject = "https://idp.example", "https://as.example", "5f1c"
    record.resources, record.scopes_asked = ("ledger",), ("read", "write")
    record.bundle_version, record.bundle_epoch, record.chain = "b-77", 3, "c0ffee"
    record.step("exchange.client")
    record.noted("client.secret", "a secret of agent", "the same")
    record.step("exchange.policy")
    record.refuse("policy.grants", Reason.POLICY_NO_RULE, "a rule that allows read", "none")
    record.finish()
    record.refused_scopes = {"ledger read": "no_rule"}
    record.near_misses = (NearMiss("finance-read", "subjects.groups", "corp:finance", "corp:eng", 3),)
    record.shadow = {"strict": "deny"}
    return record


def test_a_refusal_is_explained_from_who_asked_to_whose_job_it_is():
    assert (
        explain(refused().body())
        == """\
decision d00ff
  outcome       refused: POLICY_NO_RULE
  when          2023-11-14T22:13:20.250Z
  call          ExchangeIdentity
  client        agent (agent-at-idp, client_secret_basic)
  caller        in-process (shim) over http
  address       192.0.2.7
  issuer        https://idp.example
  subject       5f1c
  audience      https://as.example
  resources     ledger
  asked for     read write
  bundle        b-77 (epoch 3)
  chain         c0ffee

checks, in order:
  ok     exchange.client: client.secret
           expected a secret of agent
           got      the same
  FAILED exchange.policy: policy.grants
           expected a rule that allows read
           got      none

rules:
  ledger read: not granted, no_rule
  shadow rule strict would deny

nearest misses:
  rule finance-read failed at subjects.groups, and at 2 more
           expected corp:finance
           got      corp:eng

next: Add a rule for this user, client and resource; the nearest misses tell what lacks.
whose job: the identity administrator"""
    )


def test_a_grant_names_the_rule_of_each_scope_and_asks_for_nothing():
    record = refused()
    record.outcome, record.reason, record.near_misses, record.refused_scopes = "granted", None, (), {}
    record.rules, record.scopes_granted, record.token_hash = {"ledger read": "eng-read"}, ("read",), "ab12"

    text = explain(record.body())
    assert "outcome       granted\n" in text
    assert "ledger read: granted by rule eng-read" in text
    assert "token hash    ab12" in text
    assert "next:" not in text
    assert "nearest" not in text


def test_a_replay_names_the_decision_that_used_it():
    record = refused()
    record.reason, record.facts = Reason.ASSERTION_REPLAYED, {"winner": "d77", "cause": "again"}

    text = explain(record.body())
    assert "used by       d77" in text
    assert "\nfacts:\n  cause: again\n" in text
    assert text.endswith("next: Ask for a fresh grant; a grant is redeemed once.\nwhose job: the client's developer")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_says_what_to_do_next_and_whose_job_it_is(reason):
    lines = explain({"id": "d1", "reason": reason.name}).splitlines()
    assert lines[-2] == f"next: {reason.remedy}"
    assert lines[-1].startswith("whose job: the ")


def test_a_record_of_another_release_is_told_as_far_as_it_is_known():
    text = explain({"id": "d1", "outcome": "refused", "reason": "INVENTED_LATER", "time": 1e300, "role": "shim"})
    assert "refused: INVENTED_LATER" in text
    assert "client        not authenticated" in text
    assert "next:" not in text


@pytest.mark.parametrize("role", ["admin", "auditor", "observer"])
def test_nobody_misses_the_client_of_an_administrator(role):
    text = explain({"id": "d1", "rpc": "Block", "caller": "ada", "role": role, "transport": "grpc"})
    assert f"caller        ada ({role}) over grpc" in text
    assert "client" not in text


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\u202egrant", r"\u202egrant"),
        ("\u2028x", r"\u2028x"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("\\x1b", r"\\x1b"),
        ("naïve 株", "naïve 株"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(hostile, safe):
    assert shown(hostile) == safe


def test_a_long_value_is_cut():
    assert shown("x" * LONGEST) == "x" * LONGEST
    assert shown("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"
    assert "x" * LONGEST not in explain({"id": "d", "facts": {"sub": "x" * 1000}})


PLAIN = st.text(st.characters() | st.sampled_from("\x1b\n\u202e\ud800"), max_size=30)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                ("id", "outcome", "reason", "rpc", "client", "client_id", "caller", "role", "transport"), PLAIN
            ),
            **dict.fromkeys(("address", "issuer", "subject", "audience", "bundle_version", "chain"), PLAIN),
            "time": st.floats() | st.integers(),
            "resources": st.lists(PLAIN),
            "facts": st.dictionaries(PLAIN, PLAIN),
            "rules": st.dictionaries(PLAIN, PLAIN),
            "checks": st.lists(st.tuples(PLAIN, PLAIN, st.booleans(), PLAIN, PLAIN)),
            "near_misses": st.lists(st.dictionaries(st.sampled_from(["rule", "clause", "expected", "got"]), PLAIN)),
        },
    )
)
def test_no_record_can_drive_a_terminal(body):
    for line in explain(body).split("\n"):
        assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters() | st.just("\ud800")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters() | st.just("\ud800")), inner),
    max_leaves=10,
)


@given(JSON)
def test_any_json_value_is_written_canonically(value):
    text = canonical(value)
    assert canonical(json.loads(text)) == text


def test_what_is_no_json_is_a_loud_fault():
    with pytest.raises(TypeError):
        canonical({"token": object()})
