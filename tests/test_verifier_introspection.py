"""Access tokens verified by asking: what is accepted, and how long an answer is believed."""

from __future__ import annotations

import base64
import itertools
from dataclasses import replace

import pytest

from grantd.client import AsyncClient
from grantd.client.channel import Endpoint
from grantd.client.credentials import ClientSecret
from grantd.client.results import Introspection
from grantd.client.retry import Retry
from grantd.errors import GrantdError, Refused, Unavailable
from grantd.verifiers.cache import Cache
from grantd.verifiers.introspection import HttpAsker, IntrospectionVerifier, RpcAsker
from grantd.verifiers.tokens import LONGEST_TOKEN, TokenRefused
from grantd_rpc_ import ACTIVE, refuse, scripted
from grantd_server.refusals import Public
from issuer_ import NOW, RESOURCE, issuing

ISSUER = "https://as.example/as"
GOOD = Introspection(
    active=True,
    scope=("tickets:read", "tickets:write"),
    client_id="assistant",
    exp=NOW + 900,
    sub="u-18f2",
    aud=(RESOURCE,),
    iss=ISSUER,
    jti="t-1",
    acr="mfa",
)


class Clocks:
    """Wall clock and monotonic clock, moved together or apart."""

    def __init__(self) -> None:
        self.wall, self.steady = float(NOW), 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class Server:
    """Answers in the authorization server's place, and counts."""

    def __init__(self, *answers: Introspection | GrantdError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, token: str) -> Introspection:
        self.asked.append(token)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, GrantdError):
            raise answer
        return answer


def verifier_of(server: Server, clocks: Clocks | None = None, **settings: float) -> IntrospectionVerifier:
    clocks = clocks or Clocks()
    return IntrospectionVerifier(
        server,
        issuer=ISSUER,
        resource=RESOURCE,
        now=lambda: clocks.wall,
        monotonic=lambda: clocks.steady,
        **settings,  # type: ignore[arg-type]  # lives and the size
    )


async def test_an_active_token_is_accepted_and_read():
    token = await verifier_of(Server(GOOD)).verify("t")
    assert (token.issuer, token.subject, token.client_id, token.resource) == (ISSUER, "u-18f2", "assistant", RESOURCE)
    assert (token.scopes, token.expires_at, token.acr) == ({"tickets:read", "tickets:write"}, NOW + 900, "mfa")


@pytest.mark.req("C-11", "C-13", "C-14")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"active": False}, "active"),
        ({"iss": "https://evil.example"}, "claim:iss"),
        ({"iss": None}, "claim:iss"),
        ({"aud": ("https://tickets.example",)}, "claim:aud"),
        ({"aud": ()}, "claim:aud"),
        ({"exp": NOW}, "claim:exp"),
        ({"exp": None}, "claim:exp"),
        ({"bound": True}, "claim:cnf"),
        ({"sub": None}, "claim:sub"),
        ({"client_id": None}, "claim:sub"),
    ],
)
async def test_an_answer_with_one_thing_wrong_is_a_refusal(change, check):
    with pytest.raises(TokenRefused, match=check):
        await verifier_of(Server(replace(GOOD, **change))).verify("t")


@pytest.mark.req("C-27")
async def test_an_answer_is_believed_for_a_minute_at_most():
    clocks, server = Clocks(), Server(GOOD)
    verifier = verifier_of(server, clocks)
    for _ in range(3):
        await verifier.verify("t")
        clocks.pass_(19.9)
    assert len(server.asked) == 1
    clocks.pass_(0.4)
    await verifier.verify("t")
    assert len(server.asked) == 2


@pytest.mark.req("C-27")
async def test_an_answer_is_never_believed_past_the_expiry_of_the_token():
    clocks, server = Clocks(), Server(replace(GOOD, exp=NOW + 10), Introspection(active=False))
    verifier = verifier_of(server, clocks)
    await verifier.verify("t")
    clocks.pass_(9.9)
    await verifier.verify("t")
    clocks.pass_(0.1)
    with pytest.raises(TokenRefused):
        await verifier.verify("t")
    assert len(server.asked) == 2


