"""Rotation in four steps, taint, and two processes that rotate at once."""

import contextlib
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd import jws
from grantd.strict import Fault
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, Needed, active_of
from grantd_server.keys.own.rotation import DAY, Rotation, RotationRefused, Schedule
from grantd_server.keys.own.stored import State, create

IDP = "https://idp.example/acme"
USE = (IDP, Purpose.GRANT_SIGNING)
NOW = 1_700_000_000
LEAD = Schedule().lead


@pytest.fixture
def directory(tmp_path):
    found = KeyDirectory(tmp_path / "keys")
    found.make()
    return found


@pytest.fixture
def rotation(directory):
    return Rotation(directory, Schedule())


@pytest.fixture
def first(rotation):
    return rotation.create(*USE, "ES256", NOW)


def _signing(directory):
    return KeyRing(directory).signer(*USE).kid


def _published(directory):
    return {each["kid"] for each in KeyRing(directory).public_keys(IDP)}


async def _token(ring):
    signer = ring.signer(*USE)
    signed = jws.signing_input({"sub": "u"}, alg=signer.alg, kid=signer.kid, typ="oauth-id-jag+jwt")
    return jws.compact(signed, await signer.sign(signed))


@pytest.mark.req("E-18")
def test_a_successor_is_published_before_it_signs(directory, rotation, first):
    successor = rotation.publish(*USE, NOW + 10)
    assert _published(directory) == {first.kid, successor.kid}
    assert _signing(directory) == first.kid
    with pytest.raises(RotationRefused, match=f"wait {LEAD} seconds"):
        rotation.activate(*USE, NOW + 10)
    assert rotation.activate(*USE, NOW + 10 + LEAD).kid == successor.kid
    assert _signing(directory) == successor.kid


@pytest.mark.req("E-18", "G-37")
async def test_the_old_key_stays_until_its_tokens_have_expired(directory, rotation, first):
    ring = KeyRing(directory)
    token = await _token(ring)
    rotation.publish(*USE, NOW)
    rotation.activate(*USE, NOW + LEAD)
    ring.reload()
    keys = ring.keyset(*USE)
    assert jws.verify(jws.read(token), keys, frozenset({"ES256"}), jws.ID_JAG)
    assert first.kid in _published(directory)
    with pytest.raises(RotationRefused, match="may live"):
        rotation.remove(*USE, first.kid, NOW + LEAD + DAY - 1)
    rotation.remove(*USE, first.kid, NOW + LEAD + DAY)
    assert first.kid not in _published(directory)


def test_publishing_twice_makes_one_successor(rotation, first):
    assert rotation.publish(*USE, NOW).kid == rotation.publish(*USE, NOW + 1).kid


def test_a_second_first_key_is_refused(rotation, first):
    with pytest.raises(RotationRefused, match="active key already"):
        rotation.create(*USE, "ES256", NOW)


def test_the_key_in_use_is_neither_retired_nor_removed_by_command(rotation, first):
    with pytest.raises(RotationRefused, match="in use"):
        rotation.retire(*USE, first.kid, NOW)
    with pytest.raises(RotationRefused, match="is active"):
        rotation.remove(*USE, first.kid, NOW)


def test_a_published_key_that_shall_never_sign_is_retired(directory, rotation, first):
    unwanted = rotation.publish(*USE, NOW)
    assert rotation.retire(*USE, unwanted.kid, NOW).state is State.RETIRED
    with pytest.raises(RotationRefused, match="publish one first"):
        rotation.activate(*USE, NOW + LEAD)
    assert _signing(directory) == first.kid


def test_nothing_is_published_for_an_issuer_without_a_key(rotation):
    with pytest.raises(RotationRefused, match="no active key"):
        rotation.publish(*USE, NOW)


def test_an_unknown_kid_is_refused(rotation, first):
    for step in (rotation.taint, rotation.retire, rotation.remove):
        with pytest.raises(RotationRefused, match="no key with this kid"):
            step(*USE, "nobody", NOW)


def test_a_rotation_may_change_the_algorithm(directory, rotation, first):
    rotation.publish(*USE, NOW, "EdDSA")
    rotation.activate(*USE, NOW, at_once=True)
    assert KeyRing(directory).signer(*USE).alg == "EdDSA"


