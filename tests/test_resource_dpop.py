"""DPoP at a resource server: who may use a bound token, with which proof, and how often."""

from __future__ import annotations

import pytest

from grantd.dpop.nonce import LIFE, Nonces
from grantd.dpop.prover import Prover
from grantd.errors import Unavailable
from grantd.resource_server.asgi import TOKEN, ResourceServer
from grantd.resource_server.possession import Possession
from grantd.resource_server.replays import LocalReplays
from grantd.verifiers.binding import check_binding
from grantd.verifiers.tokens import TokenRefused
from resource_ import METADATA, NOW, RESOURCE, Called, Verifier, ask

URL = RESOURCE.resource
ALGS = "ES256 ES384 ES512 EdDSA PS256"
PROVER = Prover(Prover.generate()._private, "ES256", now=lambda: NOW)
OTHER = Prover(Prover.generate()._private, "ES256", now=lambda: NOW)
TOKEN_SENT = "good"
BEARER_TOO = f'DPoP algs="{ALGS}"'


def protect(*, jkt=PROVER.jkt, **settings):
    settings.setdefault("now", lambda: NOW)
    app = Called()
    bound = {} if jkt is None else {"jkt": jkt}
    verifier = Verifier(**bound)
    possession = Possession(**settings)
    return ResourceServer(app, verifier, RESOURCE, possession=possession, now=lambda: NOW), app


def proof(method="POST", url=URL, *, token=TOKEN_SENT, prover=PROVER, **more):
    return ("dpop", prover.proof(method, url, access_token=token, **more))


DPOP = ("authorization", "DPoP good")


@pytest.mark.req("H-14", "C-11", "G-33")
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_a_bound_token_with_its_proof_reaches_the_application_without_either(scheme):
    protected, app = protect()
    assert (await ask(protected, ("authorization", f"{scheme} good"), proof())).status == 204
    assert app.scopes[0][TOKEN].jkt == PROVER.jkt
    assert app.scopes[0]["headers"] == []


@pytest.mark.req("H-14")
async def test_without_a_token_both_schemes_are_offered_and_nothing_is_wrong():
    answer = await ask(protect()[0])
    assert answer.status == 401
    assert answer.challenges == [f'Bearer resource_metadata="{METADATA}"', BEARER_TOO]
    assert answer.json() == {}


@pytest.mark.req("H-14")
async def test_where_proofs_are_required_only_their_scheme_is_offered():
    protected, app = protect(required=True)
    answer = await ask(protected)
    assert answer.challenges == [f'DPoP resource_metadata="{METADATA}", algs="{ALGS}"']
    answer = await ask(protected, ("authorization", "Bearer good"))
    assert answer.status == 401
    assert answer.challenges == [f'DPoP error="invalid_token", resource_metadata="{METADATA}", algs="{ALGS}"']
    assert app.scopes == []


@pytest.mark.req("H-14")
@pytest.mark.parametrize("required", [True, False])
async def test_the_document_says_what_is_on(required):
    protected, _ = protect(required=required, algorithms=["ES256", "EdDSA"])
    path = "/.well-known/oauth-protected-resource/mcp"
    document = (await ask(protected, method="GET", path=path)).json()
    assert document["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA"]
    assert document.get("dpop_bound_access_tokens_required", False) is required
    assert "dpop" not in RESOURCE.document().decode()


@pytest.mark.req("C-14", "H-14")
async def test_a_bound_token_shown_as_bearer_is_refused_and_told_of_the_other_scheme():
    protected, app = protect()
    answer = await ask(protected, ("authorization", "Bearer good"), proof())
    assert answer.status == 401
    assert answer.challenges == [f'Bearer error="invalid_token", resource_metadata="{METADATA}"', BEARER_TOO]
    assert app.scopes == []


async def test_an_unbound_token_stays_a_bearer_token():
    protected, _ = protect(jkt=None)
    assert (await ask(protected, ("authorization", "Bearer good"))).status == 204
    answer = await ask(protected, DPOP, proof())
    assert (answer.status, answer.json()) == (401, {"error": "invalid_token"})


