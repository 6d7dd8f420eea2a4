"""What one party signs with and the next accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd import jwk
from grantd_server.doctor.checks.keys.published import usable
from grantd_server.doctor.findings import OWNER, Finding, Party, Row, Severity, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

NO_KEY = Row(
    "algorithms.no-key", Severity.ERROR, "The issuer has no key for any algorithm that it says it signs with.",
    "Publish a key for one of them, or name the algorithms of the keys that are published.",
)  # fmt: skip
SOME_WITHOUT_KEY = Row(
    "algorithms.some-without-key", Severity.NOTE, "The issuer names algorithms for which it has no key.",
    "Nothing, if keys are made when they are needed; otherwise leave these out.",
)  # fmt: skip
DISJOINT = Row(
    "algorithms.disjoint", Severity.ERROR, "One party signs with nothing that the next accepts.",
    "Let the first sign with an algorithm of the second, or the second accept what the first signs with.",
    "who runs either of the two",
)  # fmt: skip
UNUSUAL = Row(
    "algorithms.unusual", Severity.WARNING, "The issuer signs with neither RS256 nor ES256.",
    "Make sure that the verifiers know the algorithm: many know these two and no other.",
)  # fmt: skip
SYMMETRIC = Row(
    "algorithms.symmetric", Severity.ERROR, "Unsigned tokens, or signatures under a shared secret, are accepted.",
    "List asymmetric algorithms only; never `none`, and no HS256 here.",
)  # fmt: skip
CLIENT = Row(
    "algorithms.client", Severity.ERROR, "The client signs its assertions with what this party does not accept.",
    "Register a key of the client for one of the listed algorithms.",
    OWNER[Party.CLIENT],
)  # fmt: skip
NOT_PUBLIC = Row(
    "algorithms.not-public", Severity.ERROR, "ID tokens are unsigned, or signed under a secret of one client.",
    "Let the client's ID tokens be signed with RS256 or ES256: the grant issuer verifies them by published keys.",
)  # fmt: skip
ROWS: Final = (NO_KEY, SOME_WITHOUT_KEY, DISJOINT, UNUSUAL, SYMMETRIC, CLIENT, NOT_PUBLIC)

_USUAL: Final = frozenset({"RS256", "ES256"})
_STATED: Final = "id_token_signing_alg_values_supported"
_CLIENT: Final = "token_endpoint_auth_signing_alg_values_supported"
_PROOFS: Final = (_CLIENT, "dpop_signing_alg_values_supported")
"""Lists of what is accepted from clients."""


def check(view: View) -> Iterator[Finding]:
    """Compares along the chain: sign-in, grant, access token."""
    yield from _sign_ins(view)
    for issuer in view.issuers:
        yield from _keys_for_stated(issuer)
        yield from _of_clients(view, issuer)
    accepted_by = {Party.PROVIDER: "grant_issuer", Party.ISSUER: "authorization_server", Party.SERVER: "resource"}
    for issuer in view.issuers:
        next_one = accepted_by[issuer.party]
        yield from _accepted(issuer, view.setup.accepts.get(next_one), next_one)


def _sign_ins(view: View) -> Iterator[Finding]:
    """Who issues grants itself knows its own sign-ins; anybody else needs its public keys."""
    provider = view.provider
    stated = None if provider is None or provider is view.issuer else provider.texts(_STATED)
    if provider is not None and stated and all(alg == "none" or alg.startswith("HS") for alg in stated):
        yield NOT_PUBLIC.at(provider.party, provider.identifier, f"{_STATED}: {listed(stated)}")


def signs(issuer: IssuerSeen) -> frozenset[str]:
    """What the issuer can sign with: the algorithms of its keys; of a provider, those
    that it also names for ID tokens."""
    found, stated = _published(issuer), issuer.texts(_STATED)
    return found.intersection(stated) if stated and issuer.party is Party.PROVIDER else found


def _published(issuer: IssuerSeen) -> frozenset[str]:
    """The algorithms of all usable keys; an RSA key that names none may do several."""
    unbound = [key.get("kid") for key in issuer.keys if isinstance(key, dict) and "alg" not in key]
    found: set[str] = set()
    for key in usable(issuer).keys:
        found |= jwk.RSA_ALGORITHMS if key.alg in jwk.RSA_ALGORITHMS and key.kid in unbound else {key.alg}
    return frozenset(found)


def _keys_for_stated(issuer: IssuerSeen) -> Iterator[Finding]:
    stated = [alg for alg in issuer.texts(_STATED) or () if alg in jwk.ALGORITHMS]
    published = _published(issuer)
    lacking = [alg for alg in stated if alg not in published]
    if lacking and published:
        row = NO_KEY if lacking == stated else SOME_WITHOUT_KEY
        yield row.at(
            issuer.party, issuer.identifier, f"{listed(lacking)}; the keys are for {listed(sorted(published))}"
        )


def _accepted(issuer: IssuerSeen, accepted: frozenset[str] | None, by: str) -> Iterator[Finding]:
    found = signs(issuer)
    if not found:
        return
    if accepted is None:
        if not found & _USUAL:
            yield UNUSUAL.at(issuer.party, issuer.identifier, listed(sorted(found)))
    elif not found & accepted:
        evidence = f"signs with {listed(sorted(found))}; {by.replace('_', ' ')} accepts {listed(sorted(accepted))}"
        yield DISJOINT.at(issuer.party, issuer.identifier, evidence)


def _of_clients(view: View, issuer: IssuerSeen) -> Iterator[Finding]:
    # How clients sign in at the provider is no part of the flow.
    if issuer.party is Party.PROVIDER:
        return
    for member in _PROOFS:
        if weak := [alg for alg in issuer.texts(member) or () if alg == "none" or alg.startswith("HS")]:
            # With client_secret_jwt a shared secret is what is meant.
            if member == _CLIENT and "none" not in weak and "client_secret_jwt" in issuer.methods:
                continue
            yield SYMMETRIC.at(issuer.party, issuer.identifier, f"{member} has {listed(weak)}")
    client, taken = view.setup.client, issuer.texts(_CLIENT)
    signing = client.algorithm if "private_key_jwt" in client.methods else ""
    if signing and taken is not None and signing not in taken:
        yield CLIENT.at(issuer.party, issuer.identifier, f"{signing}; accepted are {listed(taken)}")
