"""DPoP proofs: an honest one passes, and each change of one is refused by name."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grantd_server
from grantd import dpop, jwk
from grantd.dpop.nonce import LIFE, RENEWAL, Nonces
from grantd.dpop.prover import Prover
from grantd.dpop.url import normalise
from grantd.strict import Fault
from tokens import NOW, UNHURRIED, b64, hmac_signed, signing_key, unsigned

URL = "https://as.tools.example/token"
KEY = signing_key(kid="holder")
OTHER = signing_key(kid="someone-else")
TOKEN = "an.access.token"
ATH = b64(hashlib.sha256(TOKEN.encode()).digest())


def bare(key=KEY):
    return {name: value for name, value in key.jwk.items() if name not in {"kid", "alg", "use"}}


def proof(key=KEY, header=None, **changed):
    """An honest proof with members changed, or removed with None."""
    head = {"typ": "dpop+jwt", "alg": key.alg, "jwk": bare(key), **(header or {})}
    claims = {"jti": "j-1", "htm": "POST", "htu": URL, "iat": NOW, **changed}
    return key.sign_raw(_without_none(head), _without_none(claims))


def _without_none(members):
    return {name: value for name, value in members.items() if value is not None}


def verify(*proofs, method="POST", url=URL, now=NOW, **more):
    return dpop.verify(proofs, method=method, url=url, now=now, **more)


def refusal(*proofs, **more):
    with pytest.raises(Fault) as caught:
        verify(*proofs, **more)
    assert verify(proof()).jti == "j-1"
    return caught.value.check


@pytest.mark.parametrize("alg", sorted(dpop.ALGORITHMS))
def test_an_honest_proof_tells_key_id_time_and_nonce(alg):
    key = signing_key(alg)
    found = verify(proof(key, nonce="n-1"))
    assert found == dpop.Proof(jwk.thumbprint(key.jwk), "j-1", NOW, "n-1")
    assert verify(proof(key)).nonce is None
    assert found.expires == NOW + dpop.MAX_AGE + 30


def test_a_thumbprint_is_the_one_of_rfc_7638_section_3_1():
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9"
        "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert jwk.thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.req("G-30")
@pytest.mark.hostile("H19")
def test_exactly_one_well_formed_header_is_wanted():
    assert refusal() == "dpop:header"
    assert refusal(proof(), proof()) == "dpop:header"
    assert refusal(f"{proof()}, {proof()}") == "form"
    assert refusal("") == "form"
    assert refusal(proof(jti="j" * 9000)) == "length"


@pytest.mark.req("G-31")
@pytest.mark.hostile("H19")
@pytest.mark.parametrize(
    ("header", "check"),
    [
        ({"typ": None}, "typ"),
        ({"typ": "JWT"}, "typ"),
        ({"typ": "at+jwt"}, "typ"),
        ({"alg": None}, "alg"),
        ({"alg": "none"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "RS256"}, "alg"),
        ({"alg": "ES384"}, "dpop:jwk"),
        ({"jwk": None}, "dpop:jwk"),
        ({"jwk": "key"}, "dpop:jwk"),
        ({"jwk": {}}, "dpop:jwk"),
        ({"jwk": bare() | {"d": b64(b"\1" * 32)}}, "dpop:jwk"),
        ({"jwk": bare() | {"use": "enc"}}, "dpop:jwk"),
        ({"jwk": {"kty": "oct", "k": b64(b"s" * 32)}}, "dpop:jwk"),
        ({"jwk": bare(OTHER)}, "signature"),
        ({"crit": ["x"], "x": 1}, "crit"),
    ],
)
def test_kind_algorithm_and_key_of_the_header_are_checked(header, check):
    assert refusal(proof(header=header)) == check


@pytest.mark.req("G-31")
@pytest.mark.hostile("H19")
def test_a_proof_without_a_signature_of_its_own_key_is_refused():
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": bare()}
    claims = {"jti": "j-1", "htm": "POST", "htu": URL, "iat": NOW}
    assert refusal(unsigned(head, claims)) == "signature"
    assert refusal(unsigned(head | {"alg": "none"}, claims)) == "alg"
    secret = json.dumps(bare()).encode()
    assert refusal(hmac_signed(head | {"alg": "HS256"}, claims, secret)) == "alg"


def test_an_algorithm_is_allowed_by_the_caller_alone():
    assert refusal(proof(), algorithms=frozenset({"EdDSA"})) == "alg"
    weak = signing_key("RS256")
    assert verify(proof(weak), algorithms=frozenset({"RS256"})).jkt == jwk.thumbprint(weak.jwk)


def test_a_second_spelling_of_one_key_is_refused():
    key = signing_key("PS256")
    e = b64(b"\0" + base64.urlsafe_b64decode(key.jwk["e"]))
    assert refusal(proof(key, header={"jwk": bare(key) | {"e": e}})) == "dpop:jwk"


def test_members_of_the_key_that_say_the_same_do_no_harm():
    named = bare() | {"kid": "any", "use": "sig", "alg": "ES256", "x-more": 1}
    assert verify(proof(header={"jwk": named, "kid": "any"})).jkt == jwk.thumbprint(KEY.jwk)


@pytest.mark.req("G-32")
@pytest.mark.hostile("H19", "C30")
@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"jti": None}, "claim:jti"),
        ({"jti": ""}, "claim:jti"),
        ({"jti": 7}, "claim:jti"),
        ({"jti": "j" * 257}, "claim:jti"),
        ({"htm": None}, "claim:htm"),
        ({"htm": "GET"}, "claim:htm"),
        ({"htm": "post"}, "claim:htm"),
        ({"htu": None}, "claim:htu"),
        ({"htu": "https://as.tools.example/introspect"}, "claim:htu"),
        ({"htu": "http://as.tools.example/token"}, "claim:htu"),
        ({"htu": "https://as.tools.example:8443/token"}, "claim:htu"),
        ({"htu": "https://as.tools.example/token/"}, "claim:htu"),
        ({"htu": "https://as.tools.example/Token"}, "claim:htu"),
        ({"htu": "/token"}, "claim:htu"),
        ({"htu": "https://me@as.tools.example/token"}, "claim:htu"),
        ({"htu": "https://as.tools.example/to ken"}, "claim:htu"),
        ({"htu": 7}, "claim:htu"),
        ({"iat": None}, "claim:iat"),
        ({"iat": str(NOW)}, "claim:iat"),
        ({"iat": True}, "claim:iat"),
        ({"nonce": ""}, "claim:nonce"),
        ({"nonce": "two words"}, "claim:nonce"),
        ({"nonce": 7}, "claim:nonce"),
        ({"nonce": "n" * 257}, "claim:nonce"),
        ({"ath": ATH}, "claim:ath"),
    ],
)
def test_each_claim_is_there_and_fits_the_request(changed, check):
    assert refusal(proof(**changed)) == check


@pytest.mark.req("G-21")
@pytest.mark.hostile("H19")
@pytest.mark.parametrize(("off", "fits"), [(-3600, 0), (-61, 0), (-60, 1), (0, 1), (30, 1), (31, 0), (3600, 0)])
def test_a_proof_is_good_for_a_minute(off, fits):
    if fits:
        assert verify(proof(iat=NOW + off)).iat == NOW + off
    else:
        assert refusal(proof(iat=NOW + off)) == "dpop:iat"


@pytest.mark.req("G-33")
@pytest.mark.hostile("H19")
def test_beside_an_access_token_the_proof_names_its_hash():
    assert verify(proof(ath=ATH), access_token=TOKEN).jti == "j-1"
    assert dpop.access_token_hash(TOKEN) == ATH
    assert refusal(proof(), access_token=TOKEN) == "claim:ath"
    assert refusal(proof(ath=b64(b"\0" * 32)), access_token=TOKEN) == "claim:ath"
    assert refusal(proof(ath=ATH), access_token=TOKEN + "x") == "claim:ath"


@pytest.mark.req("G-32")
@pytest.mark.parametrize(
    ("spelled", "one"),
    [
        ("https://as.example/token?x=1#f", "https://as.example/token"),
        ("HTTPS://AS.Example:443/token", "https://as.example/token"),
        ("http://as.example:80", "http://as.example/"),
        ("https://as.example:8443", "https://as.example:8443/"),
        ("https://as.example/a/./b/../%7etoken", "https://as.example/a/~token"),
        ("https://as.example/%2f/%c3%a9", "https://as.example/%2F/%C3%A9"),
        ("https://as.example/../../token", "https://as.example/token"),
        ("https://as.example/a/..", "https://as.example/"),
        ("https://as.example/a/.", "https://as.example/a/"),
        ("https://as.example//token", "https://as.example//token"),
        ("http://[::1]:8080/token", "http://[::1]:8080/token"),
        ("https://%61s.example/", "https://as.example/"),
    ],
)
def test_urls_are_compared_in_one_spelling(spelled, one):
    assert normalise(spelled) == one
    assert verify(proof(htu=spelled), url=one).jti == "j-1"


@pytest.mark.parametrize(
    "url", ["", "as.example", "ftp://as.example/", "https://", "https:///x", "https://a:b/", "https://a:99999/", "https://[x/", "https://ä/", "https://a/%zz", "https://u:p@a/"]
)  # fmt: skip
def test_what_is_no_url_of_ours_is_refused(url):
    with pytest.raises(ValueError, match=r"^(characters|a host|another scheme|no host)"):
        normalise(url)


_PATHS = st.text("ab./%2fF7eE~", max_size=20)


@UNHURRIED
@given(_PATHS)
def test_normalising_twice_changes_nothing(path):
    try:
        once = normalise(f"https://as.example/{path}")
    except ValueError:
        return
    assert normalise(once) == once
    assert "/../" not in once
    assert "/./" not in once


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_CLAIMS = st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "nonce", "ath", "x"]), _JSON)


@UNHURRIED
@given(claims=_CLAIMS, head=st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "kid", "x"]), _JSON))
def test_whatever_a_proof_holds_ends_in_a_verdict(claims, head):
    honest = {"jti": "j-1", "htm": "POST", "htu": URL, "iat": NOW}
    made = KEY.sign_raw({"typ": "dpop+jwt", "alg": "ES256", "jwk": bare(), **head}, honest | claims)
    try:
        found = verify(made)
    except Fault:
        return
    assert found.jkt == jwk.thumbprint(KEY.jwk)
    assert abs(found.iat - NOW) <= 60


@UNHURRIED
@given(st.text(max_size=300))
def test_whatever_a_header_holds_ends_as_a_fault(text):
    with pytest.raises(Fault):
        verify(text)


def test_no_fault_repeats_a_part_of_the_proof():
    made = proof(htm="GET", jti="a-telling-jti")
    with pytest.raises(Fault) as caught:
        verify(made)
    assert (caught.value.expected, caught.value.got) == ("'POST'", "'GET'")
    assert not any(part in str(caught.value) for part in made.split("."))


def test_a_prover_makes_a_fresh_proof_each_time():
    prover = Prover.generate()
    first, second = (prover.proof("POST", f"{URL}?q#f", nonce="n-1") for _ in range(2))
    found = dpop.verify([first], method="POST", url=URL, now=time.time())
    assert (found.jkt, found.nonce) == (prover.jkt, "n-1")
    assert first != second
    assert vars(prover)["_jwk"].keys() == {"kty", "crv", "x", "y"}
    assert repr(prover) == f"Prover(jkt={prover.jkt!r})"


def test_a_prover_names_the_token_it_goes_with():
    prover = Prover(KEY.private, "ES256", now=lambda: NOW)
    assert verify(prover.proof("POST", URL, access_token=TOKEN), access_token=TOKEN).jkt == prover.jkt
    with pytest.raises(ValueError, match="RS256"):
        Prover(KEY.private, "RS256")


@pytest.mark.req("G-34")
def test_a_nonce_is_accepted_by_every_holder_of_the_key_for_a_while():
    ours, replica = (Nonces(b"k" * 32, "https://as.example") for _ in range(2))
    nonce = ours.current(NOW)
    assert replica.accepts(nonce, NOW)
    assert replica.accepts(nonce, NOW - RENEWAL)
    assert replica.accepts(nonce, NOW + LIFE - RENEWAL)
    assert not replica.accepts(nonce, NOW + LIFE)
    assert not replica.accepts(nonce, NOW - 2 * RENEWAL)
    assert ours.current(NOW + RENEWAL) != nonce


@pytest.mark.req("G-34")
def test_nonces_of_other_servers_and_other_keys_are_no_nonces_of_ours():
    ours = Nonces(b"k" * 32, "https://as.example")
    for other in (Nonces(b"o" * 32, "https://as.example"), Nonces(b"k" * 32, "https://mcp.example")):
        assert not ours.accepts(other.current(NOW), NOW)
    assert not ours.accepts("", NOW)
    assert not ours.accepts("ä\ud800", NOW)
    assert dpop.proof._NONCE.fullmatch(ours.current(NOW))
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(b"k" * 31, "https://as.example")
    assert "kkk" not in repr(ours)


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("dpop_http", "http", ["DpopAuth"]),
        ("dpop_nonce", "nonce", ["LIFE", "RENEWAL", "Nonces"]),
        ("dpop_prover", "prover", ["Prover"]),
    ],
)
def test_what_programs_import_is_where_it_was(old: str, new: str, names: list[str]) -> None:
    before, now = importlib.import_module(f"grantd.{old}"), importlib.import_module(f"grantd.dpop.{new}")
    assert before.__all__ == names
    assert all(getattr(before, name) is getattr(now, name) for name in names)


def test_of_ours_nobody_uses_names_that_stay_for_others() -> None:
    sources = Path(grantd_server.__file__).parent.rglob("*.py")
    assert not [file.name for file in sources if "grantd.dpop_" in file.read_text()]