@pytest.mark.req("H-14", "G-33")
async def test_a_proof_of_another_key_is_invalid_token():
    protected, app = protect()
    answer = await ask(protected, DPOP, proof(prover=OTHER))
    assert answer.status == 401
    assert answer.challenges == [
        "Bearer",
        f'DPoP error="invalid_token", resource_metadata="{METADATA}", algs="{ALGS}"',
    ]
    assert app.scopes == []


@pytest.mark.req("H-14", "G-30", "G-32", "G-33")
@pytest.mark.hostile("H19")
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (proof(), proof()),
        (("dpop", ""),),
        (("dpop", "a.b.c"),),
        (("dpop", "pröof"),),
        (proof(method="GET"),),
        (proof(url="https://tickets.example/else"),),
        (proof(url="https://evil.example/mcp"),),
        (proof(url="http://tickets.example/mcp"),),
        (proof(token="another"),),
        (("dpop", PROVER.proof("POST", URL)),),
    ],
    ids=["none", "two", "empty", "form", "latin", "method", "path", "host", "scheme", "ath", "no-ath"],
)
async def test_a_proof_with_one_thing_wrong_is_invalid_dpop_proof(headers):
    protected, app = protect()
    answer = await ask(protected, DPOP, *headers)
    assert (answer.status, answer.json()) == (401, {"error": "invalid_dpop_proof"})
    assert answer.challenges == [
        "Bearer",
        f'DPoP error="invalid_dpop_proof", resource_metadata="{METADATA}", algs="{ALGS}"',
    ]
    assert app.scopes == []


async def test_the_url_is_the_configured_one_whatever_host_the_request_names():
    protected, _ = protect()
    forged = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]
    assert (await ask(protected, DPOP, *forged, proof())).status == 204
    assert (await ask(protected, DPOP, *forged, proof(url="https://evil.example/mcp"))).status == 401


async def test_the_path_is_the_one_that_was_sent():
    protected, _ = protect()
    sent = {"path": "/mcp/a b", "raw_path": b"/mcp/a%20b"}
    assert (await ask(protected, DPOP, proof(url=f"{URL}/a%20b"), **sent)).status == 204
    assert (await ask(protected, DPOP, proof(), **sent)).status == 401
    assert (await ask(protected, DPOP, proof(url=f"{URL}/a%20b"), path="/mcp/a b")).status == 204
    assert (await ask(protected, DPOP, proof(), path="/mcp", raw_path=b"/mcp?x=1")).status == 204


@pytest.mark.req("G-32")
async def test_a_proof_is_good_once():
    protected, app = protect()
    once = proof()
    assert (await ask(protected, DPOP, once)).status == 204
    answer = await ask(protected, DPOP, once)
    assert (answer.status, answer.json()) == (401, {"error": "invalid_dpop_proof"})
    assert (await ask(protected, DPOP, proof())).status == 204
    assert len(app.scopes) == 2


async def test_a_refused_token_does_not_use_up_its_proof():
    replays = LocalReplays()
    possession = Possession(replays=replays, now=lambda: NOW)
    once = proof()
    strict = ResourceServer(Called(), Verifier(jkt=OTHER.jkt), RESOURCE, possession=possession)
    assert (await ask(strict, DPOP, once)).status == 401
    assert not replays._known
    protected = ResourceServer(Called(), Verifier(jkt=PROVER.jkt), RESOURCE, possession=possession, now=lambda: NOW)
    assert (await ask(protected, DPOP, once)).status == 204


@pytest.mark.parametrize(("seconds", "status"), [(-60, 204), (-61, 401), (30, 204), (31, 401)])
async def test_a_proof_has_a_minute(seconds, status):
    protected, _ = protect()
    made = Prover(PROVER._private, "ES256", now=lambda: NOW + seconds)
    assert (await ask(protected, DPOP, proof(prover=made))).status == status


@pytest.mark.req("G-31")
async def test_an_algorithm_that_was_not_allowed_is_refused():
    protected, _ = protect(algorithms=["EdDSA"])
    assert (await ask(protected, DPOP, proof())).status == 401


