"""Our signing keys: the ring, and what it publishes."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd import jwk, jws
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, Needed, View
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.keys.own.stored import State, StoredKey

IDP = "https://idp.example/acme"
AS = "https://as.example"
NOW = 1_700_000_000
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture
def directory(tmp_path):
    found = KeyDirectory(tmp_path / "keys")
    found.make()
    return found


@pytest.fixture
def rotation(directory):
    return Rotation(directory, Schedule())


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
async def test_what_the_ring_signs_its_own_key_set_verifies(directory, rotation, alg):
    made = rotation.create(IDP, Purpose.GRANT_SIGNING, alg, NOW)
    ring = KeyRing(directory)
    signer = ring.signer(IDP, Purpose.GRANT_SIGNING)
    assert (signer.kid, signer.alg) == (made.kid, alg)
    signed = jws.signing_input({"sub": "u"}, alg=signer.alg, kid=signer.kid, typ="oauth-id-jag+jwt")
    token = jws.compact(signed, await signer.sign(signed))
    keys = ring.keyset(IDP, Purpose.GRANT_SIGNING)
    assert jws.verify(jws.read(token), keys, frozenset({alg}), jws.ID_JAG) == {"sub": "u"}


def test_a_signer_never_shows_its_key(directory, rotation):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    ring = KeyRing(directory)
    assert "private" not in repr(ring.signer(IDP, Purpose.GRANT_SIGNING))
    assert "private=" not in repr(ring.keys)


@pytest.mark.req("C-10")
def test_each_purpose_and_issuer_has_its_own_key_and_kid(directory, rotation):
    for issuer, purpose in [(IDP, Purpose.GRANT_SIGNING), (AS, Purpose.ACCESS_TOKEN), (AS, Purpose.CLIENT_ASSERTION)]:
        rotation.create(issuer, purpose, "ES256", NOW)
    ring = KeyRing(directory)
    assert len({key.kid for key in ring.keys}) == 3
    grants, tokens = ring.keyset(IDP, Purpose.GRANT_SIGNING), ring.keyset(AS, Purpose.ACCESS_TOKEN)
    assert {key.kid for key in grants.keys}.isdisjoint(key.kid for key in tokens.keys)
    assert {each["kid"] for each in ring.public_keys(IDP)} == {key.kid for key in grants.keys}
    assert {each["kid"] for each in ring.public_keys(AS)} == {key.kid for key in tokens.keys}
    assert len(ring.client_keys(AS)) == 1


@pytest.mark.parametrize(("issuer", "purpose"), [(AS, Purpose.GRANT_SIGNING), (IDP, Purpose.ACCESS_TOKEN)])
def test_a_key_is_not_used_for_another_purpose_or_issuer(directory, rotation, issuer, purpose):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    ring = KeyRing(directory)
    with pytest.raises(SignerUnavailable, match=purpose.value):
        ring.signer(issuer, purpose)
    assert ring.keyset(issuer, purpose).keys == ()


def test_a_secret_is_not_published_and_serves_its_purpose_only(directory, rotation):
    rotation.create("", Purpose.PSEUDONYM, "HS256", NOW)
    ring = KeyRing(directory)
    assert len(ring.secret(Purpose.PSEUDONYM).secret.reveal()) >= 43
    assert ring.secret(Purpose.PSEUDONYM).secret.reveal() not in repr(ring.keys)
    assert ring.public_keys("") == []
    with pytest.raises(SignerUnavailable):
        ring.secret(Purpose.ENVELOPE)
    with pytest.raises(SignerUnavailable):
        ring.signer("", Purpose.PSEUDONYM)


def test_a_reload_picks_up_changes_and_moves_the_generation_only_then(directory, rotation):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    ring = KeyRing(directory)
    before = ring.generation
    assert not ring.reload()
    assert ring.generation == before
    rotation.publish(IDP, Purpose.GRANT_SIGNING, NOW)
    assert len(ring.public_keys(IDP)) == 1
    assert ring.reload()
    assert ring.generation == before + 1
    assert len(ring.public_keys(IDP)) == 2


def test_a_key_file_is_parsed_once(directory, rotation):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    ring = KeyRing(directory)
    signer = ring.signer(IDP, Purpose.GRANT_SIGNING)
    rotation.create(AS, Purpose.ACCESS_TOKEN, "ES256", NOW)
    ring.reload()
    assert ring.signer(IDP, Purpose.GRANT_SIGNING).private is signer.private


def test_the_ring_says_which_needed_keys_are_not_there(directory, rotation):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    needed = [Needed(IDP, Purpose.GRANT_SIGNING, "ES256"), Needed(AS, Purpose.ACCESS_TOKEN, "RS256")]
    lacking = KeyRing(directory).lacking(needed)
    assert len(lacking) == 1
    assert AS in lacking[0]
    assert "RS256" in lacking[0]
    assert KeyRing(directory).lacking([Needed(IDP, Purpose.GRANT_SIGNING, "RS256")])


def test_ages_tell_how_long_each_key_has_signed(directory, rotation):
    rotation.create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    assert KeyRing(directory).ages(NOW + 60) == [({"issuer": IDP, "purpose": "grant_signing"}, 60)]


_POOL = {
    "ES256": [ec.generate_private_key(ec.SECP256R1()) for _ in range(6)],
    "EdDSA": [ed25519.Ed25519PrivateKey.generate() for _ in range(6)],
    "RS256": [rsa.generate_private_key(65537, 2048) for _ in range(3)],
}


@st.composite
def key_sets(draw):
    keys = []
    pool = draw(st.permutations([(alg, private) for alg, members in _POOL.items() for private in members]))
    for number, (alg, private) in enumerate(pool[: draw(st.integers(0, 8))]):
        state = draw(st.sampled_from(State))
        purpose = draw(st.sampled_from([each for each in Purpose if not each.symmetric]))
        keys.append(
            StoredKey(
                kid=f"k{number}",
                number=number,
                alg=alg,
                issuer="" if purpose.of_the_service else draw(st.sampled_from([IDP, AS])),
                purpose=purpose,
                state=state,
                created=draw(st.integers(0, 9)),
                public=private.public_key(),
                private=None if state is State.TAINTED else private,
            )
        )
    return tuple(keys)


@pytest.mark.hostile("K17")
@pytest.mark.req("E-17")
@settings(max_examples=2500, deadline=None)
@given(key_sets())
def test_what_is_published_has_public_members_a_unique_kid_use_and_alg(keys):
    view = View(keys)
    for published in [*view.published.values(), *view.client_keys.values()]:
        assert len({each["kid"] for each in published}) == len(published)
        for each in published:
            assert PRIVATE.isdisjoint(each)
            assert each["use"] == "sig"
            assert each["alg"] in _POOL
        # A verifier of this very document can use every key of it.
        read = jwk.read_jwks(json.dumps({"keys": published}), default_algs=_POOL.keys())
        assert len(read.keys) == len(published)


@settings(max_examples=500, deadline=None)
@given(key_sets())
def test_whatever_signs_is_published_and_accepted_and_nothing_tainted_is(keys):
    view = View(keys)
    for (issuer, purpose), signer in view.signers.items():
        assert signer.kid in view.keysets[issuer, purpose]
        if purpose in {Purpose.GRANT_SIGNING, Purpose.ACCESS_TOKEN}:
            assert signer.kid in {each["kid"] for each in view.published[issuer]}
    tainted = {key.kid for key in keys if key.state is State.TAINTED}
    for found in view.keysets.values():
        assert tainted.isdisjoint(key.kid for key in found.keys)
    for published in view.published.values():
        assert tainted.isdisjoint(each["kid"] for each in published)
