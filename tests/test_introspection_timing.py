"""How long a "no" takes tells nothing of which "no" it is."""

from __future__ import annotations

import secrets
import statistics
import time
from bisect import bisect_right
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_tokens import access_token
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd_server.keys.own.purpose import Purpose
from leg_two import TICKETS_SERVER
from tokens import signing_key

if TYPE_CHECKING:
    from house import House

ROUNDS = 250
ATTACKER = signing_key("ES256", "attacker")


async def tokens(house: House, honest: dict[str, Any]) -> dict[str, str]:
    """Three tokens that nobody has seen: of no key of ours, expired, of another resource."""
    signer = house.parts.world.ring.signer(org.SERVER, Purpose.ACCESS_TOKEN)
    claims = honest | {"jti": honest["jti"].partition(".")[0] + "." + secrets.token_urlsafe(12)}
    head = {"alg": signer.alg, "kid": signer.kid, "typ": "at+jwt"}
    made = {"unknown": ATTACKER.sign_raw(head, claims)}
    old = {"iat": house.now - 2000, "exp": house.now - 1000}
    for name, changed in (("expired", old), ("foreign", {"aud": org.WIKI})):
        data = jws.signing_input(claims | changed, alg=signer.alg, kid=signer.kid, typ="at+jwt")
        made[name] = jws.compact(data, await signer.sign(data))
    return made


def kolmogorov_smirnov(one: list[float], other: list[float]) -> float:
    """The largest distance between two empirical distributions, 0 to 1."""
    one, other = sorted(one), sorted(other)
    return max(abs(bisect_right(one, at) / len(one) - bisect_right(other, at) / len(other)) for at in one + other)


@pytest.mark.req("C-22")
@pytest.mark.hostile("I12")
async def test_unknown_expired_and_foreign_tokens_take_the_same_time(house: House) -> None:
    honest = dict(jws.read(await access_token(house)).unverified_claims)
    stub = house.stub("inprocess")
    taken: dict[str, list[float]] = {"unknown": [], "expired": [], "foreign": []}
    for _ in range(ROUNDS):
        for name, token in (await tokens(house, honest)).items():
            request = pb.IntrospectTokenRequest(issuer=org.SERVER, client=TICKETS_SERVER, token=token)
            start = time.perf_counter()
            answer = await stub.IntrospectToken(request)
            taken[name].append(time.perf_counter() - start)
            assert answer == pb.IntrospectTokenResponse(active=False)
    for one, other in combinations(taken, 2):
        distance = kolmogorov_smirnov(taken[one], taken[other])
        print(f"{one} against {other}: Kolmogorov-Smirnov {distance:.3f} of {ROUNDS} calls each")
        ratio = statistics.median(taken[one]) / statistics.median(taken[other])
        assert 0.67 < ratio < 1.5, f"{one} against {other}: {ratio:.2f}"
