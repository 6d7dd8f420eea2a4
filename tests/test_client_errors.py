"""Failures as callers see them, over gRPC and HTTP."""

from __future__ import annotations

import subprocess
import sys

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from grantd.errors import BundleMoved, GrantdError, Refused, Unavailable, of_http, of_rpc, printable
from grantd.extras import needs
from grantd.http import check_url
from grantd_server.refusals import Public
from grantd_server.rpc.chain import status

OURS = {Public.OVERLOADED, Public.UNAVAILABLE, Public.OUT_OF_TIME, Public.CANCELLED, Public.INTERNAL}


class Ended(grpc.RpcError):
    """A failed call as the library shows it."""

    def __init__(
        self, code: grpc.StatusCode, details: str | None, trailers: tuple[tuple[str, str | bytes], ...] | None
    ):
        super().__init__()
        self._state = (code, details, trailers)

    def code(self) -> grpc.StatusCode:
        return self._state[0]

    def details(self) -> str | None:
        return self._state[1]

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None:
        return self._state[2]


def ended(code: grpc.StatusCode, details: str | None = None, raw: bytes | None = None, decision: str | None = None):
    trailers: list[tuple[str, str | bytes]] = []
    if raw is not None:
        trailers.append(("grpc-status-details-bin", raw))
    if decision is not None:
        trailers.append(("x-grantd-decision-id", decision))
    return of_rpc(Ended(code, details, tuple(trailers)))


@pytest.mark.parametrize("public", list(Public), ids=lambda row: row.name)
def test_every_public_reason_comes_out_as_it_went_in(public):
    error = ended(grpc.StatusCode[public.status], public.sentence, status.encode(public, {}), "d1")
    assert isinstance(error, Unavailable if public in OURS else Refused)
    assert isinstance(error, BundleMoved) is (public is Public.BUNDLE_MOVED)
    assert (error.code, error.reason, error.oauth_error) == (public.status, public.name, public.oauth_error)
    assert (error.description, error.decision_id) == (public.sentence, "d1")
    assert (error.max_age, error.acr_values) == (None, ())


def test_a_bundle_that_moved_tells_who_moved_it_as_far_as_that_can_be_read():
    who = {"epoch": "7", "version": "b1", "author": "eve\x1b[2J", "activated": "1790000000"}
    moved = ended(grpc.StatusCode.ABORTED, None, status.encode(Public.BUNDLE_MOVED, who))
    assert isinstance(moved, BundleMoved)
    assert (moved.epoch, moved.version, moved.author, moved.activated) == (7, "b1", "eve?[2J", 1_790_000_000)
    for odd in ({}, {"epoch": "-7", "activated": "1" * 19}):
        moved = ended(grpc.StatusCode.ABORTED, None, status.encode(Public.BUNDLE_MOVED, odd))
        assert isinstance(moved, BundleMoved)
        assert (moved.epoch, moved.version, moved.author, moved.activated) == (None, "", "", None)


def test_no_word_of_a_service_drives_a_terminal():
    error = ended(grpc.StatusCode.INVALID_ARGUMENT, None, status.encode(Public.ASSERTION_INVALID, {}))
    assert error.oauth_error == "invalid_grant"
    info = error_details_pb2.ErrorInfo(
        reason="X\x1b", domain="grantd", metadata={"oauth_error": "no\x1b[2J\n" + "x" * 99, "error_description": "\r"}
    )
    packed = any_pb2.Any()
    packed.Pack(info)
    error = ended(grpc.StatusCode.INVALID_ARGUMENT, None, status_pb2.Status(details=[packed]).SerializeToString())
    assert (error.reason, error.oauth_error, error.description) == ("X?", "no?[2J?" + "x" * 57, "?")


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ('["a b", "\\u00e9"]', ("a b", "é")),
        ('["a", 1, null, ["b"], "c\\u001b[2J", "\\u202ed", "e"]', ("a", "e")),
        (f"{list(range(19))}"[:-1] + ', "u", "v"]', ("u",)),
        (f'["{"a" * 4092}"]', ("a" * 4092,)),
        (f'["{"a" * 4093}"]', ()),
        ('{"a": 1}', ()),
        ("desk agent", ()),
        ("[" * 4096, ()),
        ("", ()),
    ],
    ids=lambda value: str(value)[:12],
)
def test_names_of_a_service_are_read_as_far_as_they_can_be_shown(raw, names):
    error = ended(grpc.StatusCode.FAILED_PRECONDITION, None, status.encode(Public.NOT_GOVERNED, {"nearest": raw}))
    assert error.nearest == names


