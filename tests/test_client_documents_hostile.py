"""Client metadata at addresses and from servers that mean harm."""

from __future__ import annotations

import asyncio
import json

import pytest

import organisation as org
from client_site import ALGS, HOST, JSON, KEYS_PATH, PATH, PUBLIC, URL, client_site, metadata
from grantd_server.keys.foreign.client_documents import LARGEST, ClientDocuments, DocumentInvalid, DocumentUnavailable
from grantd_server.keys.foreign.fetch import Fetcher
from key_server import answer, key_server

KEYS_URI = f"https://{HOST}{KEYS_PATH}"

INSIDE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "192.0.0.192", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "ff02::1",
]  # fmt: skip
"""Loopback, private, link-local, metadata services, multicast, and what embeds them."""


@pytest.fixture
async def site():
    async with client_site() as served:
        yield served


async def unavailable(site, why: str, url: str = URL) -> None:
    with pytest.raises(DocumentUnavailable, match=why):
        await site.documents.read(url, ALGS, None)


@pytest.mark.req("D-21", "G-29")
@pytest.mark.parametrize("inside", INSIDE)
async def test_a_document_is_never_fetched_from_inside(site, inside):
    site.address.answers = [[inside]]
    await unavailable(site, "not a public address")
    assert not site.connector.addresses


@pytest.mark.req("D-21", "G-29")
@pytest.mark.parametrize("answers", [[PUBLIC, "127.0.0.1"], ["169.254.169.254", PUBLIC]])
async def test_one_inside_address_among_others_refuses_the_name(site, answers):
    site.address.answers = [answers]
    await unavailable(site, "not a public address")
    assert not site.connector.addresses


@pytest.mark.req("D-21", "G-29")
async def test_a_name_that_turns_inward_after_the_check_is_not_followed_there(site):
    site.address.answers = [[PUBLIC], ["127.0.0.1"]]
    await site.documents.read(URL, ALGS, None)
    assert site.address.asked == [HOST]
    assert site.connector.addresses == [PUBLIC]


@pytest.mark.req("D-21", "G-29")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "10.1.2.3"])
async def test_an_address_in_the_document_leads_nowhere_inside(site, host):
    site.publish(jwks=None, jwks_uri=f"https://{host}/keys")
    await unavailable(site, "not a public address")
    assert site.connector.addresses == [PUBLIC]


@pytest.mark.req("D-21", "G-29")
async def test_the_keys_of_a_document_are_looked_up_anew_and_checked(site):
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.serve_keys(org.ROBOT_KEY)
    site.address.answers = [[PUBLIC], ["192.168.0.10"]]
    await unavailable(site, "not a public address")
    assert site.server.paths[KEYS_PATH] == 0


@pytest.mark.req("D-20", "D-21")
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("path", [PATH, KEYS_PATH])
async def test_redirects_are_not_followed(site, status, path):
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.serve_keys(org.ROBOT_KEY)
    site.server.scripts["/elsewhere"] = site.server.scripts[path]
    site.server.scripts[path] = answer("", f"Location: https://{HOST}/elsewhere", status=status)
    await unavailable(site, f"status {status[:3]}")
    assert site.server.paths["/elsewhere"] == 0


@pytest.mark.req("D-20")
@pytest.mark.parametrize("status", ["201 Created", "203 Other", "204 None", "206 Part", "304 Same", "400 Bad", "404 None", "410 Gone", "500 Oops"])  # fmt: skip
async def test_only_status_200_is_a_document(site, status):
    site.serve(json.dumps(metadata()), status=status)
    await unavailable(site, f"status {status[:3]}")


@pytest.mark.req("D-21")
async def test_a_document_of_five_kibibytes_is_read_and_one_byte_more_is_not(site):
    room = LARGEST - len(json.dumps(metadata(client_name="")))
    site.publish(client_name="n" * room)
    await site.documents.read(URL, ALGS, None)
    async with client_site() as other:
        other.publish(client_name="n" * (room + 1))
        await unavailable(other, "more than 5120 bytes")


@pytest.mark.req("D-21")
async def test_a_document_without_end_is_cut_off(site):
    async def endless(writer):
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\n\r\n".encode())
        while not writer.is_closing():
            writer.write(b" " * 4096)
            await writer.drain()

    site.server.scripts[PATH] = endless
    await unavailable(site, "more than 5120 bytes")


@pytest.mark.req("D-21")
async def test_a_slow_document_is_given_up():
    async with client_site(seconds=0.2) as site:

        async def slow(writer):
            writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 400\r\n\r\n".encode())
            await writer.drain()
            await asyncio.Event().wait()

        site.server.scripts[PATH] = slow
        await unavailable(site, "no complete answer")


@pytest.mark.req("D-21")
async def test_a_compressed_document_is_not_unpacked(site):
    site.publish("Content-Encoding: gzip")
    await unavailable(site, "compressed")


@pytest.mark.req("D-20")
@pytest.mark.parametrize("media", ["Content-Type: text/html", "Content-Type: text/plain; charset=utf-8", "X: y"])
async def test_a_document_that_is_not_served_as_json_is_invalid(site, media):
    site.serve(json.dumps(metadata()), media=media)
    with pytest.raises(DocumentInvalid, match="content_type"):
        await site.documents.read(URL, ALGS, None)


async def test_parameters_and_case_of_the_content_type_do_not_matter(site):
    site.serve(json.dumps(metadata()), media="Content-Type: Application/JSON; charset=utf-8")
    await site.documents.read(URL, ALGS, None)


@pytest.mark.req("D-21")
async def test_a_server_with_a_certificate_for_another_name_is_not_believed(site):
    await unavailable(
        site, "the certificate is not trusted: Hostname mismatch", "https://other.example/oauth/client.json"
    )


@pytest.mark.req("D-21", "G-29")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "[::1]"])
async def test_the_system_resolver_does_not_lead_to_this_machine_either(host):
    async with key_server() as server:
        documents = ClientDocuments(Fetcher(), lambda: 0.0)
        with pytest.raises(DocumentUnavailable):
            await documents.read(f"https://{host}:{server.port}/client.json", ALGS, None)
        assert server.connections == 0
