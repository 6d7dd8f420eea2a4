"""What is unsafe stops the start: one sentence for each, and how to mend it."""

from __future__ import annotations

from enum import Flag, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grantd_server.model.uris import is_loopback
from grantd_server.settings.sources import SettingsError, secret_file_problem
from grantd_server.settings.store_safety import store_problems
from grantd_server.settings.values import is_local
from grantd_server.telemetry import export

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.settings.model import Settings


class Serving(Flag):
    """What one process serves."""

    RPC = auto()
    HTTP = auto()
    BOTH = RPC | HTTP


def check(settings: Settings, serving: Serving, environ: Mapping[str, str]) -> None:
    """Refuses settings that are unsafe for what is to be served. Raises SettingsError
    with every problem."""
    problems = list(_problems(settings, serving, environ))
    if problems:
        raise SettingsError(problems)


def issuer_problems(issuers: Iterable[str], *, development: bool) -> list[str]:
    """Says which issuers must not be served or trusted over plain http, one sentence
    each. Asked again whenever a bundle is activated."""
    found = []
    for issuer in issuers:
        parts = urlsplit(issuer)
        if parts.scheme == "https":
            continue
        if not is_loopback(parts.hostname or ""):
            found.append(f"The issuer {issuer} is beyond this machine and needs https.")
        elif not development:
            found.append(f"The issuer {issuer} uses plain http, which needs development: true.")
    return found


def issuers_of(snapshot: Snapshot) -> list[str]:
    """Every issuer that a bundle serves or trusts, for `issuer_problems`. The entity id of
    a provider with assertions only is a name, often with http before it: its keys are
    pinned, and nothing is fetched from there."""
    issuers = {*snapshot.grant_issuers, *snapshot.authorization_servers}
    for server in snapshot.authorization_servers.values():
        issuers.update(server.trusted)
    issuers.update(provider.issuer for provider in snapshot.identity_providers.values() if provider.algorithms)
    return sorted(issuers)


def _problems(settings: Settings, serving: Serving, environ: Mapping[str, str]) -> Iterator[str]:
    if Serving.RPC in serving:
        yield from _grpc(settings)
        yield from _state(settings)
    if Serving.HTTP in serving:
        yield from _http(settings)
    if serving is Serving.HTTP:
        yield from _upstream(settings)
    if settings.development:
        yield from _development(settings, serving)
    if settings.workers > 1:
        yield from _shared(settings, serving)
    yield from export.problems(environ)


def _grpc(settings: Settings) -> Iterator[str]:
    grpc = settings.grpc
    if grpc.tls is None:
        yield from _plaintext("grpc", grpc.listen, allowed=settings.development)
        if not settings.development and grpc.plaintext is not None:
            yield "grpc.plaintext gives a role to everybody on this machine; it needs development: true."
        return
    yield from _files("grpc.tls", public=(grpc.tls.certificate, grpc.tls.client_ca), private=grpc.tls.key)
    if grpc.plaintext is not None:
        yield "grpc.plaintext is for a listener without TLS; remove it or grpc.tls."
    if not grpc.callers:
        yield "grpc.callers is empty, so nobody may call; give a TLS identity a role."
    for identity in grpc.callers:
        if not identity or identity != identity.strip() or ("://" in identity and not identity.startswith("spiffe://")):
            yield f"grpc.callers: {identity!r} is neither a spiffe:// id nor a DNS name."


def _http(settings: Settings) -> Iterator[str]:
    http = settings.http
    if http.tls is None:
        yield from _plaintext("http", http.listen, allowed=settings.development or http.behind_proxy)
    else:
        public = (http.tls.certificate, *([http.tls.client_ca] if http.tls.client_ca else []))
        yield from _files("http.tls", public=public, private=http.tls.key)
    for network in http.trusted_proxies:
        if network.prefixlen == 0:
            yield f"http.trusted_proxies: {network} is everybody, who could then claim any address."
    for network in http.certificate_proxies:
        if network.prefixlen == 0:
            yield f"http.certificate_proxies: {network} is everybody, who could then claim any certificate."
    if http.error_uri is not None and urlsplit(http.error_uri).scheme != "https" and not settings.development:
        yield "http.error_uri uses plain http, which needs development: true."
    if (http.certificate_header is None) != (not http.certificate_proxies):
        yield "http.certificate_header and http.certificate_proxies go together: a header, and who is believed in it."


def _plaintext(section: str, listen: str, *, allowed: bool) -> Iterator[str]:
    if not is_local(listen):
        yield f"{section}.listen: {listen} is reached from other machines and has no TLS; set {section}.tls."
    elif not allowed:
        proxy = " or, where a proxy on this machine ends TLS, http.behind_proxy: true" if section == "http" else ""
        yield f"{section}.tls is missing; set it{proxy} or, to develop, development: true."


def _state(settings: Settings) -> Iterator[str]:
    keys = settings.keys
    if keys.directory is None:
        yield "keys.directory is missing; make keys with `grantd keys create`."
    elif not keys.directory.is_dir() and not (keys.auto_create and settings.development):
        yield f"keys.directory: {keys.directory} does not exist; make keys with `grantd keys create`."
    if keys.auto_create and not settings.development:
        yield "keys.auto_create makes keys that nobody governs; it needs development: true."
    directory = settings.governance.directory
    if directory is not None and not directory.is_dir():
        yield f"governance.directory: {directory} does not exist."
    checkpoints = settings.audit.checkpoints.directory
    if checkpoints is not None and not checkpoints.is_dir():
        yield f"audit.checkpoints.directory: {checkpoints} does not exist."
    yield from store_problems(settings)


def _upstream(settings: Settings) -> Iterator[str]:
    upstream = settings.http_upstream
    if upstream.address is None:
        yield "http_upstream.address is missing; it says where the gRPC service is."
    elif upstream.tls is not None:
        yield from _files(
            "http_upstream.tls", public=(upstream.tls.certificate, upstream.tls.ca), private=upstream.tls.key
        )
    elif not is_local(upstream.address):
        yield f"http_upstream.address: {upstream.address} is another machine; set http_upstream.tls."
    elif not settings.development:
        yield "http_upstream.tls is missing; set it or, to develop, development: true."


def _shared(settings: Settings, serving: Serving) -> Iterator[str]:
    """What several workers cannot have together; of the database, see `_state`."""
    listens = {Serving.RPC: ("grpc.listen", settings.grpc.listen), Serving.HTTP: ("http.listen", settings.http.listen)}
    for part, (name, address) in listens.items():
        if part in serving and address.startswith("unix:"):
            yield f"workers: {settings.workers} processes cannot share a Unix socket; set {name} to host:port."


def _development(settings: Settings, serving: Serving) -> Iterator[str]:
    listens = []
    if Serving.RPC in serving:
        listens.append(("grpc.listen", settings.grpc.listen))
    if Serving.HTTP in serving:
        listens.append(("http.listen", settings.http.listen))
    for name, address in listens:
        if not is_local(address):
            yield f"development: true is for one machine; {name} is {address}."


def _files(section: str, public: tuple[Path, ...], private: Path) -> Iterator[str]:
    for path in public:
        try:
            with path.open("rb"):
                pass
        except OSError as fault:
            yield f"{section}: {path} cannot be read: {fault.strerror}."
    problem = secret_file_problem(private)
    if problem is not None:
        yield f"{section}.key: {problem}"
