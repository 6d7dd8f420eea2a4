"""Key files: what is refused, and that each fault is one sentence without the key."""

import json
import os

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.keys.own import files
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.keys.own.stored import LARGEST_FILE, KeyFileFault, create, dump, load

IDP = "https://idp.example/acme"
NOW = 1_700_000_000


@pytest.fixture
def directory(tmp_path):
    found = KeyDirectory(tmp_path / "keys")
    found.make()
    return found


@pytest.fixture
def path(directory):
    Rotation(directory, Schedule()).create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    (found,) = directory.path.glob("*.json")
    return found


def test_a_key_file_is_written_for_its_owner_only(path):
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.hostile("K19")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o620, 0o644, 0o660])
def test_a_key_file_that_is_open_to_others_is_refused(directory, path, mode):
    path.chmod(mode)
    with pytest.raises(KeyFileFault, match="open to others"):
        KeyRing(directory)


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_directory_in_which_others_may_put_keys_is_refused(directory, path, mode):
    path.parent.chmod(mode)
    with pytest.raises(KeyFileFault, match="written by others"):
        KeyRing(directory)


def test_a_key_file_of_another_user_is_refused(directory, path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        os.chown(path, 12345, 12345)
    with pytest.raises(KeyFileFault, match="another user"):
        KeyRing(directory)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(KeyFileFault, match="nowhere cannot be read"):
        KeyRing(KeyDirectory(tmp_path / "nowhere"))


def test_something_else_than_a_directory_is_refused(tmp_path):
    (tmp_path / "keys").write_text("")
    with pytest.raises(KeyFileFault, match="is not a directory"):
        KeyRing(KeyDirectory(tmp_path / "keys"))


def test_a_pipe_in_place_of_a_key_file_is_refused_and_not_waited_for(directory, path):
    raw_name = path.name
    path.unlink()
    os.mkfifo(directory.path / raw_name, 0o600)
    with pytest.raises(KeyFileFault, match="not a regular file"):
        KeyRing(directory)


def _rewrite(path, change):
    members = json.loads(path.read_text())
    change(members)
    path.write_text(json.dumps(members))


def _other_key(members):
    members["private_key"] = json.loads(dump(create(IDP, Purpose.GRANT_SIGNING, "EdDSA", 1, NOW)))["private_key"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda it: it.update(colour="red"), "colour is not a member"),
        (lambda it: it.pop("purpose"), "purpose is missing"),
        (lambda it: it.pop("private_key"), "has exactly"),
        (lambda it: it.update(secret="x" * 43), "has exactly"),
        (lambda it: it.update(public_key="x"), "has exactly"),
        (lambda it: it.update(purpose="everything"), "purpose is one of"),
        (lambda it: it.update(purpose="checkpoint"), "has no issuer"),
        (lambda it: it.update(issuer=""), "has an issuer"),
        (lambda it: it.update(state="asleep"), "state is one of"),
        (lambda it: it.update(alg="RS256"), "kind that its alg demands"),
        (lambda it: it.update(alg="ES384"), "kind that its alg demands"),
        (lambda it: it.update(alg="none"), "kind that its alg demands"),
        (lambda it: it.update(format=2), "a newer grantd"),
        (lambda it: it.update(kid="../../etc/x"), "kid is"),
        (lambda it: it.update(kid="other"), "holds another key"),
        (lambda it: it.update(kid=7), "kid is a text"),
        (lambda it: it.update(number=-1), "number is a whole number"),
        (lambda it: it.update(number=True), "number is a whole number"),
        (lambda it: it.update(created="now"), "created is a whole number"),
        (lambda it: it.update(private_key="-----BEGIN"), "PKCS #8"),
        (_other_key, "kind that its alg demands"),
    ],
)
def test_one_wrong_member_is_named(directory, path, change, sentence):
    secret = json.loads(path.read_text())["private_key"].splitlines()[1]
    _rewrite(path, change)
    with pytest.raises(KeyFileFault) as caught:
        KeyRing(directory)
    assert sentence in str(caught.value)
    assert path.name in str(caught.value)
    assert secret not in str(caught.value)


def test_a_purpose_changed_in_the_file_does_not_move_the_key(directory, path):
    _rewrite(path, lambda it: it.update(purpose="access_token"))
    with pytest.raises(KeyFileFault, match="holds another key than its name says"):
        KeyRing(directory)


def test_a_file_beyond_all_sizes_is_refused_unread(directory, path):
    path.write_bytes(path.read_bytes() + b" " * LARGEST_FILE)
    with pytest.raises(KeyFileFault, match="larger than"):
        KeyRing(directory)


