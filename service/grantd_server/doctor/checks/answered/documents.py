"""How documents are served: reachable, bounded, JSON, of the right kind, kept for a while."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut
from grantd_server.doctor.reading.resources import ROOT
from grantd_server.keys.foreign.failures import Compressed, NotAsked, TooLarge, TooSlow, Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View

UNREACHABLE = Row(
    "document.unreachable", Severity.ERROR, "Nobody answers at this address.",
    "Check the name, the port and the network between here and there.",
)  # fmt: skip
FORBIDDEN = Row(
    "document.forbidden", Severity.ERROR, "The address is none that may be asked.",
    "Addresses are https and public. For parties inside your own network, run the doctor with --allow-private.",
)  # fmt: skip
SLOW = Row(
    "document.slow", Severity.ERROR, "No complete answer came in time.",
    "Verifiers give up after a few seconds: serve this document from memory. --timeout waits longer.",
)  # fmt: skip
UNTRUSTED = Row(
    "document.tls", Severity.ERROR, "The certificate is not trusted.",
    "Serve the whole chain of a certificate for this name. For a private authority, run the doctor with --ca-file.",
)  # fmt: skip
TOO_LARGE = Row(
    "document.too-large", Severity.ERROR, "The answer is longer than any honest document.",
    "Publish less: verifiers stop reading at half a megabyte.",
)  # fmt: skip
COMPRESSED = Row(
    "document.compressed", Severity.ERROR, "The answer is compressed although that was not asked for.",
    "Honour Accept-Encoding: careful readers do not unpack what could be of any size.",
)  # fmt: skip
STATUS = Row(
    "document.status", Severity.ERROR, "The document is not there.",
    "Serve it with status 200, without authentication.",
)  # fmt: skip
REDIRECT = Row(
    "document.redirect", Severity.ERROR, "The document is somewhere else.",
    "Serve it where the specification puts it: careful readers follow no redirects.",
)  # fmt: skip
NOT_JSON = Row(
    "document.not-json", Severity.ERROR, "The answer is no strict JSON object.",
    "Serve one JSON object in UTF-8, without repeated members. A page here is often a proxy's.",
)  # fmt: skip
MEDIA_TYPE = Row(
    "document.media-type", Severity.WARNING, "The document is not served as JSON.",
    "Send Content-Type: application/json; some clients refuse anything else.",
)  # fmt: skip
CACHE = Row(
    "document.cache", Severity.WARNING, "The key set may not be kept.",
    "Send Cache-Control: max-age of some minutes; otherwise every verification may wait for this server.",
)  # fmt: skip
CACHE_LONG = Row(
    "document.cache-long", Severity.WARNING, "The key set may be kept for longer than a day.",
    "Send a shorter max-age: a stolen key is believed for as long as a copy of it is fresh.",
)  # fmt: skip
STALE = Row(
    "document.stale", Severity.WARNING, "A cache serves the key set for longer than it may.",
    "Let the cache in front ask again after max-age: a new key is not seen, and a withdrawn one is believed.",
)  # fmt: skip
CACHE_SILENT = Row(
    "document.cache-silent", Severity.NOTE, "Nothing says for how long the key set may be kept.",
    "Send Cache-Control: max-age; publish a new key for that long before it signs.",
)  # fmt: skip
MISSING = Row(
    "metadata.missing", Severity.ERROR, "There are no metadata at any well-known address.",
    "Publish RFC 8414 metadata with the path of the issuer inserted, or OpenID discovery.",
)  # fmt: skip
APPENDED = Row(
    "metadata.appended", Severity.ERROR, "The metadata are at the end of the issuer's path, where no client looks.",
    "Insert /.well-known/oauth-authorization-server between host and path rather than append it (RFC 8414 section 3.1).",
)  # fmt: skip
PLACE = Row(
    "metadata.place", Severity.NOTE, "The metadata are not where RFC 8414 puts them, but where OpenID does.",
    "Serve them at /.well-known/oauth-authorization-server with the path of the issuer behind it, too: older clients look there only.",
)  # fmt: skip
PRM_MISSING = Row(
    "prm.missing", Severity.ERROR, "The MCP server publishes no metadata of a protected resource.",
    "Serve RFC 9728 metadata at /.well-known/oauth-protected-resource with the path of the server behind it.",
)  # fmt: skip
PRM_APPENDED = Row(
    "prm.appended", Severity.ERROR, "The metadata are at the end of the MCP server's path, where no client looks.",
    "Insert /.well-known/oauth-protected-resource between host and path rather than append it (RFC 9728 section 3.1).",
)  # fmt: skip
PRM_PLACE = Row(
    "prm.place", Severity.WARNING, "The metadata are at the root of the host only.",
    "Serve them with the path of the MCP server inserted, or name them in the challenge.",
)  # fmt: skip
ROWS: Final = (
    UNREACHABLE, FORBIDDEN, SLOW, UNTRUSTED, TOO_LARGE, COMPRESSED, STATUS, REDIRECT, NOT_JSON, MEDIA_TYPE, CACHE,
    CACHE_LONG, STALE, CACHE_SILENT, MISSING, APPENDED, PLACE, PRM_MISSING, PRM_APPENDED, PRM_PLACE,
)  # fmt: skip

LONGEST_FRESH: Final = 86_400
_ABSENT: Final = frozenset({400, 401, 403, 404, 405, 410})
"""How servers say that there is no such document."""
_FAILURES: Final = (
    (NotAsked, FORBIDDEN),
    (TooSlow, SLOW),
    (Untrusted, UNTRUSTED),
    (TooLarge, TOO_LARGE),
    (Compressed, COMPRESSED),
)
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,12})")


def check(view: View) -> Iterator[Finding]:
    """Judges how every document was answered."""
    for issuer in view.issuers:
        yield from _metadata(issuer)
        if issuer.jwks is not None:
            yield from served(issuer.party, issuer.jwks)
            yield from _kept(issuer.party, issuer.jwks)
    if view.resource is not None and not view.resource.malformed:
        yield from _resource(view.resource)


def served(party: Party, exchange: Exchange) -> Iterator[Finding]:
    """What is wrong with how one document was answered."""
    if exchange.failure is not None:
        row = next((row for kind, row in _FAILURES if isinstance(exchange.failure, kind)), UNREACHABLE)
        yield row.at(party, exchange.url, str(exchange.failure))
    elif 300 <= exchange.status < 400:
        yield REDIRECT.at(party, exchange.url, f"status {exchange.status} to {cut(exchange.header('location'))}")
    elif exchange.status != 200:
        yield STATUS.at(party, exchange.url, f"status {exchange.status}")
    elif exchange.members is None:
        yield NOT_JSON.at(party, exchange.url, f"{exchange.fault}, sent as {cut(exchange.header('content-type'))}")
    else:
        yield from typed(party, exchange)


def _metadata(issuer: IssuerSeen) -> Iterator[Finding]:
    if issuer.malformed:
        return
    if not issuer.usable:
        yield from _failed(issuer.party, issuer.forms.values())
        row = APPENDED if _there(issuer.appended) else MISSING
        yield row.at(issuer.party, issuer.identifier, _told(issuer.forms))
        return
    for exchange in issuer.usable.values():
        yield from typed(issuer.party, exchange)
    if issuer.party is Party.SERVER and (first := next(iter(issuer.forms))) not in issuer.usable:
        yield PLACE.at(issuer.party, issuer.identifier, f"{first}: {outcome(issuer.forms[first])}")


def _resource(resource: ResourceSeen) -> Iterator[Finding]:
    # What the challenge names must be there; other forms may be absent.
    named = [each for each in resource.forms.values() if each.url == resource.named_metadata]
    for exchange in named:
        yield from served(Party.RESOURCE, exchange)
    if not resource.usable:
        yield from _failed(Party.RESOURCE, [each for each in resource.forms.values() if each not in named])
        row = PRM_APPENDED if _there(resource.appended) else PRM_MISSING
        yield row.at(Party.RESOURCE, resource.identifier, _told(resource.forms))
        return
    for exchange in resource.usable.values():
        if exchange not in named:
            yield from typed(Party.RESOURCE, exchange)
    if not named and list(resource.usable) == [ROOT] and len(resource.forms) > 1:
        yield PRM_PLACE.at(Party.RESOURCE, resource.identifier, _told(resource.forms))


def _failed(party: Party, forms: Iterable[Exchange]) -> Iterator[Finding]:
    """Those that are there and broken, rather than absent."""
    for exchange in forms:
        if exchange.status not in _ABSENT:
            yield from served(party, exchange)


def _there(exchange: Exchange | None) -> bool:
    return exchange is not None and exchange.status == 200 and exchange.members is not None


def typed(party: Party, exchange: Exchange) -> Iterator[Finding]:
    """Whether a JSON object is sent as one."""
    sent = exchange.header("content-type")
    media_type = sent.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        yield MEDIA_TYPE.at(party, exchange.url, f"Content-Type: {cut(sent)}")


def _kept(party: Party, exchange: Exchange) -> Iterator[Finding]:
    if exchange.members is None or exchange.status != 200:
        return
    sent = exchange.header("cache-control")
    max_age = _MAX_AGE.search(sent.lower())
    if re.search(r"\bno-(?:store|cache)\b", sent.lower()) or (max_age is not None and int(max_age[1]) == 0):
        yield CACHE.at(party, exchange.url, f"Cache-Control: {cut(sent)}")
    elif max_age is None:
        yield CACHE_SILENT.at(party, exchange.url, f"Cache-Control: {cut(sent)}")
    elif int(max_age[1]) > LONGEST_FRESH:
        yield CACHE_LONG.at(party, exchange.url, f"Cache-Control: {cut(sent)}")

    age = exchange.header("age")
    if max_age is not None and age.isdecimal() and int(age[:12]) > int(max_age[1]):
        yield STALE.at(party, exchange.url, f"Age: {cut(age)}; Cache-Control: {cut(sent)}")


def _told(forms: Mapping[str, Exchange]) -> str:
    return "; ".join(f"{name}: {outcome(each)}" for name, each in forms.items())


def outcome(exchange: Exchange) -> str:
    """How one request ended, in a few words."""
    if exchange.failure is not None:
        return str(exchange.failure)
    return (
        f"status {exchange.status}" if exchange.members is not None else f"status {exchange.status}, {exchange.fault}"
    )
