"""Who may call what: the table, the TLS peer, and every role against every method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Caller, Role
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.chain.callers import METHODS, allowed, identify
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.rpc.server.aio import Peers
from rpc_toy import (
    AUTHORIZATION,
    BINDINGS,
    REDEEM,
    REQUEST,
    SERVICES,
    Toy,
    authority,
    channel,
    connect,
    see,
    shaped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHIM_ID = "spiffe://corp.example/shim"

# The table of the design, written a second time and by role, so that a slip in one shows.
MAY_CALL: Mapping[Role, frozenset[str]] = {
    Role.SHIM: frozenset({
        "ExchangeIdentity", "RefreshToken", "RedeemGrant", "IntrospectToken", "IntrospectTokens", "RevokeToken",
        "RefuseRequest",
        "ListIssuers", "GetIssuerMetadata", "GetJwks",
    }),
    Role.SERVICE: frozenset({
        "ExchangeIdentity", "RefreshToken", "RedeemGrant", "IntrospectToken", "IntrospectTokens", "RevokeToken",
        "ListIssuers", "GetIssuerMetadata", "GetJwks",
    }),
    Role.RESOURCE_SERVER: frozenset({"IntrospectToken", "IntrospectTokens", "GetJwks"}),
    Role.ADMIN: frozenset({
        "ApplyBundle", "ListBundles", "GetBundle", "DiffBundles", "ActivateBundle", "Simulate", "Block", "Unblock",
        "ListBlocks", "RevokeChain",
        "ExplainDecision", "ListDecisions", "FollowDecisions", "TraceChain", "ReportAccess",
    }),
    Role.AUDITOR: frozenset({
        "ListBundles", "GetBundle", "DiffBundles", "Simulate", "ListBlocks",
        "ExplainDecision", "ListDecisions", "FollowDecisions", "TraceChain", "ReportAccess",
    }),
    Role.OBSERVER: frozenset({"ExplainDecision", "ListDecisions", "FollowDecisions", "TraceChain"}),
    Role.UNKNOWN: frozenset(),
}  # fmt: skip

OBSERVED = pb.RedeemGrantRequest(observed={"client_address": "203.0.113.9"}).SerializeToString()
"""Field 3 is `observed` in every request that has one."""

METHOD_NAMES = sorted(METHODS)
OBSERVES = {
    f"/{AUTHORIZATION.full_name}/{method.name}": method.input_type.fields_by_name["observed"].number
    for method in AUTHORIZATION.methods
}


def wanted(role: Role, method: str, observed: bool) -> tuple[grpc.StatusCode, str]:
    """What the design says of one cell of the matrix."""
    if role is Role.UNKNOWN:
        return grpc.StatusCode.UNAUTHENTICATED, "CALLER_UNKNOWN"
    if method.rpartition("/")[2] not in MAY_CALL[role]:
        return grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"
    if observed and role is not Role.SHIM:
        return grpc.StatusCode.INVALID_ARGUMENT, "OBSERVED_NOT_ALLOWED"
    return grpc.StatusCode.OK, ""


def raw_of(method: str, observed: bool) -> bytes:
    """A request that sets `observed`, or nothing at all."""
    return bytes((OBSERVES[method] << 3 | 2, 2, 0x0A, 0)) if observed else b""


def test_every_method_of_every_service_has_a_row_and_no_row_is_left_over() -> None:
    names = {f"/{service.full_name}/{method.name}" for _, service in SERVICES for method in service.methods}
    assert METHODS.keys() == names


def test_the_table_is_that_of_the_design() -> None:
    assert set(MAY_CALL) == set(Role)
    for method in METHODS:
        assert allowed(method) == {role for role in Role if method.rpartition("/")[2] in MAY_CALL[role]}


@pytest.mark.parametrize("method", ["", "/", REDEEM.lower(), REDEEM + "/", REDEEM[1:], "/grantd.v1.Other/RedeemGrant"])
def test_a_method_that_is_not_spelled_exactly_has_no_row(method: str) -> None:
    with pytest.raises(LookupError):
        allowed(method)


@pytest.mark.req("F-48")
@pytest.mark.hostile("G04")
async def test_every_role_against_every_method_and_field_over_mtls(tmp_path: Path) -> None:
    toy, tried = Toy(), 0
    async with toy.served(tmp_path) as server:
        for role in Role:
            async with channel(server, role) as network:
                for method, observed in cells():
                    seen = await see(shaped(network, method)(raw_of(method, observed), timeout=5))
                    assert (seen.code, reason_of(seen)) == wanted(role, method, observed), (role, method, observed)
                    tried += 1
    assert tried == len(toy.show.finished) == len(Role) * (len(METHODS) + len(OBSERVES))
    refused = sum(seen != "OK" for _, seen in toy.show.finished)
    assert refused == len(toy.ledger.records)


@pytest.mark.req("F-48")
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.UNKNOWN])
async def test_every_role_against_every_method_and_field_in_process(role: Role) -> None:
    inside = InProcessChannel(Toy().endpoints, Caller("in-process", role))
    for method, observed in cells():
        seen = await see(shaped(inside, method)(raw_of(method, observed), timeout=5))
        assert (seen.code, reason_of(seen)) == wanted(role, method, observed), (method, observed)


def cells() -> list[tuple[str, bool]]:
    return [(method, False) for method in METHOD_NAMES] + [(method, True) for method in sorted(OBSERVES)]


def reason_of(seen: object) -> str:
    return seen.info.reason if seen.code is not grpc.StatusCode.OK else ""


NAMES = {
    "one SPIFFE id": ({"uris": (SHIM_ID,)}, Role.SHIM),
    "one SPIFFE id beside DNS names": ({"uris": (SHIM_ID,), "dns": ("rs.example", "other.example")}, Role.SHIM),
    "one DNS name": ({"dns": ("rs.example",)}, Role.RESOURCE_SERVER),
    "one DNS name beside an address": ({"dns": ("rs.example",), "ips": ("192.0.2.1",)}, Role.RESOURCE_SERVER),
    "two SPIFFE ids": ({"uris": (SHIM_ID, "spiffe://corp.example/other")}, None),
    "a SPIFFE id twice": ({"uris": (SHIM_ID, SHIM_ID)}, None),
    "a SPIFFE id and another URI": ({"uris": (SHIM_ID, "https://corp.example/")}, None),
    "another URI and a bound DNS name": ({"uris": ("https://corp.example/",), "dns": ("rs.example",)}, None),
    "two DNS names": ({"dns": ("rs.example", "other.example")}, None),
    "a bound name as common name": ({"common_name": "rs.example"}, None),
    "a SPIFFE id as common name": ({"common_name": SHIM_ID}, None),
    "a SPIFFE id as DNS name": ({"dns": (SHIM_ID,)}, None),
    "a longer SPIFFE id": ({"uris": (SHIM_ID + "/x",)}, None),
    "another spelling": ({"uris": ("spiffe://Corp.Example/shim",)}, None),
    "a wildcard": ({"dns": ("*.example",)}, None),
    "an address only": ({"ips": ("127.0.0.1",)}, None),
    "no name": ({}, None),
    "a name that is no longer bound": ({"uris": ("spiffe://corp.example/revoked",)}, None),
}


@pytest.mark.hostile("G05")
async def test_a_certificate_counts_by_its_one_name_and_nothing_else(tmp_path: Path) -> None:
    bindings = BINDINGS | {"rs.example": Role.RESOURCE_SERVER}
    toy = Toy()
    method = "/grantd.v1.MetadataService/GetJwks"
    async with toy.served(tmp_path, peers=Peers(bindings)) as server:
        for name, (names, role) in NAMES.items():
            async with connect(server, authority().leaf(**names)) as network:
                # What a caller says of itself in metadata changes nothing.
                said = (("x-spiffe-id", SHIM_ID), ("authorization", SHIM_ID), ("role", "shim"))
                seen = await see(network.unary_unary(method)(b"", timeout=5, metadata=said))
            assert (seen.code is grpc.StatusCode.OK) == (role is not None), name
            assert toy.show.finished[-1][0].get("role") == (role.value if role else None), name


async def test_a_binding_that_is_withdrawn_ends_the_next_call_of_an_open_connection(tmp_path: Path) -> None:
    bindings = dict(BINDINGS)
    async with Toy().served(tmp_path, peers=Peers(bindings)) as server, channel(server) as network:
        assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK
        del bindings[SHIM_ID]
        assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).info.reason == "CALLER_UNKNOWN"


@pytest.mark.parametrize("context", [{}, {"transport_security_type": [b"insecure"]}])
def test_without_tls_nobody_is_known_unless_switched_on(context: Mapping[str, list[bytes]]) -> None:
    with pytest.raises(Refused) as raised:
        identify(context, BINDINGS)
    assert raised.value.reason is Reason.CALLER_UNKNOWN
    assert identify(context, BINDINGS, Role.SERVICE) == Caller("loopback", Role.SERVICE)


def test_the_development_role_is_never_given_to_a_tls_peer() -> None:
    with pytest.raises(Refused):
        identify({"transport_security_type": [b"ssl"]}, BINDINGS, Role.SERVICE)


SOME_NAME = st.one_of(
    st.binary(max_size=40), st.sampled_from([SHIM_ID.encode(), b"rs.example", b"spiffe://", b"a\x00b"])
)


@given(st.lists(SOME_NAME, max_size=3), st.lists(SOME_NAME, max_size=3), st.text(max_size=10))
def test_only_one_bound_name_makes_a_caller(uris: list[bytes], dns: list[bytes], name: str) -> None:
    context = {
        "transport_security_type": [b"ssl"],
        "peer_uri": uris,
        "peer_dns": dns,
        "x509_common_name": [name.encode()],
        "peer_spiffe_id": [SHIM_ID.encode()],
    }
    bindings = {SHIM_ID: Role.SHIM, "rs.example": Role.RESOURCE_SERVER, name: Role.ADMIN}
    if uris == [SHIM_ID.encode()]:
        assert identify(context, bindings) == Caller(SHIM_ID, Role.SHIM)
    elif not uris and dns == [b"rs.example"]:
        assert identify(context, bindings) == Caller("rs.example", Role.RESOURCE_SERVER)
    elif [name.encode()] not in (uris, dns):
        with pytest.raises(Refused):
            identify(context, bindings)
