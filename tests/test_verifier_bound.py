"""Bound tokens where the authorization server is asked: what it says of the binding."""

from __future__ import annotations

import pytest

from grantd.client import AsyncClient
from grantd.client.credentials import ClientSecret
from grantd.client.results import Introspection
from grantd.v1 import authorization_pb2 as pb
from grantd.verifiers.introspection import HttpAsker, IntrospectionVerifier, RpcAsker
from grantd.verifiers.tokens import TokenRefused
from grantd_rpc_ import ACTIVE, scripted
from issuer_ import NOW, RESOURCE, issuing


def answering(answer: Introspection) -> tuple[IntrospectionVerifier, list[str]]:
    asked: list[str] = []

    async def ask(token: str) -> Introspection:
        asked.append(token)
        return answer

    return IntrospectionVerifier(ask, issuer="https://as", resource=RESOURCE, now=lambda: NOW), asked


def bound(jkt):
    return Introspection(
        active=True, iss="https://as", aud=(RESOURCE,), exp=NOW + 60, sub="u", client_id="c", bound=True, jkt=jkt
    )


@pytest.mark.req("C-14")
@pytest.mark.parametrize(("shown", "is_accepted"), [("k", True), ("other", False), (None, False)])
async def test_a_remembered_answer_is_compared_with_the_key_shown_each_time(shown, is_accepted):
    verifier, asked = answering(bound("k"))
    assert (await verifier.verify("t", jkt="k")).jkt == "k"
    if is_accepted:
        assert (await verifier.verify("t", jkt=shown)).jkt == "k"
    else:
        with pytest.raises(TokenRefused, match="claim:cnf"):
            await verifier.verify("t", jkt=shown)
    # A thief's attempt does not push the answer out for its owner.
    assert (await verifier.verify("t", jkt="k")).jkt == "k"
    assert asked == ["t"]


@pytest.mark.req("C-14")
@pytest.mark.parametrize("shown", ["k", None])
async def test_a_binding_that_cannot_be_checked_is_refused_however_it_is_shown(shown):
    verifier, _ = answering(bound(None))
    with pytest.raises(TokenRefused, match="claim:cnf"):
        await verifier.verify("t", jkt=shown)


async def test_an_unbound_token_shown_with_a_key_is_refused():
    unbound = Introspection(active=True, iss="https://as", aud=(RESOURCE,), exp=NOW + 60, sub="u", client_id="c")
    verifier, _ = answering(unbound)
    with pytest.raises(TokenRefused, match="claim:cnf"):
        await verifier.verify("t", jkt="k")
    assert (await verifier.verify("t")).jkt is None


@pytest.mark.parametrize(
    ("cnf", "jkt"),
    [
        ({"jkt": "k"}, "k"),
        ({"jkt": "k", "x5t#S256": "c"}, None),
        ({"x5t#S256": "c"}, None),
        ({"jkt": 7}, None),
        ({}, None),
        ("k", None),
        (None, None),
    ],
)
async def test_over_http_only_a_sole_thumbprint_is_a_binding_to_a_key(cnf, jkt):
    async with issuing() as issuer:
        issuer.introspection = {"active": True, "cnf": cnf}
        ask = HttpAsker(f"{issuer.issuer}/introspect", client_id="c", client_secret="s")
        answer = await ask("t")
        await ask.close()
    assert (answer.bound, answer.jkt) == (True, jkt)


@pytest.mark.parametrize(
    ("cnf", "is_bound", "jkt"),
    [
        (pb.Confirmation(jkt="k"), True, "k"),
        (pb.Confirmation(jkt="k", x5t_s256="c"), True, None),
        (pb.Confirmation(x5t_s256="c"), True, None),
        (pb.Confirmation(), True, None),
        (None, False, None),
    ],
)
async def test_over_grpc_too(cnf, is_bound, jkt):
    message = pb.IntrospectTokenResponse()
    message.CopyFrom(ACTIVE)
    if cnf is not None:
        message.cnf.CopyFrom(cnf)
    async with scripted(message) as (target, _), AsyncClient.loopback(target) as client:
        answer = await RpcAsker(client, issuer="https://as", credentials=ClientSecret("tickets", "s"))("t")
    assert (answer.bound, answer.jkt) == (is_bound, jkt)