@pytest.mark.hostile("K14")
@pytest.mark.req("G-37")
async def test_a_tainted_key_signs_and_verifies_nothing_from_the_next_reload(directory, rotation, first):
    ring = KeyRing(directory)
    token = await _token(ring)
    successor = rotation.taint(*USE, first.kid, NOW)
    assert ring.reload()
    assert ring.signer(*USE).kid == successor.kid != first.kid
    assert {each["kid"] for each in ring.public_keys(IDP)} == {successor.kid}
    with pytest.raises(Fault, match="kid"):
        jws.verify(jws.read(token), ring.keyset(*USE), frozenset({"ES256"}), jws.ID_JAG)
    files = [json.loads(path.read_text()) for path in directory.path.glob("*.json")]
    assert [("private_key" in each) for each in files if each["kid"] == first.kid] == [False]


def test_a_taint_uses_the_successor_that_verifiers_may_know(rotation, first):
    waiting = rotation.publish(*USE, NOW)
    assert rotation.taint(*USE, first.kid, NOW).kid == waiting.kid


def test_a_taint_of_a_key_not_in_use_changes_no_other(directory, rotation, first):
    waiting = rotation.publish(*USE, NOW)
    assert rotation.taint(*USE, waiting.kid, NOW) is None
    assert _signing(directory) == first.kid
    assert _published(directory) == {first.kid}


def test_a_taint_is_final(rotation, first):
    rotation.taint(*USE, first.kid, NOW)
    assert rotation.taint(*USE, first.kid, NOW + 1) is None
    with pytest.raises(RotationRefused, match="final"):
        rotation.retire(*USE, first.kid, NOW)


@pytest.mark.req("E-18")
def test_by_age_every_step_comes_when_it_is_due(directory, rotation, first):
    ends = NOW + 30 * DAY
    assert rotation.by_age(ends - LEAD - 1) == []
    (published,) = rotation.by_age(ends - LEAD)
    assert published.startswith("published ")
    assert _signing(directory) == first.kid
    assert rotation.by_age(ends - 1) == []
    (activated,) = rotation.by_age(ends)
    assert activated == published.replace("published", "activated")
    assert rotation.by_age(ends + DAY - 1) == []
    assert rotation.by_age(ends + DAY) == [f"removed {first.kid}"]
    assert len(_published(directory)) == 1


def test_a_service_that_slept_past_every_date_still_publishes_before_it_signs(directory, rotation, first):
    late = NOW + 300 * DAY
    assert [each.split()[0] for each in rotation.by_age(late)] == ["published"]
    assert _signing(directory) == first.kid
    assert [each.split()[0] for each in rotation.by_age(late + LEAD)] == ["activated"]


def test_a_taint_keeps_the_time_of_the_first(directory, rotation, first):
    rotation.taint(*USE, first.kid, NOW)
    rotation.taint(*USE, first.kid, NOW + 99)
    assert [key.retired for key in KeyRing(directory).keys if key.kid == first.kid] == [NOW]


def test_a_published_key_older_than_the_one_in_use_never_signs(directory, rotation, first):
    passed_over = rotation.publish(*USE, NOW)
    rotation.ensure([Needed(*USE, "EdDSA")], NOW)
    with pytest.raises(RotationRefused, match="publish one first"):
        rotation.activate(*USE, NOW, at_once=True)
    assert _signing(directory) not in {first.kid, passed_over.kid}


def test_a_secret_that_nobody_has_to_learn_is_used_as_soon_as_it_is_made(rotation):
    rotation.create("", Purpose.PSEUDONYM, "HS256", NOW)
    done = rotation.by_age(NOW + 365 * DAY)
    assert [each.split()[0] for each in done] == ["published", "activated"]


def test_keys_that_old_records_need_are_not_removed_by_age(rotation):
    for purpose in (Purpose.CHECKPOINT, Purpose.PSEUDONYM):
        rotation.create("", purpose, "ES256", NOW)
    rotation.by_age(NOW + 366 * DAY)
    done = rotation.by_age(NOW + 366 * DAY + LEAD) + rotation.by_age(NOW + 500 * DAY)
    assert not [each for each in done if each.startswith("removed")]


