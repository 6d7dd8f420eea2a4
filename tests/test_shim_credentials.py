"""How client authentication is found, and never judged, by the shim."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import client_pb2
from grantd_server.shim import ShimLimits
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.request.credentials import read_client
from grantd_server.shim.request.form import read_form
from grantd_server.shim.request.head import read_head
from shim_fakes import EXCHANGE, REDEEM, basic, fronted

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BASIC = client_pb2.CLIENT_SECRET_METHOD_BASIC


async def client_of(form: dict[str, str], **headers: str) -> client_pb2.ClientAuthentication:
    async with fronted() as front:
        await front.post("/as/token", {"grant_type": REDEEM, "assertion": "x"} | form, **headers)
        return front.only("RedeemGrant").client


async def fault_of(form: dict[str, str], **headers: str) -> tuple[int, str, pb.RefuseRequestRequest]:
    async with fronted() as front:
        answer = await front.post("/as/token", {"grant_type": REDEEM, "assertion": "x"} | form, **headers)
        return answer.status_code, answer.json()["error"], front.only("RefuseRequest")


@pytest.mark.req("D-04")
@pytest.mark.parametrize(
    ("sent", "client_id", "secret", "raw"),
    [
        (("cli", "s3cret"), "cli", "s3cret", None),
        (("a%2Bb", "x%2By%25"), "a+b", "x+y%", ("a%2Bb", "x%2By%25")),
        (("cli", "a+b"), "cli", "a b", ("cli", "a+b")),
        (("cli", "100%"), "cli", "100%", None),
        (("cli", "a%ffb"), "cli", "a%ffb", None),
        (("cli", "a%00b"), "cli", "a%00b", None),
        (("cli", "with:colon"), "cli", "with:colon", None),
        (("cli", ""), "cli", "", None),
        (("klïent", "gehëim"), "klïent", "gehëim", None),
    ],
)
async def test_a_basic_pair_is_sent_decoded_and_also_raw_where_that_differs(sent, client_id, secret, raw):
    proof = await client_of({}, authorization=basic(*sent))
    assert (proof.client_id, proof.secret.secret, proof.secret.method) == (client_id, secret, BASIC)
    assert (proof.secret.HasField("raw_client_id"), proof.secret.HasField("raw_secret")) == (bool(raw), bool(raw))
    if raw:
        assert (proof.secret.raw_client_id, proof.secret.raw_secret) == raw


@pytest.mark.req("D-05")
async def test_a_secret_in_the_body_is_post():
    proof = await client_of({"client_id": "cli", "client_secret": "a+b%"})
    secret = client_pb2.ClientSecret(secret="a+b%", method=client_pb2.CLIENT_SECRET_METHOD_POST)
    assert proof == client_pb2.ClientAuthentication(client_id="cli", secret=secret)


@pytest.mark.req("D-07", "D-11")
@pytest.mark.parametrize("client_id", [None, "cli"])
async def test_a_client_assertion_goes_on_with_the_client_id_as_sent(client_id):
    form = {"client_assertion_type": JWT_BEARER, "client_assertion": "a.b.c"}
    proof = await client_of(form | ({"client_id": client_id} if client_id else {}))
    asserted = client_pb2.ClientAssertion(type=JWT_BEARER, assertion="a.b.c")
    assert proof == client_pb2.ClientAuthentication(client_id=client_id, assertion=asserted)


@pytest.mark.hostile("A01", "A09")
@pytest.mark.parametrize("name", ["client_assertion", "client_assertion_type"])
async def test_half_a_client_assertion_is_left_to_the_service(name):
    proof = await client_of({name: "x"})
    assert proof.WhichOneof("method") == "assertion"
    assert proof.assertion.assertion == ("x" if name == "client_assertion" else "")


@pytest.mark.req("D-01")
@pytest.mark.parametrize("form", [{}, {"client_id": "cli"}, {"client_secret": "", "client_assertion": ""}])
async def test_no_credential_is_no_method(form):
    proof = await client_of(form)
    assert proof.WhichOneof("method") is None
    assert proof == client_pb2.ClientAuthentication(client_id=form.get("client_id"))


@pytest.mark.req("D-06")
@pytest.mark.parametrize("sent", [("cli", "s"), ("cl%69", "s")])
async def test_the_same_client_id_may_stand_beside_basic(sent):
    proof = await client_of({"client_id": "cli"}, authorization=basic(*sent))
    assert (proof.client_id, proof.secret.secret, proof.secret.HasField("raw_client_id")) == ("cli", "s", False)


@pytest.mark.req("D-04", "D-06")
async def test_a_client_id_in_the_body_tells_a_raw_pair_from_an_encoded_one():
    proof = await client_of({"client_id": "a%2Bb"}, authorization=basic("a%2Bb", "x%2By"))
    assert (proof.client_id, proof.secret.secret, proof.secret.HasField("raw_secret")) == ("a%2Bb", "x%2By", False)


@pytest.mark.req("D-06", "F-34")
@pytest.mark.hostile("A10")
async def test_another_client_id_beside_basic_is_refused():
    status, error, sent = await fault_of({"client_id": "other"}, authorization=basic("cli", "s"))
    assert (status, error) == (401, "invalid_client")
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_CLIENT_ID_MISMATCH, "client_id")


@pytest.mark.req("D-06", "F-32")
@pytest.mark.hostile("A01")
@pytest.mark.parametrize(
    ("form", "with_basic"),
    [
        ({"client_secret": "s"}, True),
        ({"client_id": "cli", "client_secret": "s"}, True),
        ({"client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER}, True),
        ({"client_assertion_type": JWT_BEARER}, True),
        ({"client_secret": "s", "client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER}, False),
    ],
)
async def test_two_credentials_are_invalid_request(form, with_basic):
    headers = {"authorization": basic("cli", "s")} if with_basic else {}
    status, error, sent = await fault_of(form, **headers)
    assert (status, error, sent.fault) == (400, "invalid_request", pb.WIRE_FAULT_TWO_CREDENTIALS)


@pytest.mark.req("D-06")
async def test_two_authorization_headers_are_two_credentials():
    async with fronted() as front:
        headers = [("content-type", "application/x-www-form-urlencoded"), *[("authorization", basic("cli", "s"))] * 2]
        answer = await front.client.post("/as/token", content=f"grant_type={REDEEM}", headers=headers)
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_TWO_CREDENTIALS
    assert answer.status_code == 400


@pytest.mark.req("F-25")
@pytest.mark.parametrize(
    "header",
    [
        "Bearer a.b.c",
        "Bearer " + base64.b64encode(b"cli:s").decode(),
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic Y2xpOnM",
        "Basic Y2x!pOnM=",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic " + base64.b64encode(b"cli:\xff").decode(),
        "Basic " + base64.b64encode(b"cli:a\0b").decode(),
        "Basic " + base64.b64encode(b"cli:a\nb").decode(),
        "Basic " + base64.urlsafe_b64encode(b"cli:~~~???>>>").decode(),
    ],
)
async def test_an_unreadable_authorization_header_is_refused_with_a_challenge(header):
    async with fronted() as front:
        answer = await front.post("/as/token", {"grant_type": REDEEM}, authorization=header)
        sent = front.only("RefuseRequest")
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_BASIC_HEADER, "Authorization")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="mcp.example", charset="UTF-8"'


@pytest.mark.parametrize("header", ["basic Y2xpOnM=", "BASIC  Y2xpOnM= "])
async def test_the_scheme_is_case_insensitive(header):
    proof = await client_of({}, authorization=header)
    assert (proof.client_id, proof.secret.secret) == ("cli", "s")


@pytest.mark.req("F-08")
async def test_an_authorization_header_over_the_limit_is_413():
    async with fronted(ShimLimits(authorization_bytes=40)) as front:
        fits = await front.post("/as/token", {"grant_type": REDEEM}, authorization=basic("cli", "x" * 20))
        assert fits.status_code == 200
        large = await front.post("/as/token", {"grant_type": REDEEM}, authorization=basic("cli", "x" * 24))
        sent = front.service.sent("RefuseRequest")[0]
    assert large.status_code == 413
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_BODY_TOO_LARGE, "Authorization")


@pytest.mark.req("D-12", "F-48")
async def test_the_shim_never_claims_a_peer_or_a_certificate():
    forged = {"x-forwarded-client-cert": "Hash=1", "ssl-client-cert": "PEM", "client-cert": ":Zm9v:"}
    async with fronted() as front:
        await front.post("/as/token", {"grant_type": REDEEM, "client_id": "cli"}, **forged)
        sent = front.only("RedeemGrant")
    assert sent.client.WhichOneof("method") is None
    assert not sent.observed.HasField("client_certificate")


@pytest.mark.req("D-04", "D-05", "D-07")
@pytest.mark.parametrize(
    ("path", "form"),
    [("/idp/token", {"grant_type": EXCHANGE}), ("/as/introspect", {"token": "t"}), ("/as/revoke", {"token": "t"})],
)
async def test_every_endpoint_reads_credentials_alike(path, form):
    async with fronted() as front:
        await front.post(path, form, authorization=basic("cli", "s"))
        await front.post(path, form | {"client_id": "cli", "client_secret": "s"})
        await front.post(path, form | {"client_assertion": "a.b.c", "client_assertion_type": JWT_BEARER})
        methods = [m.client.WhichOneof("method") for name, m in front.service.got if name != "ListIssuers"]
        refused = await front.post(path, form | {"client_secret": "s"}, authorization=basic("cli", "s"))
    assert methods == ["secret", "secret", "assertion"]
    assert refused.json()["error"] == "invalid_request"


@given(st.binary(max_size=80), st.booleans())
def test_any_authorization_header_is_read_or_refused(raw, encode):
    header = b"Basic " + (base64.b64encode(raw) if encode else raw)
    head = read_head({"method": "POST", "path": "/token", "headers": [(b"authorization", header)]})
    fault, method = None, None
    try:
        method = read_client(read_form(b"", 64), head, 1000).WhichOneof("method")
    except WireRefused as refused:
        fault = refused.fault
    assert (fault, method) in {(None, "secret"), (pb.WIRE_FAULT_BASIC_HEADER, None)}
    assert method is None or b":" in raw or not encode
