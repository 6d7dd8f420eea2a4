"""Settings that are nearly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from grantd_server.settings import Serving, Settings, SettingsError, check, load, sources

if TYPE_CHECKING:
    from pathlib import Path


def problems(file: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(file, environ or {})
    return refused.value.problems


@pytest.mark.parametrize(
    "address", [":7443", "7443", "h:", "h:-1", "h:x", "h:\u0667\u0664\u0664\u0663", "h: 1", "h:65536", ""]
)
def test_an_address_has_a_host_and_a_port_in_plain_digits(tmp_path: Path, address: str) -> None:
    (told,) = problems(tmp_path / "grantd.yaml", f'grpc: {{listen: "{address}"}}\n')

    assert "grpc.listen: an address is host:port or unix:/path." in told


def test_a_typo_is_told_by_itself_and_not_as_something_missing_too(tmp_path: Path) -> None:
    text = "grpc: {tls: {key: k, client_ca: c}}\n"

    (told,) = problems(tmp_path / "grantd.yaml", text, {"GRANTD__GRPC__TLS__CERTIFICAT": "x"})

    assert "GRANTD__GRPC__TLS__CERTIFICATE" in told


def test_a_secret_file_that_this_process_may_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    assert sources.secret_file_problem(secret) is None

    monkeypatch.setattr(sources.os, "access", lambda *_: False)  # root may read everything

    assert sources.secret_file_problem(secret) == f"{secret} cannot be read: Permission denied."


@pytest.mark.parametrize("identity", ["", " ", "a ", "https://corp.example/gw", "spiffe ://corp.example/gw"])
def test_a_caller_without_a_usable_name_stops_the_start(tmp_path: Path, identity: str) -> None:
    files = dict.fromkeys(("certificate", "key", "client_ca"), tmp_path / "x")
    settings = Settings.model_validate({"grpc": {"tls": files, "callers": {identity: "service"}}})

    with pytest.raises(SettingsError) as refused:
        check(settings, Serving.RPC, {})

    assert f"grpc.callers: {identity!r} is neither a spiffe:// id nor a DNS name." in refused.value.problems


@pytest.mark.req("F-31")
@pytest.mark.parametrize("development", [False, True])
@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:8080", "grantd.internal:8080"])
@pytest.mark.parametrize("listener", ["grpc", "http"])
def test_plaintext_beyond_this_machine_stops_the_start(listener: str, listen: str, development: bool) -> None:
    settings = Settings.model_validate({"development": development, listener: {"listen": listen}})

    with pytest.raises(SettingsError) as refused:
        check(settings, Serving.BOTH, {})

    told = [problem for problem in refused.value.problems if problem.startswith(f"{listener}.")]
    assert any("TLS" in problem or "tls" in problem for problem in told), refused.value.problems