@pytest.mark.req("C-27")
async def test_a_wall_clock_that_jumps_past_the_expiry_ends_the_memory():
    clocks, server = Clocks(), Server(GOOD, Introspection(active=False))
    verifier = verifier_of(server, clocks)
    await verifier.verify("t")
    clocks.wall += 901
    with pytest.raises(TokenRefused):
        await verifier.verify("t")


@pytest.mark.req("C-27")
async def test_a_wall_clock_that_is_set_back_makes_no_answer_last_longer():
    clocks, server = Clocks(), Server(GOOD)
    verifier = verifier_of(server, clocks)
    await verifier.verify("t")
    clocks.pass_(61)
    clocks.wall -= 3600
    await verifier.verify("t")
    assert len(server.asked) == 2


@pytest.mark.req("C-27")
async def test_a_wall_clock_that_is_set_back_does_not_outlive_the_token_either():
    clocks, server = Clocks(), Server(replace(GOOD, exp=NOW + 10))
    verifier = verifier_of(server, clocks)
    await verifier.verify("t")
    clocks.steady += 11
    clocks.wall -= 3600
    await verifier.verify("t")
    assert len(server.asked) == 2


@pytest.mark.req("C-27")
async def test_what_was_refused_meanwhile_does_not_come_back_with_the_clock():
    clocks, server = Clocks(), Server(GOOD, Introspection(active=False))
    verifier = verifier_of(server, clocks)
    await verifier.verify("t")
    clocks.wall += 901
    with pytest.raises(TokenRefused):
        await verifier.verify("t")
    clocks.wall -= 901
    with pytest.raises(TokenRefused):
        await verifier.verify("t")


@pytest.mark.req("C-27")
async def test_a_refusal_is_remembered_shorter():
    clocks, server = Clocks(), Server(Introspection(active=False), GOOD)
    verifier = verifier_of(server, clocks)
    for _ in range(2):
        with pytest.raises(TokenRefused, match="active"):
            await verifier.verify("t")
    assert len(server.asked) == 1
    clocks.pass_(5.1)
    assert (await verifier.verify("t")).subject == "u-18f2"


async def test_no_answer_is_remembered_as_nothing():
    server = Server(Unavailable("UNAVAILABLE"), GOOD)
    verifier = verifier_of(server)
    with pytest.raises(Unavailable):
        await verifier.verify("t")
    assert (await verifier.verify("t")).subject == "u-18f2"


async def test_made_up_tokens_push_out_no_good_one():
    server = Server(GOOD, Introspection(active=False))
    verifier = verifier_of(server, size=8)
    await verifier.verify("good")
    for turn in range(100):
        with pytest.raises(TokenRefused):
            await verifier.verify(f"made-up-{turn}")
    await verifier.verify("good")
    assert server.asked.count("good") == 1


async def test_a_memory_of_no_life_asks_each_time():
    server = Server(GOOD)
    verifier = verifier_of(server, life=0, negative_life=0)
    await verifier.verify("t")
    await verifier.verify("t")
    assert len(server.asked) == 2


@pytest.mark.req("C-27")
@pytest.mark.parametrize("lives", [{"life": 61.0}, {"life": 3.0, "negative_life": 4.0}, {"negative_life": -1.0}])
def test_a_life_beyond_the_bounds_is_refused(lives):
    with pytest.raises(ValueError, match="negative_life <= life"):
        verifier_of(Server(GOOD), **lives)


async def test_an_oversized_token_is_refused_without_asking():
    server = Server(GOOD)
    with pytest.raises(TokenRefused, match="length"):
        await verifier_of(server).verify("a" * (LONGEST_TOKEN + 1))
    assert server.asked == []