@pytest.mark.req("C-10")
def test_one_key_under_two_purposes_is_refused(directory, path):
    members = json.loads(path.read_text()) | {"purpose": "access_token", "kid": "copy"}
    copy = directory.path / "access_token.copy.json"
    copy.write_text(json.dumps(members))
    copy.chmod(0o600)
    with pytest.raises(KeyFileFault, match="are one key"):
        KeyRing(directory)


@pytest.mark.req("E-17")
def test_one_kid_for_two_keys_is_refused(directory, path):
    members = json.loads(dump(create(IDP, Purpose.ACCESS_TOKEN, "ES256", 1, NOW)))
    members["kid"] = json.loads(path.read_text())["kid"]
    other = directory.path / f"access_token.{members['kid']}.json"
    other.write_text(json.dumps(members))
    other.chmod(0o600)
    with pytest.raises(KeyFileFault, match="two key files have the kid"):
        KeyRing(directory)


def test_a_failed_reload_leaves_the_ring_as_it_was(directory, path):
    ring = KeyRing(directory)
    path.chmod(0o644)
    with pytest.raises(KeyFileFault):
        ring.reload()
    assert ring.signer(IDP, Purpose.GRANT_SIGNING).alg == "ES256"
    assert ring.generation == 1


def test_what_a_dying_process_left_half_written_is_neither_read_nor_kept(directory, path):
    left = directory.path / ".unfinished-0123"
    left.write_text("{")
    assert len(KeyRing(directory).keys) == 1
    with directory.changing():
        assert not left.exists()


def test_a_lock_that_is_never_released_ends_in_a_fault(directory, path, monkeypatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.0)
    with (
        directory.changing(),
        pytest.raises(KeyFileFault, match="another process"),
    ):
        KeyRing(KeyDirectory(directory.path))


@pytest.mark.parametrize("purpose", Purpose)
def test_a_key_reads_back_as_it_was_written(purpose):
    issuer = "" if purpose.of_the_service else IDP
    key = create(issuer, purpose, "ES256", 3, NOW).activate(NOW + 1)
    for each in (key, key.retire(NOW + 2), key.taint(NOW + 3)):
        assert dump(load(dump(each))) == dump(each)


def test_a_tainted_key_has_no_private_half_in_its_file():
    for purpose in (Purpose.ACCESS_TOKEN, Purpose.PSEUDONYM):
        issuer = "" if purpose.of_the_service else IDP
        raw = dump(create(issuer, purpose, "ES256", 1, NOW).taint(NOW))
        assert b"PRIVATE" not in raw
        assert b"secret" not in raw


@pytest.mark.parametrize("secret", ["", "c2hvcnQ", "x" * 42, "!" * 43])
def test_a_short_or_malformed_secret_is_refused(secret):
    members = json.loads(dump(create("", Purpose.PSEUDONYM, "HS256", 1, NOW))) | {"secret": secret}
    with pytest.raises(KeyFileFault, match="secret is base64url"):
        load(json.dumps(members).encode())


def test_an_algorithm_that_we_do_not_sign_with_is_refused_even_where_its_key_fits():
    key = ec.generate_private_key(ec.SECP384R1())
    members = json.loads(dump(create(IDP, Purpose.ACCESS_TOKEN, "ES256", 1, NOW))) | {
        "alg": "ES384",
        "private_key": key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode(),
    }
    with pytest.raises(KeyFileFault, match="kind that its alg demands"):
        load(json.dumps(members).encode())


def test_a_secret_of_another_algorithm_is_refused():
    members = json.loads(dump(create("", Purpose.PSEUDONYM, "HS256", 1, NOW))) | {"alg": "HS512"}
    with pytest.raises(KeyFileFault, match="is HS256"):
        load(json.dumps(members).encode())


def test_a_key_under_a_passphrase_is_one_sentence_and_waits_for_nobody(directory, path):
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"hunter2"))
    _rewrite(path, lambda it: it.update(private_key=sealed.decode()))
    with pytest.raises(KeyFileFault, match="unencrypted PKCS #8"):
        KeyRing(directory)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_key_or_a_fault(raw):
    with pytest.raises(KeyFileFault):
        load(raw)


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), st.lists, max_leaves=4)


@given(st.sampled_from(sorted(json.loads(dump(create(IDP, Purpose.ACCESS_TOKEN, "ES256", 1, NOW))))), _JSON)
def test_any_value_of_any_member_is_read_or_a_fault(name, value):
    members = json.loads(dump(create(IDP, Purpose.ACCESS_TOKEN, "ES256", 1, NOW))) | {name: value}
    try:
        key = load(json.dumps(members).encode())
    except KeyFileFault:
        return
    assert key.purpose is Purpose.ACCESS_TOKEN