def test_the_fields_of_a_request_that_were_wrong_are_told():
    raw = status.encode(Public.PARAMETER_INVALID, {}, "options.since")
    error = ended(grpc.StatusCode.INVALID_ARGUMENT, None, raw)
    assert (error.reason, error.fields) == ("PARAMETER_INVALID", ("options.since",))
    assert ended(grpc.StatusCode.INVALID_ARGUMENT, None, status.encode(Public.PARAMETER_INVALID, {})).fields == ()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, Refused),
        (grpc.StatusCode.NOT_FOUND, Refused),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.UNKNOWN, Unavailable),
        (grpc.StatusCode.INTERNAL, Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
        (grpc.StatusCode.UNIMPLEMENTED, Unavailable),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_failure_that_grantd_did_not_word_is_known_by_its_code(code, kind):
    error = ended(code, "some proxy")
    assert type(error) is kind
    assert (error.reason, error.oauth_error, error.description) == (None, None, "some proxy")


def _status_of(domain: str) -> bytes:
    info = error_details_pb2.ErrorInfo(reason="X", domain=domain, metadata={"oauth_error": "invalid_grant"})
    packed = any_pb2.Any()
    packed.Pack(info)
    return status_pb2.Status(code=9, details=[packed]).SerializeToString()


def test_an_error_info_of_another_domain_is_not_grantds_word():
    error = ended(grpc.StatusCode.UNAVAILABLE, "busy", _status_of("mesh.example"))
    assert type(error) is Unavailable
    assert error.oauth_error is None


@given(st.binary(max_size=200))
def test_any_bytes_in_the_trailer_end_as_an_error_by_code(raw):
    error = ended(grpc.StatusCode.UNAUTHENTICATED, "no", raw)
    assert isinstance(error, GrantdError)
    assert error.code == "UNAUTHENTICATED"


def test_absent_trailers_and_details_are_no_problem():
    assert of_rpc(Ended(grpc.StatusCode.UNAVAILABLE, None, None)).decision_id is None


def test_text_of_a_peer_is_one_printable_line():
    error = ended(grpc.StatusCode.UNAVAILABLE, "a\nb\x1b[31m" + "x" * 500)
    assert error.description.startswith("a?b?[31m")
    assert len(error.description) == 400
    assert "\n" not in str(error)
    assert printable("ok") == "ok"


@pytest.mark.parametrize(
    ("http", "body", "kind", "oauth_error"),
    [
        (400, {"error": "invalid_grant", "error_description": "no"}, Refused, "invalid_grant"),
        (401, {"error": "invalid_client"}, Refused, "invalid_client"),
        (403, {"error": "access_denied"}, Refused, "access_denied"),
        (429, {"error": "temporarily_unavailable"}, Unavailable, "temporarily_unavailable"),
        (429, {"error": "slow_down"}, Unavailable, "slow_down"),
        (503, {"error": "temporarily_unavailable"}, Unavailable, "temporarily_unavailable"),
        (400, {"error": "server_error"}, Unavailable, "server_error"),
        (500, {"error": "invalid_grant"}, Unavailable, "invalid_grant"),
        (404, None, Unavailable, None),
        (400, ["error"], Unavailable, None),
        (400, {"error": 7}, Unavailable, None),
        (302, {"error": "invalid_grant"}, Unavailable, "invalid_grant"),
    ],
)
def test_an_http_answer_is_a_refusal_only_when_it_says_so(http, body, kind, oauth_error):
    error = of_http(http, {"x-grantd-decision-id": "d2"}, body)
    assert type(error) is kind
    assert (error.code, error.oauth_error, error.decision_id) == (f"HTTP {http}", oauth_error, "d2")


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("https://help.example/?decision=d2", True),
        ("http://127.0.0.1/d2", True),
        ("javascript:alert(1)", False),
        ("https://help.example/ d2", False),
        ("https://help.example/\x1b[31m", False),
        ('https://help.example/"', False),
        ("https://help.example/\\", False),
        ("https://help.example/\u00e9", False),
        ("https://" + "a" * 2049, False),
        ("https://", False),
        ("", False),
        (7, False),
    ],
)
def test_a_page_about_the_error_is_handed_on_when_it_can_be_a_link(told, read):
    error = of_http(400, {"x-grantd-decision-id": "d2"}, {"error": "invalid_grant", "error_uri": told})
    assert error.error_uri == (told if read else None)
    assert str(error) == "invalid_grant (decision d2)" + (f", see {told}" if read else "")


@pytest.mark.parametrize(
    ("given_age", "read"), [(600, 600), ("600", 600), ("-1", None), ("1" * 40, None), (True, None)]
)
def test_step_up_members_are_read_from_http(given_age, read):
    body = {"error": "insufficient_user_authentication", "max_age": given_age, "acr_values": "mfa hwk"}
    error = of_http(400, {}, body)
    assert (error.max_age, error.acr_values) == (read, ("mfa", "hwk"))


_WITHOUT = """
import importlib, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
for module in {modules!r}:
    importlib.import_module(module)
"""


def _import_without(missing: list[str], *modules: str) -> subprocess.CompletedProcess[str]:
    """Imports modules in a process of its own where some libraries are not installed."""
    program = _WITHOUT.format(missing=missing, modules=modules)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("grantd.verifiers.access_token", "jwt", "verify"),
        ("grantd.http", "httpx2", "verify"),
        ("grantd.resource_server.possession", "jwt", "verify"),
        ("grantd.resource_server.mcp", "mcp", "mcp"),
        ("grantd.resource_server.fastmcp", "fastmcp", "fastmcp"),
    ],
)
def test_a_missing_library_says_which_extra_to_install(module, library, extra):
    ended = _import_without([library], module)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"ImportError: {library} is not installed: pip install 'grantd[{extra}]'"


def test_a_module_of_ours_that_is_missing_is_no_extra():
    with pytest.raises(ModuleNotFoundError), needs("verify"):
        raise ModuleNotFoundError(name="grantd.nothing")


@pytest.mark.parametrize("url", ["http://localhost:1/a", "http://127.0.0.1/", "http://[::1]/", "https://as.example/a"])
def test_what_is_https_or_on_this_machine_may_be_asked(url):
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://as.example/", "https:///a", "https://u@as.example/", "https://as.example/#a", "ftp://localhost/"]
)
def test_any_other_address_may_not_be_asked(url):
    with pytest.raises(ValueError, match=r"plain URL|neither https nor loopback"):
        check_url(url)


def test_a_plain_install_needs_none_of_the_extras():
    missing = ["jwt", "cryptography", "httpx2", "mcp", "fastmcp", "pydantic", "grantd_server", "sqlmodel"]
    ended = _import_without(
        missing,
        "grantd.client",
        "grantd.administration",
        "grantd.errors",
        "grantd.resource_server.asgi",
        "grantd.verifiers.introspection",
        "grantd.client.assertions",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