def test_an_envelope_key_rotates_by_command_only(rotation):
    rotation.create("", Purpose.ENVELOPE, "HS256", NOW)
    assert rotation.by_age(NOW + 5000 * DAY) == []


def test_a_lead_shorter_than_verifiers_keep_a_key_set_is_refused():
    with pytest.raises(ValueError, match="before its first use"):
        Schedule(lead=10)


def test_a_process_that_dies_in_the_middle_of_a_rotation_leaves_one_key_in_use(directory, rotation, first):
    # It wrote the successor as active and died before it retired the predecessor.
    successor = create(*USE, "ES256", first.number + 1, NOW).activate(NOW)
    with directory.changing():
        directory.write(successor)
    assert _signing(directory) == successor.kid
    assert _published(directory) == {first.kid, successor.kid}
    assert rotation.by_age(NOW) == [f"retired {first.kid}"]
    assert [key.state for key in KeyRing(directory).keys if key.kid == first.kid] == [State.RETIRED]


def test_needed_keys_are_made_once(directory, rotation):
    needed = [Needed(*USE, "ES256"), Needed(IDP, Purpose.ACCESS_TOKEN, "RS256")]
    assert len(rotation.ensure(needed, NOW)) == 2
    assert rotation.ensure(needed, NOW) == []
    assert KeyRing(directory).lacking(needed) == []


def test_a_needed_key_of_another_algorithm_supersedes_the_old_one(directory, rotation, first):
    rotation.ensure([Needed(*USE, "EdDSA")], NOW)
    assert KeyRing(directory).signer(*USE).alg == "EdDSA"
    assert first.kid in _published(directory)


_RACER = """
import sys, pathlib
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.rotation import Rotation, Schedule
rotation = Rotation(KeyDirectory(pathlib.Path(sys.argv[1])), Schedule())
print("ready", flush=True)
for line in sys.stdin:
    rotation.by_age(int(line))
    print("done", flush=True)
"""


@pytest.mark.hostile("K16")
def test_two_processes_that_rotate_at_once_leave_one_active_key_and_none_unpublished(directory, rotation, first):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(directory.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        assert [each.stdout.readline() for each in racers] == ["ready\n"] * 2
        now = NOW
        for _ in range(10):
            for step in (30 * DAY - LEAD, LEAD):
                now += step
                for each in racers:
                    each.stdin.write(f"{now}\n")
                    each.stdin.flush()
                assert [each.stdout.readline() for each in racers] == ["done\n"] * 2
                ring = KeyRing(directory)
                assert len([key for key in ring.keys if key.state is State.ACTIVE]) == 1
                assert len([key for key in ring.keys if key.state is State.PUBLISHED]) <= 1
                assert ring.signer(*USE).kid in {each["kid"] for each in ring.public_keys(IDP)}
        assert max(key.number for key in ring.keys) == 11
    finally:
        for each in racers:
            each.stdin.close()
            assert each.wait(10) == 0
            each.stdout.close()


def _take(step, rotation, ring, now):
    match step:
        case "publish":
            rotation.publish(*USE, now)
        case "activate":
            rotation.activate(*USE, now)
        case "taint":
            rotation.taint(*USE, ring.signer(*USE).kid, now)
        case "age":
            rotation.by_age(now)
        case "remove":
            rotation.remove(*USE, ring.keys[0].kid, now)


_STEPS = st.lists(st.sampled_from(["publish", "activate", "taint", "age", "remove"]), max_size=12)


@pytest.mark.req("G-37")
@settings(max_examples=25, deadline=None)
@given(_STEPS, st.integers(0, 40 * DAY))
def test_no_order_of_steps_leaves_an_issuer_without_one_published_key_in_use(tmp_path_factory, steps, pause):
    directory = KeyDirectory(tmp_path_factory.mktemp("keys"))
    rotation = Rotation(directory, Schedule())
    rotation.create(*USE, "EdDSA", NOW)
    now = NOW
    for step in steps:
        now += pause
        ring = KeyRing(directory)
        with contextlib.suppress(RotationRefused):
            _take(step, rotation, ring, now)
        ring = KeyRing(directory)
        assert len(active_of(ring.keys)) == 1
        assert ring.signer(*USE).kid in {each["kid"] for each in ring.public_keys(IDP)}
