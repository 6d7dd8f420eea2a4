"""A stored document becomes a snapshot, or the old one stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import northwind
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.faults import BundleError
from grantd_server.governance.reading.declared import SecretReference
from grantd_server.governance.secrets.references import FilesAndEnvironment, SecretUnresolved, digest_of
from grantd_server.model.registered import SecretCredential

GOOD = "correct_Horse-battery_staple.0123456789"


def compiled(raw: bytes, resolve: Any = northwind.generated, key: bytes = b"k") -> Any:
    return compile_document(raw, resolve, epoch=7, fingerprint_key=key)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "document: the document is not JSON"),
        (b"\xff", "document: the document is not JSON"),
        (b"[]", "document: a document of format 1 is expected"),
        (b"{}", "document: a document of format 1 is expected"),
        (b'{"format":2}', "document: a document of format 1 is expected"),
        (b'{"format":1,"clientz":{}}', 'document: the key "clientz" is not known here; did you mean "clients"?'),
    ],
)
def test_what_is_no_document_of_ours_is_refused(raw: bytes, sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        compiled(raw)
    assert str(refused.value) == sentence


def test_a_document_is_validated_again(tmp_path: Path) -> None:
    """The database is not trusted with what the applier checked."""
    content = json.loads(northwind.parse(tmp_path).json)
    content["authorization_servers"]["tools"]["trust_domain"] = "workforce"
    with pytest.raises(BundleError, match="must not redeem grants of its own domain"):
        compiled(json.dumps(content).encode())


def test_the_effective_version_changes_with_a_secret_and_never_shows_it(tmp_path: Path) -> None:
    raw = northwind.parse(tmp_path).json
    one = compiled(raw)
    other = compiled(raw, lambda reference: northwind.generated(reference)[::-1])
    keyed = compiled(raw, key=b"another key")
    assert one.version == other.version == keyed.version
    assert len({one.effective_version, other.effective_version, keyed.effective_version}) == 3
    assert one.effective_version.startswith(one.version + "+")
    assert compiled(raw).effective_version == one.effective_version
    assert one.epoch == 7


def test_without_references_the_effective_version_is_the_version(tmp_path: Path) -> None:
    content = yaml.safe_load(northwind.BUNDLE)
    at = content["clients"]["desk"]["at"]
    for number, place in enumerate(("northwind", "tools")):
        at[place]["authentication"] = [{"secret": {"sha256": f"{number}" * 64}}]
    in_force = northwind.snapshot(tmp_path, yaml.safe_dump(content))
    assert in_force.effective_version == in_force.version


def test_a_missing_secret_names_every_reference_and_its_place(tmp_path: Path) -> None:
    raw = northwind.parse(tmp_path).json
    with pytest.raises(SecretUnresolved) as failed:
        compiled(raw, FilesAndEnvironment(tmp_path, {}))
    assert str(failed.value).splitlines() == [
        "clients.desk.at.northwind: {env: DESK_SECRET}: the environment variable is not set",
        "clients.desk.at.tools: {env: DESK_TOOLS_SECRET}: the environment variable is not set",
    ]


@pytest.mark.req("D-26")
def test_two_references_to_one_secret_are_found_when_they_are_resolved(tmp_path: Path) -> None:
    raw = northwind.parse(tmp_path).json
    with pytest.raises(BundleError) as refused:
        compiled(raw, lambda _: GOOD.encode())
    assert str(refused.value) == (
        "document: clients.desk.at.tools: the trust domains workforce and tools share a client secret, "
        "which clients.desk.at.northwind has already"
    )
    assert GOOD not in str(refused.value)


def test_a_secret_written_out_elsewhere_as_a_digest_is_found_too(tmp_path: Path) -> None:
    digest = hashlib.sha256(northwind.generated(SecretReference("env", "DESK_SECRET"))).hexdigest()
    text = northwind.changed("secret: {env: DESK_TOOLS_SECRET}", f'secret: {{sha256: "{digest}"}}')
    with pytest.raises(BundleError, match="share a client secret"):
        northwind.snapshot(tmp_path, text)


def test_a_secret_is_kept_as_its_digest_with_its_end(tmp_path: Path) -> None:
    text = northwind.changed("{env: DESK_SECRET}", "{env: DESK_SECRET, expires: 2027-01-01T00:00:00+01:00}")
    client = northwind.snapshot(tmp_path, text).registration("https://grants.northwind.example", "desk-agent")
    assert client is not None
    expected = hashlib.sha256(northwind.generated(SecretReference("env", "DESK_SECRET"))).digest()
    assert client.credentials[0] == SecretCredential(expected, 1798758000)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (GOOD, None),
        (GOOD + "\n", None),
        (GOOD + "\r\n", None),
        ("x" * 31, "a secret of 32 to 1024 characters is expected"),
        ("", "a secret of 32 to 1024 characters is expected"),
        ("x" * 32, "a generated secret in base64url or the like is expected"),
        (GOOD + " and more", "a generated secret in base64url or the like is expected"),
        (GOOD + "\n\n", "a generated secret in base64url or the like is expected"),
        (GOOD + "\x00", "a generated secret in base64url or the like is expected"),
        (GOOD * 30, "a secret of 32 to 1024 characters is expected"),
    ],
)
def test_a_referenced_secret_is_a_generated_one(tmp_path: Path, content: str, fault: str | None) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    resolve = FilesAndEnvironment(tmp_path, {"VARIABLE": content})
    for reference in (SecretReference("file", "secret"), SecretReference("env", "VARIABLE")):
        if fault is None:
            assert digest_of(reference, resolve) == hashlib.sha256(GOOD.encode()).digest()
            continue
        with pytest.raises(SecretUnresolved) as failed:
            digest_of(reference, resolve)
        assert str(failed.value) == f"{reference}: {fault}"


def test_a_file_that_cannot_be_read_is_told_by_name_only(tmp_path: Path) -> None:
    for name in ("nowhere", ".", "a\x00b"):
        with pytest.raises(SecretUnresolved, match="the file cannot be read"):
            digest_of(SecretReference("file", name), FilesAndEnvironment(tmp_path, {}))