@pytest.mark.parametrize("algorithms", [[], ["RS256"], ["ES256", "HS256"]])
def test_algorithms_must_be_fit_for_proofs(algorithms):
    with pytest.raises(ValueError, match="among ES256"):
        Possession(algorithms=algorithms)


NONCES = Nonces(b"k" * 32, URL)


@pytest.mark.req("H-14", "G-34")
async def test_a_nonce_is_asked_for_and_handed_out():
    protected, app = protect(nonces=NONCES)
    answer = await ask(protected, DPOP, proof())
    assert (answer.status, answer.json()) == (401, {"error": "use_dpop_nonce"})
    assert answer.challenges[1].startswith('DPoP error="use_dpop_nonce"')
    nonce = answer.one("dpop-nonce")
    answer = await ask(protected, DPOP, proof(nonce=nonce))
    assert (answer.status, answer.one("dpop-nonce")) == (204, nonce)
    assert len(app.scopes) == 1


@pytest.mark.req("G-34")
@pytest.mark.parametrize(
    "nonce",
    ["made-up", NONCES.current(NOW - LIFE - 60), Nonces(b"k" * 32, "https://as.example").current(NOW)],
    ids=["made-up", "old", "of-another-server"],
)
async def test_a_nonce_that_is_not_ours_now_is_asked_for_again(nonce):
    protected, app = protect(nonces=NONCES)
    assert (await ask(protected, DPOP, proof(nonce=nonce))).json() == {"error": "use_dpop_nonce"}
    assert app.scopes == []


async def test_a_wrong_proof_is_not_helped_by_a_nonce():
    protected, _ = protect(nonces=NONCES)
    nonce = NONCES.current(NOW)
    assert (await ask(protected, DPOP, proof(url="https://e", nonce=nonce))).json() == {"error": "invalid_dpop_proof"}


async def test_without_nonces_none_is_handed_out():
    protected, _ = protect()
    for headers in ((), (DPOP, proof())):
        assert (await ask(protected, *headers)).all("dpop-nonce") == []


async def test_a_full_memory_refuses_and_forgets_nothing_too_early():
    replays = LocalReplays(size=2)
    assert await replays.remember(b"a", 100, 10)
    assert await replays.remember(b"b", 50, 10)
    assert not await replays.remember(b"a", 100, 100)
    with pytest.raises(Unavailable):
        await LocalReplays(size=0).remember(b"a", 100, 10)
    assert await replays.remember(b"c", 200, 51)
    with pytest.raises(Unavailable):
        await replays.remember(b"d", 200, 51)
    assert not await replays.remember(b"c", 200, 51)
    assert await replays.remember(b"a", 200, 101)


async def test_nobody_to_remember_a_proof_is_503():
    protected, app = protect(replays=LocalReplays(size=0))
    answer = await ask(protected, DPOP, proof())
    assert (answer.status, answer.challenges, answer.one("retry-after")) == (503, [], "5")
    assert app.scopes == []


@pytest.mark.req("C-14")
@pytest.mark.parametrize(
    ("claims", "jkt"),
    [
        ({"cnf": {"jkt": "x"}}, None),
        ({"cnf": {"jkt": "x"}}, "y"),
        ({}, "x"),
        ({"cnf": None}, None),
        ({"cnf": {"jkt": None}}, None),
        ({"cnf": None}, "x"),
        ({"cnf": {"jkt": "x", "x5t#S256": "y"}}, "x"),
        ({"cnf": {"x5t#S256": "x"}}, "x"),
        ({"cnf": "x"}, "x"),
        ({"cnf": {"jkt": ["x"]}}, "x"),
    ],
)
def test_a_binding_that_is_not_exactly_the_key_shown_is_refused(claims, jkt):
    with pytest.raises(TokenRefused, match="claim:cnf"):
        check_binding(claims, jkt)


def test_a_binding_to_the_key_shown_holds_and_no_binding_needs_none():
    check_binding({"cnf": {"jkt": "x"}}, "x")
    check_binding({}, None)
