"""Which issuer a request is for: paths, hosts, methods, and how issuers are learnt."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from clocks import Clock
from grantd.v1 import metadata_pb2 as mpb
from grantd_server.refusals import Public
from shim_fakes import AS, IDP, Refuse, fronted, issuer_metadata

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"

GRANT_ISSUER, SERVER = mpb.ISSUER_KIND_GRANT_ISSUER, mpb.ISSUER_KIND_AUTHORIZATION_SERVER


@pytest.mark.hostile("H08")
@pytest.mark.parametrize(
    ("host", "issuer"),
    [
        ("a.example", "https://a.example/x"),
        ("A.EXAMPLE", "https://a.example/x"),
        ("a.example:443", "https://a.example/x"),
        ("b.example:8443", "https://b.example:8443/x"),
        ("b.example", None),
        ("a.example:8443", None),
        ("evil.example", None),
        ("a.example@b.example:8443", None),
        ("\xff", None),
    ],
)
async def test_host_only_chooses_between_issuers_that_share_a_path(host, issuer):
    async with fronted() as front:
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(
            issuers=[issuer_metadata(i, SERVER) for i in ("https://a.example/x", "https://b.example:8443/x")]
        )
        answer = await front.client.get(f"{OAUTH}/x", headers=[("host", host.encode("latin-1"))])
    if issuer is None:
        assert answer.status_code == 404
    else:
        assert answer.json()["issuer"] == issuer


@pytest.mark.parametrize("path", ["/as%2Ftoken", "/%61s/token", "//as/token", "/as/token/", "/AS/token", "/as//token"])
async def test_another_spelling_of_a_path_is_another_path(path):
    async with fronted() as front:
        answer = await front.post(path, {"grant_type": "x"})
        assert front.service.sent("RefuseRequest") == []
    assert answer.status_code == 404


@pytest.mark.req("F-01", "E-04")
@pytest.mark.hostile("H01")
@pytest.mark.parametrize(
    ("path", "methods", "allow"),
    [
        ("/as/token", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"], "POST"),
        ("/as/introspect", ["GET", "PUT"], "POST"),
        ("/as/revoke", ["GET", "PUT"], "POST"),
        ("/as/authorize", ["PUT", "HEAD"], "GET, POST"),
        ("/as/jwks.json", ["POST", "OPTIONS"], "GET, HEAD"),
        (f"{OAUTH}/as", ["POST", "PUT"], "GET, HEAD"),
    ],
)
async def test_another_method_is_405_and_names_the_right_ones(path, methods, allow):
    async with fronted() as front:
        for method in methods:
            answer = await front.client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allow)
            assert answer.headers["cache-control"] == "no-store"
        assert {name for name, _ in front.service.got} == {"ListIssuers"}


async def test_issuers_are_asked_for_once_a_second():
    clock = Clock()
    async with fronted(clock=clock) as front:
        for _ in range(3):
            await front.client.get(f"{OAUTH}/as")
        clock.now += 0.99
        await front.client.get(f"{OAUTH}/as")
        assert len(front.service.sent("ListIssuers")) == 1
        clock.now += 0.02
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(issuers=[issuer_metadata(IDP, GRANT_ISSUER)])
        assert (await front.client.get(f"{OAUTH}/as")).status_code == 404
        assert len(front.service.sent("ListIssuers")) == 2


async def test_many_waiters_share_one_question():
    async with fronted() as front:
        answers = await asyncio.gather(*(front.client.get(f"{OAUTH}/as") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(front.service.sent("ListIssuers")) == 1


async def test_a_waiter_that_is_cancelled_takes_nothing_from_the_others():
    asked, gate = asyncio.Event(), asyncio.Event()

    async def later(_message):
        asked.set()
        await gate.wait()
        return mpb.ListIssuersResponse(issuers=[issuer_metadata(AS, SERVER)])

    async with fronted() as front:
        front.service.answers["ListIssuers"] = later
        waiters = [asyncio.create_task(front.client.get(f"{OAUTH}/as")) for _ in range(3)]
        await asked.wait()
        waiters[0].cancel()
        await asyncio.wait(waiters[:1])
        gate.set()
        answers = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert [answer.status_code for answer in answers[1:]] == [200, 200]
        assert len(front.service.sent("ListIssuers")) == 1


async def test_the_last_copy_serves_while_the_service_is_away_and_is_not_asked_anew_each_time():
    clock = Clock()
    async with fronted(clock=clock) as front:
        first = await front.client.get(f"{OAUTH}/as")
        front.service.answers["ListIssuers"] = Refuse(Public.UNAVAILABLE)
        clock.now += 5
        for _ in range(3):
            assert (await front.client.get(f"{OAUTH}/as")).content == first.content
        assert len(front.service.sent("ListIssuers")) == 2


async def test_without_any_copy_each_request_asks_again():
    async with fronted() as front:
        usual = front.service.answers["ListIssuers"]
        front.service.answers["ListIssuers"] = Refuse(Public.UNAVAILABLE)
        assert (await front.client.get(f"{OAUTH}/as")).status_code == 503
        front.service.answers["ListIssuers"] = usual
        assert (await front.client.get(f"{OAUTH}/as")).status_code == 200


async def test_alive_needs_no_service_and_ready_does():
    async with fronted() as front:
        assert (await front.client.get("/healthz")).status_code == 200
        assert front.service.got == []
        assert (await front.client.get("/readyz")).status_code == 200
        front.service.answers["ListIssuers"] = Refuse(Public.UNAVAILABLE)
        assert (await front.client.get("/readyz")).status_code == 503
        await front.server.stop(None)
        assert (await front.client.get("/readyz")).status_code == 503
        assert (await front.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [(health_pb2.HealthCheckResponse.SERVING, 200), (health_pb2.HealthCheckResponse.NOT_SERVING, 503)],
)
async def test_ready_is_what_grpc_health_says(status, code):
    servicer = health.aio.HealthServicer()
    await servicer.set("", status)
    async with fronted(register=lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server)) as front:
        answer = await front.client.get("/readyz")
        assert front.service.got == []
    assert (answer.status_code, answer.headers["cache-control"]) == (code, "no-store")


async def test_a_health_service_that_fails_is_not_ready():
    class Failing(health_pb2_grpc.HealthServicer):
        async def check(self, _request, context):
            await context.abort(grpc.StatusCode.INTERNAL, "")

        Check = check

    def register(server):
        health_pb2_grpc.add_HealthServicer_to_server(Failing(), server)

    async with fronted(register=register) as front:
        assert (await front.client.get("/readyz")).status_code == 503
