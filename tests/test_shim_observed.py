"""What the shim observes of a request, and what it does not let itself be told."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim import ShimLimits
from grantd_server.shim.request.head import read_head
from grantd_server.shim.request.observed import client_address, is_within, observe
from shim_fakes import REDEEM, fronted

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
FORM = {"grant_type": REDEEM, "assertion": "x"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def seen(peer: str | None, *forwarded: str, trusted=PROXIES) -> str | None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"method": "POST", "path": "/token", "headers": headers, "client": (peer, 1) if peer else None}
    return client_address(read_head(scope), trusted)


def test_what_is_no_address_is_in_no_network() -> None:
    assert is_within("10.1.2.3", PROXIES)
    assert not is_within("unix", PROXIES)


@pytest.mark.hostile("H08")
@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", ["1.1.1.1"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7, junk"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, junk, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["\xff, "], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("testclient", ["198.51.100.7"], "testclient"),
        (None, ["198.51.100.7"], None),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_trusted_proxy(peer, forwarded, address):
    assert seen(peer, *forwarded) == address


def test_without_trusted_proxies_nobody_is_believed():
    assert seen("10.0.0.1", "198.51.100.7", trusted=()) == "10.0.0.1"


def test_one_client_has_one_address_on_every_kind_of_socket():
    assert seen("::ffff:198.51.100.7", trusted=()) == seen("198.51.100.7", trusted=()) == "198.51.100.7"


def test_a_long_chain_of_hops_is_cut_from_the_right():
    assert seen("10.0.0.1", "198.51.100.7" + ", 10.0.0.2" * 5000) == "10.0.0.2"


@given(st.binary(max_size=60))
def test_any_forwarded_header_gives_an_address(raw):
    scope = {"method": "POST", "path": "/", "headers": [(b"x-forwarded-for", raw)], "client": ("10.0.0.1", 1)}
    assert client_address(read_head(scope), PROXIES)


async def test_the_address_reaches_the_service():
    limits = ShimLimits(trusted_proxies=PROXIES)
    async with fronted(limits, peer=("10.0.0.1", 1)) as front:
        await front.post("/as/token", FORM, x_forwarded_for="198.51.100.7")
        assert front.only("RedeemGrant").observed.client_address == "198.51.100.7"


@pytest.mark.hostile("H18")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "junk",
        TRACE.upper(),
        TRACE + "-more",
        TRACE + "0" * 10_000,
        "ff" + TRACE[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        TRACE.replace("-", "_"),
    ],
)
async def test_a_malformed_traceparent_is_dropped(value):
    async with fronted() as front:
        answer = await front.post("/as/token", FORM, traceparent=value)
        assert not front.only("RedeemGrant").observed.HasField("traceparent")
    assert answer.status_code == 200


@pytest.mark.hostile("H18")
async def test_a_traceparent_is_a_fact_and_never_an_order():
    async with fronted() as front:
        headers = {"traceparent": TRACE, "tracestate": "a=" + "x" * 10_000, "baggage": "user=canary"}
        answer = await front.post("/as/token", FORM, **headers)
        assert front.only("RedeemGrant").observed.traceparent == TRACE
        # Nothing of it is metadata of the call, by which the service would continue the trace.
        assert all(not {"traceparent", "tracestate", "baggage"} & set(told) for told in front.service.metadata)
    assert answer.status_code == 200


def test_two_traceparents_are_none():
    headers = [(b"traceparent", TRACE.encode())] * 2
    head = read_head({"method": "POST", "path": "/", "headers": headers})
    assert not observe(head, ShimLimits()).HasField("traceparent")


@pytest.mark.req("A-23", "F-48")
@pytest.mark.hostile("H19")
async def test_every_dpop_header_reaches_the_service_in_order():
    async with fronted() as front:
        headers = [("content-type", "application/x-www-form-urlencoded"), ("dpop", "a.b.c"), ("dpop", "d.e.f")]
        await front.client.post("/as/token", content=f"grant_type={REDEEM}", headers=headers)
        assert list(front.only("RedeemGrant").observed.dpop_proofs) == ["a.b.c", "d.e.f"]


@pytest.mark.req("F-08")
async def test_a_dpop_header_over_the_limit_is_413():
    async with fronted(ShimLimits(dpop_bytes=100)) as front:
        assert (await front.post("/as/token", FORM, dpop="x" * 100)).status_code == 200
        answer = await front.post("/as/token", FORM, dpop="x" * 101)
        sent = front.service.sent("RefuseRequest")[0]
    assert answer.status_code == 413
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_BODY_TOO_LARGE, "DPoP")
    assert not sent.observed.dpop_proofs
