"""`tls_client_auth`: whose certificate counts, by which name, and that a header from anybody
else is worth nothing."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import northwind
import organisation as org
from case_files import changed
from certificates import Authority, Leaf, write_tls_files
from grantd_server.governance.faults import BundleError
from grantd_server.shim import Shim, ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from house import House, running
from leg_one import exchange_form, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AUTHORITY = Authority()
DESK = AUTHORITY.leaf(uris=("spiffe://corp.example/desk",), dns=("Desk.corp.example",), common_name="desk")
OTHER = AUTHORITY.leaf(dns=("other.corp.example",), common_name="other")
PROXY, STRANGER = "10.0.0.7", "192.0.2.7"
LIMITS = ShimLimits(certificate_header=b"client-cert", certificate_proxies=(ip_network("10.0.0.0/8"),))
NAMES = [{"subject_dn": "CN=desk"}, {"san_dns": "desk.corp.example"}, {"san_uri": "spiffe://corp.example/desk"}]


def der(leaf: Leaf) -> bytes:
    return x509.load_pem_x509_certificate(leaf.certificate).public_bytes(Encoding.DER)


def rfc9440(leaf: Leaf) -> str:
    return f":{b64encode(der(leaf)).decode()}:"


def known_by(name: dict[str, str]) -> dict[str, Any]:
    return changed(org.bundle(), {"clients.desk.at.grants.authentication": [{"tls_client_auth": name}]})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path, known_by({"san_dns": "desk.corp.example"})) as service:
        yield service


def form(house: House, **more: str) -> dict[str, str]:
    return exchange_form(house, **{"client_id": "desk-agent", **more})


async def through(
    house: House, *headers: tuple[str, str], peer: str = PROXY, limits: ShimLimits = LIMITS, **more: str
) -> httpx2.Response:
    """The answer to a request that comes from `peer` with these headers."""
    transport = httpx2.ASGITransport(app=Shim(house.parts.channel(), limits), client=(peer, 4711))
    async with httpx2.AsyncClient(transport=transport) as http:
        return await http.post(f"{org.GRANTS}/token", data=form(house, **more), headers=list(headers))


@pytest.mark.req("D-12")
@pytest.mark.parametrize("name", NAMES, ids=str)
async def test_a_trusted_proxy_tells_the_certificate_in_either_form(tmp_path: Path, name: dict[str, str]) -> None:
    async with running(tmp_path, known_by(name)) as house:
        for header in (rfc9440(DESK), quote(DESK.certificate.decode(), safe="")):
            answer = await through(house, ("client-cert", header))
            assert answer.status_code == 200, answer.text
        record = await house.record(answer.headers["x-grantd-decision-id"])
        assert record["client_method"] == "tls_client_auth"


@pytest.mark.req("D-12")
async def test_another_certificate_is_refused(house: House) -> None:
    refused = await through(house, ("client-cert", rfc9440(OTHER)))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert await reason_of(house, refused) == "CLIENT_CERTIFICATE_MISMATCH"
    for raw in (b"no certificate", b"\x30" * 17000):
        refused = await through(house, ("client-cert", f":{b64encode(raw).decode()}:"))
        assert await reason_of(house, refused) == "CLIENT_CERTIFICATE_MISMATCH"


@pytest.mark.req("D-12")
@pytest.mark.parametrize("off", [-3, 3], ids=["not yet valid", "expired"])
async def test_a_certificate_out_of_its_time_is_refused(house: House, off: int) -> None:
    house.later(off * 86400)
    refused = await through(house, ("client-cert", rfc9440(DESK)))
    assert await reason_of(house, refused) == "CLIENT_CERTIFICATE_MISMATCH"
    assert (await house.record(refused.headers["x-grantd-decision-id"]))["checks"][-1][1] == "client.certificate_time"


@pytest.mark.req("D-12")
async def test_a_header_that_is_not_to_be_believed_is_ignored(house: House) -> None:
    mine = ("client-cert", rfc9440(DESK))
    ignored = [
        await through(house, mine, peer=STRANGER),
        await through(house, mine, mine),
        await through(house, mine, limits=ShimLimits()),
        await through(house, ("x-client-cert", rfc9440(DESK))),
        await through(house, ("client-cert", "")),
        await through(house, ("client-cert", "::")),
        await through(house, ("client-cert", ":%%%:")),
        await through(house, ("client-cert", "-----BEGIN CERTIFICATE-----")),
        # As long as the two lines of a PEM, and neither of them.
        await through(house, ("client-cert", "x" * 27 + b64encode(der(DESK)).decode() + "x" * 25)),
        await through(house, mine, ("x-forwarded-for", PROXY), peer=STRANGER),
    ]
    assert {await reason_of(house, answer) for answer in ignored} == {"CREDENTIALS_MISSING"}


async def test_the_certificate_stands_for_nobody_but_the_client_that_is_named(house: House) -> None:
    unknown = await through(house, ("client-cert", rfc9440(DESK)), client_id="")
    assert await reason_of(house, unknown) == "CLIENT_UNKNOWN"
    another = await through(house, ("client-cert", rfc9440(DESK)), client_id="robot")
    assert await reason_of(house, another) == "CLIENT_METHOD_MISMATCH"


async def test_beside_a_secret_a_certificate_proves_nothing(house: House) -> None:
    refused = await through(house, ("client-cert", rfc9440(DESK)), client_secret=org.DESK_SECRET)
    assert await reason_of(house, refused) == "CLIENT_METHOD_MISMATCH"


@pytest.mark.req("D-12", "E-12")
async def test_metadata_names_the_method_where_a_client_uses_it(house: House) -> None:
    async def methods(issuer: str) -> list[str]:
        answer = await house.http.get(f"{issuer}/.well-known/oauth-authorization-server")
        return list(answer.json()["token_endpoint_auth_methods_supported"])

    assert "tls_client_auth" in await methods(org.GRANTS)
    assert "tls_client_auth" not in await methods(org.SERVER)


@pytest.mark.req("D-12")
async def test_our_own_listener_sees_the_certificate_of_its_peer(house: House, tmp_path: Path) -> None:
    cert, key, ca = write_tls_files(tmp_path, AUTHORITY, AUTHORITY.leaf(ips=("127.0.0.1",)))
    tls = {"ssl_certfile": str(cert), "ssl_keyfile": str(key), "ssl_ca_certs": str(ca)}
    config = server_config(
        Shim(house.parts.channel(), ShimLimits()), ShimLimits(), host="127.0.0.1", port=0, ssl_cert_reqs=ssl.CERT_OPTIONAL, **tls
    )  # fmt: skip
    server = HttpServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        reasons = [await over_tls(house, port, tmp_path, leaf) for leaf in (DESK, OTHER, None)]
    finally:
        server.should_exit = True
        await serving
    assert reasons == ["granted", "CLIENT_CERTIFICATE_MISMATCH", "CREDENTIALS_MISSING"]


async def over_tls(house: House, port: int, folder: Path, leaf: Leaf | None) -> str:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    if leaf is not None:
        (folder / "me.pem").write_bytes(leaf.certificate + leaf.key)
        context.load_cert_chain(folder / "me.pem")
    async with httpx2.AsyncClient(verify=context) as http:
        # What a client writes into the header itself is not looked at.
        headers = {"host": "grants.corp.example", "client-cert": rfc9440(DESK)}
        answer = await http.post(f"https://127.0.0.1:{port}/token", data=form(house), headers=headers)
    record = await house.record(answer.headers["x-grantd-decision-id"])
    return str(record.get("reason") or record["outcome"])


SECRET = "          - secret: {env: DESK_TOOLS_SECRET}\n"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{}", "exactly one of subject_dn, san_dns, san_uri is expected"),
        ("{san_dns: a.example, san_uri: 'urn:x'}", "exactly one of subject_dn, san_dns, san_uri is expected"),
        ("{subject_dn: desk}", "a distinguished name as RFC 4514 writes it is expected, such as CN=desk,O=Northwind"),
        ("{san_dns: '*.example'}", '"*.example" is no DNS name in lower case; a wildcard is nobody in particular'),
        ("{san_uri: desk}", '"desk" is no URI'),
        ("{san_email: a@b.example}", "exactly one of subject_dn, san_dns, san_uri is expected"),
    ],
)
def test_a_name_that_cannot_be_compared_is_refused(tmp_path: Path, written: str, sentence: str) -> None:
    text = northwind.changed(SECRET, f"          - tls_client_auth: {written}\n")
    with pytest.raises(BundleError) as broken:
        northwind.parse(tmp_path, text)
    assert sentence in str(broken.value)


@pytest.mark.req("D-26", "G-40")
def test_two_parties_never_share_the_name_of_a_certificate(tmp_path: Path) -> None:
    own = "          - tls_client_auth: {san_dns: desk.example}\n"
    text = northwind.changed(SECRET, own).replace("          - secret: {env: DESK_SECRET}\n", own)
    with pytest.raises(BundleError, match="share the name of a client certificate"):
        northwind.parse(tmp_path, text)
