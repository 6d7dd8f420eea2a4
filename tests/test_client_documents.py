"""How client metadata documents are kept: bounded, shared, renewed, withdrawn."""

from __future__ import annotations

import asyncio

import pytest

import organisation as org
from client_site import ALGS, HOST, KEYS_PATH, URL, Site, client_site
from clocks import Clock
from grantd_server.keys.foreign.client_documents import ClientDocuments, DocumentInvalid, DocumentUnavailable
from grantd_server.keys.foreign.fetch import Fetched
from grantd_server.keys.foreign.remote import RemoteKeys
from tokens import signing_key

OLD, NEW = org.ROBOT_KEY, signing_key("ES256", "newer")
OTHER = signing_key("RS256", "rsa-1")
KEYS_URI = f"https://{HOST}{KEYS_PATH}"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def site(clock):
    async with client_site(clock) as served:
        yield served


async def read(site: Site, kid: str | None = OLD.kid, algorithms=ALGS):
    return await site.documents.read(URL, algorithms, kid)


async def renewed(site: Site) -> None:
    """Waits for the refresh behind the calls."""
    (copy,) = site.documents._copies.values()
    if copy.flight is not None:
        await copy.flight


async def test_a_document_is_fetched_once_for_many_calls(site):
    site.server.gate.clear()
    calls = [asyncio.create_task(read(site)) for _ in range(50)]
    await site.server.arrived.wait()
    site.server.gate.set()
    found = await asyncio.gather(*calls)
    assert all(OLD.kid in keys for _, keys, _ in found)
    await read(site)
    assert site.fetches == 1


@pytest.mark.req("D-21")
@pytest.mark.parametrize(("header", "kept"), [("max-age=0", 60), ("no-store", 60), ("max-age=120", 120), ("max-age=86400", 3600), ("public", 600)])  # fmt: skip
async def test_cache_headers_are_heeded_within_a_minute_and_an_hour(site, clock, header, kept):
    site.publish(f"Cache-Control: {header}")
    await read(site)
    clock.now += kept * 0.79
    await read(site)
    assert site.fetches == 1
    clock.now += kept * 0.21
    site.publish(jwks=org.jwks_of(NEW))
    _, keys, _ = await read(site, NEW.kid)
    assert NEW.kid in keys
    assert OLD.kid not in keys
    assert site.fetches == 2


async def test_a_copy_is_renewed_behind_the_calls(site, clock):
    await read(site)
    clock.now += 480
    site.publish(jwks=org.jwks_of(OLD, NEW))
    await read(site)
    await renewed(site)
    assert site.fetches == 2
    _, keys, _ = await read(site)
    assert NEW.kid in keys


@pytest.mark.req("D-21")
async def test_an_error_is_not_kept_as_an_answer_but_asked_again_after_a_pause(site, clock):
    site.serve("", status="500 Oops")
    for pause, fetches in [(0, 1), (9, 1), (1, 2)]:
        clock.now += pause
        with pytest.raises(DocumentUnavailable, match="status 500"):
            await read(site)
        assert site.fetches == fetches
    site.publish()
    clock.now += 10
    await read(site)


@pytest.mark.req("D-21")
async def test_while_fetching_fails_the_last_good_copy_serves_for_a_day_and_no_longer(site, clock):
    await read(site)
    site.serve("", status="503 Busy")
    for now in (1600, 1000 + 12 * 3600, 1000 + 24 * 3600):
        clock.now = now
        await read(site)
    clock.now += 11
    with pytest.raises(DocumentUnavailable, match="status 503"):
        await read(site)


async def test_how_long_a_stale_copy_serves_can_be_set(clock):
    async with client_site(clock, stale_limit=700) as site:
        await read(site)
        site.serve("", status="503 Busy")
        clock.now += 701
        with pytest.raises(DocumentUnavailable):
            await read(site)


@pytest.mark.req("D-20", "D-21")
async def test_a_document_that_becomes_invalid_takes_its_last_good_copy_with_it(site, clock):
    await read(site)
    site.publish(client_secret="hunter2hunter2")
    clock.now += 600
    with pytest.raises(DocumentInvalid, match="client_secret") as caught:
        await read(site)
    assert "hunter2" not in str(caught.value)
    site.serve("", status="503 Busy")  # nothing of before serves now that fetching fails
    clock.now += 10
    with pytest.raises(DocumentUnavailable, match="status 503"):
        await read(site)
    site.publish()
    clock.now += 10
    await read(site)


async def test_an_invalid_document_is_asked_for_again_only_after_a_pause(site, clock):
    site.publish(client_id="https://other.example/client.json")
    for pause, fetches in [(0, 1), (9, 1), (1, 2)]:
        clock.now += pause
        with pytest.raises(DocumentInvalid, match="client_id"):
            await read(site)
        assert site.fetches == fetches


async def test_a_copy_that_turns_out_invalid_behind_the_calls_is_withdrawn_at_once(site, clock):
    await read(site)
    site.publish(token_endpoint_auth_method="none")
    clock.now += 480
    await read(site)  # does not wait
    await renewed(site)
    with pytest.raises(DocumentInvalid, match="token_endpoint_auth_method"):
        await read(site)


