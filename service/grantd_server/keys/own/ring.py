"""Our keys at hand: which one signs now, which ones verify, which ones are published.

One immutable view, swapped as a whole by `reload`, so that a call never sees half a
rotation.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from grantd.jwk import Key, KeySet, public_jwk
from grantd_server.keys.own.purpose import IN_ISSUER_JWKS, Purpose
from grantd_server.keys.own.signer import FileSigner, Signer, SignerUnavailable
from grantd_server.keys.own.stored import State, StoredKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.keys.own.files import KeyDirectory
    from grantd_server.model.requests import Secret

_EMPTY = KeySet(())


class Needed(NamedTuple):
    """A key that the governed objects ask for."""

    issuer: str
    """Issuer identifier; empty for a key of the whole service."""
    purpose: Purpose
    alg: str


class SecretKey(NamedTuple):
    """A symmetric key of ours; its value has no repr."""

    kid: str
    secret: Secret
    """base64url of 32 bytes or more."""


class KeyRing:
    """The keys of one directory. `generation` moves whenever a key set changes."""

    def __init__(self, directory: KeyDirectory) -> None:
        self._directory = directory
        self._view = View(())
        self.generation = 0
        self.reload()

    def reload(self) -> bool:
        """Reads the directory again; True when something changed. Raises KeyFileFault,
        and the ring stays as it was. Call it off the loop."""
        keys = self._directory.read()
        if keys == self._view.keys:
            return False
        self._view = View(keys)
        self.generation += 1
        return True

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        """All keys, for `grantd keys list`."""
        return self._view.keys

    def signer(self, issuer: str, purpose: Purpose) -> Signer:
        """The key that signs now. Raises SignerUnavailable when there is none."""
        signer = self._view.signers.get((issuer, purpose))
        if signer is None:
            raise SignerUnavailable(f"no active {purpose.value} key for {issuer or 'the service'}")
        return signer

    def keyset(self, issuer: str, purpose: Purpose) -> KeySet:
        """The keys whose signatures are accepted: active, retired, and those that another
        process may already sign with. Never a tainted one."""
        return self._view.keysets.get((issuer, purpose), _EMPTY)

    def public_keys(self, issuer: str) -> list[dict[str, str]]:
        """The JWKs that an issuer publishes (RFC 7517), oldest first; public members only."""
        return [dict(jwk) for jwk in self._view.published.get(issuer, ())]

    def client_keys(self, issuer: str) -> list[dict[str, str]]:
        """The JWKs with which we authenticate as a client, published apart from the
        issuer's own: a token signed by one is no grant."""
        return [dict(jwk) for jwk in self._view.client_keys.get(issuer, ())]

    def secret(self, purpose: Purpose) -> SecretKey:
        """The symmetric key in use for `purpose`. Raises SignerUnavailable."""
        key = self._view.secrets.get(purpose)
        if key is None:
            raise SignerUnavailable(f"no active {purpose.value} key")
        return key

    def lacking(self, needed: Iterable[Needed]) -> list[str]:
        """Says which needed keys are not there, one sentence each."""
        return [
            f"There is no active {each.alg} key for {each.purpose.value} of {each.issuer or 'the service'}; "
            f"make one with `grantd keys create`."
            for each in needed
            if self._view.algorithms.get((each.issuer, each.purpose)) != each.alg
        ]

    def ages(self, now: float) -> list[tuple[Mapping[str, str], float]]:
        """Seconds since each key in use began to sign, for the gauge of key ages."""
        return [
            ({"issuer": key.issuer, "purpose": key.purpose.value}, now - (key.activated or key.created))
            for key in self._view.active
        ]


class View:
    """What follows from a set of keys; pure, so that any set can be tried in tests."""

    def __init__(self, keys: tuple[StoredKey, ...]) -> None:
        self.keys = keys
        self.active = active_of(keys)
        self.algorithms = {(key.issuer, key.purpose): key.alg for key in self.active}
        self.signers = {
            (key.issuer, key.purpose): FileSigner(key.kid, key.alg, key.private)
            for key in self.active
            if key.private is not None
        }
        self.secrets = {key.purpose: SecretKey(key.kid, key.secret) for key in self.active if key.secret is not None}
        accepted = [key for key in sorted(keys, key=_age) if key.accepted and not key.purpose.symmetric]
        by_use = defaultdict(list)
        for key in accepted:
            if key.public is not None:
                by_use[key.issuer, key.purpose].append(Key(key.kid, key.alg, key.public))
        self.keysets = {use: KeySet(found) for use, found in by_use.items()}
        self.published = _jwks(accepted, IN_ISSUER_JWKS)
        self.client_keys = _jwks(accepted, {Purpose.CLIENT_ASSERTION})


def active_of(keys: Iterable[StoredKey]) -> tuple[StoredKey, ...]:
    """The key in use for each issuer and purpose: of several, the newest.

    A rotation writes the successor before it retires the predecessor, so a process
    that dies in between leaves two active files and still one key in use.
    """
    newest: dict[tuple[str, Purpose], StoredKey] = {}
    for key in keys:
        use = (key.issuer, key.purpose)
        if key.state is State.ACTIVE and (use not in newest or newest[use].number < key.number):
            newest[use] = key
    return tuple(newest.values())


def _age(key: StoredKey) -> tuple[int, int, str]:
    return (key.created, key.number, key.kid)


def _jwks(keys: Iterable[StoredKey], purposes: Iterable[Purpose]) -> dict[str, list[dict[str, str]]]:
    published = defaultdict(list)
    for key in keys:
        if key.purpose in purposes and key.public is not None:
            published[key.issuer].append(public_jwk(key.public, key.kid, key.alg))
    return dict(published)
