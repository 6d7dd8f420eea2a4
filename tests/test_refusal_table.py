"""The failure table: well-formed, published as it is, documented, and every row tried."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from grantd.v1 import reason_pb2
from grantd_server.refusals import Public, Reason

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"

# Design: one status per OAuth error, except for what HTTP and gRPC say themselves.
STATUS_OF = {
    "invalid_request": "INVALID_ARGUMENT",
    "invalid_target": "INVALID_ARGUMENT",
    "invalid_scope": "INVALID_ARGUMENT",
    "invalid_dpop_proof": "FAILED_PRECONDITION",
    "use_dpop_nonce": "FAILED_PRECONDITION",
    "invalid_authorization_details": "INVALID_ARGUMENT",
    "unsupported_grant_type": "INVALID_ARGUMENT",
    "unsupported_response_type": "INVALID_ARGUMENT",
    "invalid_client": "UNAUTHENTICATED",
    "invalid_grant": "FAILED_PRECONDITION",
    "insufficient_user_authentication": "FAILED_PRECONDITION",
    "unauthorized_client": "PERMISSION_DENIED",
    "access_denied": "PERMISSION_DENIED",
    "temporarily_unavailable": "UNAVAILABLE",
    "server_error": "INTERNAL",
}
OTHER_STATUS = {
    "BODY_TOO_LARGE": ("RESOURCE_EXHAUSTED", 413),
    "BODY_TOO_SLOW": ("DEADLINE_EXCEEDED", 408),
    "CALLER_NOT_ALLOWED": ("PERMISSION_DENIED", 403),
    "OVERLOADED": ("RESOURCE_EXHAUSTED", 429),
    "OUT_OF_TIME": ("DEADLINE_EXCEEDED", 503),
    "CANCELLED": ("CANCELLED", 503),
    "NOT_FOUND": ("NOT_FOUND", 404),
    "BUNDLE_MOVED": ("ABORTED", 409),
    "NOT_GOVERNED": ("FAILED_PRECONDITION", 409),
}
HTTP_OF = {"UNAUTHENTICATED": 401, "UNAVAILABLE": 503, "INTERNAL": 500}


@pytest.mark.req("F-45", "F-23", "F-25", "F-26", "F-27")
@pytest.mark.parametrize("public", Public, ids=lambda public: public.name)
def test_status_and_oauth_error_of_a_row_belong_together(public: Public) -> None:
    status = STATUS_OF[public.oauth_error]
    expected = OTHER_STATUS.get(public.name, (status, HTTP_OF.get(status, 400)))
    assert (public.status, public.http) == expected


@pytest.mark.req("F-24")
@pytest.mark.hostile("H16")
@pytest.mark.parametrize("public", Public, ids=lambda public: public.name)
def test_a_sentence_has_only_characters_that_an_error_description_may_have(public: Public) -> None:
    allowed = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
    assert allowed.fullmatch(public.sentence)
    assert allowed.fullmatch(public.oauth_error)
    assert not re.search(r"[{}%<>]|\d", public.sentence), "a fixed sentence, without a fact"


@pytest.mark.req("F-45")
def test_the_published_reasons_are_the_public_table() -> None:
    published = {name.removeprefix("REASON_"): number for name, number in reason_pb2.Reason.items()}
    assert published.pop("UNSPECIFIED") == 0
    assert published == {public.name: public.number for public in Public}


COMMENT = re.compile(r"  // (?P<sentence>.+)\.\n  // gRPC (?P<status>\w+); OAuth `(?P<error>\w+)`, HTTP (?P<http>\d+)\.\n"
                     r"  REASON_(?P<name>\w+) = (?P<number>\d+);\n")  # fmt: skip


@pytest.mark.req("F-45")
def test_the_published_comments_tell_what_the_table_says() -> None:
    text = (ROOT / "proto/grantd/v1/reason.proto").read_text()
    found = {match["name"]: match for match in COMMENT.finditer(text)}
    assert found.keys() == set(Public.__members__)
    for public in Public:
        told = found[public.name]
        assert told["sentence"].lower() == public.sentence.lower()
        assert (told["status"], told["error"]) == (public.status, public.oauth_error)
        assert (int(told["http"]), int(told["number"])) == (public.http, public.number)


def test_numbers_and_sentences_of_public_rows_are_unique() -> None:
    assert len({public.number for public in Public}) == len(Public)
    assert len({public.sentence for public in Public}) == len(Public)


def test_every_public_row_is_the_row_of_some_reason() -> None:
    assert {reason.public for reason in Reason} == set(Public)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_a_reason_says_whose_job_it_is_and_what_to_do(reason: Reason) -> None:
    assert reason.level in {"info", "warning", "error"}
    assert reason.whose in {"client", "identity", "mcp", "operator", "grantd"}
    assert re.fullmatch(r"[A-Z][^\n|]+\.", reason.remedy)


def test_no_two_reasons_have_the_same_remedy() -> None:
    repeated = [text for text, count in Counter(reason.remedy for reason in Reason).items() if count > 1]
    assert repeated == []


@pytest.mark.req("G-41", "G-42")
@pytest.mark.parametrize(
    ("prefix", "public", "apart"),
    [
        ("CLIENT_", "CLIENT_AUTHENTICATION_FAILED", {"CLIENT_GRANT_NOT_ALLOWED", "CLIENT_MAPPING_MISSING"}),
        ("SUBJECT_", "SUBJECT_TOKEN_INVALID", {"SUBJECT_TOKEN_TYPE_UNSUPPORTED"}),
        ("ASSERTION_", "ASSERTION_INVALID", {"ASSERTION_REPLAYED"}),
    ],
)  # fmt: skip
def test_what_differs_only_in_who_is_trusted_is_told_alike(prefix: str, public: str, apart: set[str]) -> None:
    members = {reason for reason in Reason if reason.name.startswith(prefix) and reason.name not in apart}
    assert {reason.public.name for reason in members} == {public}


# Every row is tried: by a case file, by a test of this list, or it cannot be caused yet.

BY_TEST = {
    "ASSERTION_BEFORE_RESTORE": "test_redeem_times.py::test_after_a_restored_backup_grants_that_were_issued_before_are_refused_for_good",
    "MESSAGE_MALFORMED": "test_refusal_rows.py::test_bytes_that_are_no_message_are_refused",
    "FORM_MALFORMED": "test_refusal_rows.py::test_a_body_that_is_no_form_is_refused",
    "PARAMETER_REPEATED": "test_client_auth_http.py::test_a_parameter_sent_twice_is_refused",
    "MULTIPLE_CREDENTIALS": "test_client_auth_http.py::test_two_proofs_in_one_request_are_refused_though_both_may_be_right",
    "BODY_TOO_LARGE": "test_refusal_rows.py::test_a_body_above_the_limit_is_refused",
    "BODY_TOO_SLOW": "test_refusal_rows.py::test_each_fault_that_the_shim_finds_has_its_row",
    "NO_AUTHORIZATION_GRANT": "test_refusal_rows.py::test_the_authorization_endpoint_offers_nothing",
    "CLIENT_ASSERTION_REPLAYED": "test_client_auth.py::test_a_replayed_assertion_is_refused_and_its_record_names_the_winner",
    "SIGN_IN_OUTDATED": "test_refresh.py::test_a_sign_in_is_not_used_on_under_another_declaration",
    "CLIENT_CERTIFICATE_MISMATCH": "test_client_certificates.py::test_another_certificate_is_refused",
    "PROOF_REPLAYED": "test_dpop_legs.py::test_a_refused_call_uses_up_its_proof_and_not_its_grant",
    "ASSERTION_REPLAYED": "test_refusal_rows.py::test_a_grant_that_is_used_expired_or_of_the_future_is_refused",
    "ASSERTION_EXPIRED": "test_refusal_rows.py::test_a_grant_that_is_used_expired_or_of_the_future_is_refused",
    "ASSERTION_TIME": "test_refusal_rows.py::test_a_grant_that_is_used_expired_or_of_the_future_is_refused",
    "CALLER_UNKNOWN": "test_client_auth_peer.py::test_a_caller_that_is_not_bound_or_not_allowed_gets_nothing",
    "CALLER_NOT_ALLOWED": "test_client_auth_peer.py::test_a_caller_that_is_not_bound_or_not_allowed_gets_nothing",
    "SUBJECT_TOKEN_USED": "test_saml_once.py::test_an_assertion_stays_bound_after_a_restart",
    "NOT_ON_RECORD": "test_administration.py::test_what_was_never_stored_is_not_found",
    "BLOCK_UNLISTED": "test_blocks_listed.py::test_what_the_bundle_does_not_name_is_blocked_only_when_that_is_said",
    "EPOCH_MOVED": "test_administration.py::test_who_was_too_late_learns_who_was_faster",
    "OVERLOADED": "test_offloop.py::test_a_service_whose_threads_are_all_taken_says_so_and_uses_nothing_up",
    "RATE_LIMITED": "test_refusal_rows.py::test_failed_authentications_without_end_are_slowed",
    "STORE_UNAVAILABLE": "test_client_auth_unavailable.py::test_a_call_without_a_store_consumes_nothing",
    "OUTCOME_UNKNOWN": "test_client_auth_unavailable.py::test_a_call_whose_commit_was_not_confirmed_is_not_told_as_refused",
    "KEYS_UNAVAILABLE": "test_client_auth_unavailable.py::test_a_call_without_the_keys_of_the_provider_consumes_nothing",
    "SIGNER_UNAVAILABLE": "test_client_auth_unavailable.py::test_a_call_without_a_signing_key_consumes_nothing",
    "VIEW_STALE": "test_refusal_rows.py::test_a_view_that_is_too_old_answers_no_introspection",
    "NOT_READY": "test_refusal_rows.py::test_before_a_bundle_is_active_nothing_is_decided",
    "OUT_OF_TIME": "test_refusal_rows.py::test_a_call_with_too_little_time_is_not_begun",
    "CANCELLED": "test_rpc_recorded.py::test_a_client_that_leaves_is_recorded_as_cancelled",
    "BUG": "test_refusal_rows.py::test_an_exception_that_nobody_planned_leaves_nothing_but_an_error_id",
}
CANNOT_BE_CAUSED = {
    "ASSERTION_SAME_DOMAIN": "A bundle refuses a server that trusts an issuer of its own trust domain.",
}


def by_case() -> set[str]:
    files = (TESTS / "cases").glob("*.yaml")
    return {case["refused"] for file in files for case in yaml.safe_load(file.read_text()) if "refused" in case}


def test_every_reason_is_tried_or_says_why_not() -> None:
    tried = by_case() | BY_TEST.keys()
    assert tried | CANNOT_BE_CAUSED.keys() == set(Reason.__members__)
    assert tried.isdisjoint(CANNOT_BE_CAUSED), "what was caused can be caused"
    assert by_case().isdisjoint(BY_TEST), "a case is enough; take it from the list"


@pytest.mark.parametrize("reason", BY_TEST)
def test_the_named_test_is_there_and_names_the_reason(reason: str) -> None:
    file, _, name = BY_TEST[reason].partition("::")
    source = (TESTS / file).read_text()
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)}
    lines = ast.get_source_segment(source, functions[name]) or ""
    # A table that the test is parametrised with stands above it.
    assert f'"{reason}"' in (lines if f'"{reason}"' in lines else source)


@pytest.mark.parametrize("reason", CANNOT_BE_CAUSED)
def test_a_reason_that_cannot_be_caused_is_raised_behind_another_guard_or_nowhere(reason: str) -> None:
    sources = "".join(file.read_text() for file in (ROOT / "service").rglob("*.py"))
    raised = len(re.findall(rf"Reason\.{reason}\b", sources))
    assert raised == 1


# The documents


@pytest.fixture
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_documents_are_up_to_date(generate: ModuleType) -> None:
    assert generate.outdated(ROOT / "docs") == []


def test_a_document_that_differs_or_is_missing_is_found(generate: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    assert generate.main(["--check"], folder) == 1
    assert generate.main([], folder) == 0
    assert generate.main(["--check"], folder) == 0
    (folder / "refusals.md").write_text("# Refusals\n")
    assert generate.main(["--check"], folder) == 1


def test_the_document_tells_every_row(generate: ModuleType) -> None:
    text = generate.refusals()
    for reason in Reason:
        assert f"| `{reason.name}` | `{reason.public.name}` | {reason.level} |" in text
        assert reason.remedy in text
    for public in Public:
        assert f"| `{public.name}` | {public.number} | {public.status} | `{public.oauth_error}` |" in text