async def test_a_new_key_in_the_document_is_found_by_its_kid(site, clock):
    await read(site)
    site.publish(jwks=org.jwks_of(NEW))
    clock.now += 1
    _, keys, _ = await read(site, NEW.kid)
    assert NEW.kid in keys
    assert site.fetches == 2


async def test_a_document_that_is_invalid_when_looked_at_again_is_withdrawn(site, clock):
    await read(site)
    site.serve("<html></html>")
    clock.now += 1
    with pytest.raises(DocumentInvalid, match="JSON"):
        await read(site, NEW.kid)


async def test_invented_kids_do_not_hammer_the_site(site, clock):
    for number in range(1000):
        await read(site, f"invented-{number}")
        clock.now += 60 / 1000
    assert site.fetches <= 2


async def test_a_call_without_kid_fetches_nothing_again(site, clock):
    await read(site)
    clock.now += 100
    await read(site, None)
    assert site.fetches == 1


async def test_keys_at_an_address_are_fetched_with_the_same_guards_and_followed(site, clock):
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.serve_keys(OLD)
    await read(site)
    site.serve_keys(NEW)
    clock.now += 1
    _, keys, _ = await read(site, NEW.kid)
    assert NEW.kid in keys
    assert site.fetches == 1
    assert site.server.paths[KEYS_PATH] == 2
    assert set(site.connector.addresses) == {"93.184.216.34"}


async def test_keys_that_cannot_be_had_are_a_document_that_cannot_be_had(site):
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    with pytest.raises(DocumentUnavailable, match="status 404"):
        await read(site)


@pytest.mark.req("D-22")
async def test_a_private_key_at_the_address_of_the_keys_is_not_used(site):
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.server.scripts[KEYS_PATH] = site.server.scripts["/oauth/client.json"]
    with pytest.raises(DocumentUnavailable):
        await read(site)


async def test_the_algorithms_are_those_of_the_bundle_narrowed_by_the_document(site, clock):
    allowed = frozenset({"ES256", "RS256"})
    site.publish(jwks=org.jwks_of(OLD, OTHER))
    assert (await read(site, algorithms=allowed))[2] == allowed
    site.publish(jwks=org.jwks_of(OLD, OTHER), token_endpoint_auth_signing_alg="RS256")
    clock.now += 600
    assert (await read(site, algorithms=allowed))[2] == {"RS256"}
    assert (await read(site, algorithms=ALGS))[2] == frozenset()


async def test_documents_that_change_their_keys_do_not_fill_the_memory(site, clock):
    for number in range(5):
        site.publish(jwks=org.jwks_of(signing_key("ES256", f"k{number}")))
        await read(site, None)
        clock.now += 600
    assert len(site.documents._keys._copies) == 1
    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.serve_keys(OLD)
    await read(site)
    assert len(site.documents._keys._copies) == 1


async def test_no_more_documents_are_held_than_there_is_room_for(clock):
    async with client_site(clock, most=2) as site:
        held = site.documents
        for name in ("a", "b", "c", "a"):
            url = f"https://{HOST}/{name}"
            site.publish(client_id=url)
            site.server.scripts[f"/{name}"] = site.server.scripts["/oauth/client.json"]
            await held.read(url, ALGS, None)
            assert len(held._copies) <= 2
            assert len(held._keys._copies) <= 2
        assert site.server.paths["/a"] == 2
        assert site.server.paths["/b"] == 1


async def test_a_caller_that_leaves_does_not_end_the_fetch_and_closing_does(site):
    site.server.gate.clear()
    leaver, stayer = (asyncio.create_task(read(site)) for _ in range(2))
    await site.server.arrived.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    await site.documents.aclose()
    with pytest.raises(asyncio.CancelledError):
        await stayer


async def test_closing_ends_a_fetch_of_keys_too(site):
    async def gone(writer):
        site.server.arrived.clear()
        await asyncio.Event().wait()

    site.publish(jwks=None, jwks_uri=KEYS_URI)
    site.server.scripts[KEYS_PATH] = gone
    call = asyncio.create_task(read(site))
    while site.server.paths[KEYS_PATH] == 0:
        site.server.arrived.clear()
        await site.server.arrived.wait()
    await site.documents.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


class Fixed:
    """A fetcher that answers nothing."""

    async def get(self, url: str, limit: int | None = None) -> Fetched:
        raise AssertionError(url)


def test_forgetting_the_old_source_of_one_client_leaves_those_of_others():
    keys = RemoteKeys(Fixed(), Clock())
    keys._copies = {("a", 1): 1, ("a", 2): 2, ("b", 1): 3}  # type: ignore[dict-item]  # any values do
    keys.keep_only("a", 2)  # type: ignore[arg-type]  # the same
    assert keys._copies == {("a", 2): 2, ("b", 1): 3}
    assert ClientDocuments(Fixed(), Clock())._copies == {}