def test_the_memory_is_bounded_and_forgets_the_least_used():
    ticks = itertools.count()
    cache: Cache[int] = Cache(3, lambda: float(next(ticks)))
    for key in (b"a", b"b", b"c"):
        cache.put(key, 1, 1000)
    assert cache.get(b"a") == 1
    cache.put(b"d", 1, 1000)
    assert [cache.get(key) for key in (b"a", b"b", b"c", b"d")] == [1, None, 1, 1]
    assert len(cache) == 3
    cache.put(b"e", 1, 0)
    assert [cache.get(key) for key in (b"a", b"c", b"d", b"e")] == [1, 1, 1, None]
    cache.drop(b"a")
    assert cache.get(b"a") is None


async def test_asking_over_grpc_sends_the_resource_servers_credentials():
    async with scripted(ACTIVE) as (target, script), AsyncClient.loopback(target) as client:
        answer = await RpcAsker(client, issuer=ISSUER, credentials=ClientSecret("tickets", "s"))("the-token")
    assert (script.seen[0].issuer, script.seen[0].client.client_id, script.seen[0].token) == (
        ISSUER,
        "tickets",
        "the-token",
    )
    assert answer.active


async def test_no_answer_over_grpc_is_unavailable():
    quick = Retry(attempts=2, first_pause=0.001)
    async with (
        scripted(refuse(Public.UNAVAILABLE)) as (target, _),
        AsyncClient(Endpoint.loopback(target), retry=quick) as client,
    ):
        with pytest.raises(Unavailable):
            await RpcAsker(client, issuer=ISSUER, credentials=ClientSecret("tickets", "s"))("t")


@pytest.fixture
async def issuer():
    async with issuing() as issuer:
        yield issuer


async def test_asking_over_http_is_rfc_7662(issuer):
    issuer.introspection = {
        "active": True,
        "scope": "tickets:read",
        "client_id": "assistant",
        "exp": NOW + 900.0,
        "sub": "u",
        "aud": RESOURCE,
        "iss": issuer.issuer,
        "jti": "t-1",
        "acr": 7,
        "amr": ["pwd", 7],
        "username": "ignored",
    }
    ask = HttpAsker(f"{issuer.issuer}/introspect", client_id="tickets:a", client_secret="s%/ü")
    answer = await ask("canary-token")
    await ask.close()
    assert issuer.forms == [{"token": ["canary-token"]}]
    assert base64.b64decode(issuer.authorization[0].removeprefix("Basic ")) == b"tickets%3Aa:s%25%2F%C3%BC"
    assert (answer.scope, answer.exp, answer.aud, answer.acr, answer.amr) == (
        ("tickets:read",),
        NOW + 900,
        (RESOURCE,),
        None,
        ("pwd",),
    )
    assert not answer.bound


@pytest.mark.parametrize(
    ("body", "bound", "active"),
    [({"active": False, "sub": "u"}, False, False), ({"active": True, "cnf": {"jkt": "x"}}, True, True)],
)
async def test_inactive_hides_everything_and_a_binding_is_seen(issuer, body, bound, active):
    issuer.introspection = body
    ask = HttpAsker(f"{issuer.issuer}/introspect", client_id="c", client_secret="s")
    answer = await ask("t")
    await ask.close()
    assert (answer.active, answer.bound, answer.sub) == (active, bound, None)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"introspection": {"active": "true"}}, Unavailable),
        ({"introspection": {}}, Unavailable),
        ({"introspection": []}, Unavailable),
        ({"status": 401, "introspection": {"error": "invalid_client"}}, Refused),
        ({"status": 503, "introspection": {"error": "temporarily_unavailable"}}, Unavailable),
        ({"location": "https://evil.example/"}, Unavailable),
    ],
    ids=["active is text", "no active", "a list", "our credentials", "down", "redirect"],
)
async def test_an_endpoint_that_does_not_answer_the_question_is_an_error_and_no_refusal(issuer, fault, kind):
    for name, value in fault.items():
        setattr(issuer, name, value)
    ask = HttpAsker(f"{issuer.issuer}/introspect", client_id="c", client_secret="s")
    with pytest.raises(kind):
        await ask("t")
    await ask.close()


def test_an_endpoint_off_this_machine_must_be_https():
    with pytest.raises(ValueError, match="neither https nor loopback"):
        HttpAsker("http://as.example/introspect", client_id="c", client_secret="s")
