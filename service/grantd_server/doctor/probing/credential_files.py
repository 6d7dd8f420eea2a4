"""Finds the probing client's secrets and keys: in files and in the environment, never in
arguments, which everybody on the machine can see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from grantd import jwk
from grantd_server.doctor.probing.credentials import Secret, SigningKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd.jwk import PrivateKey
    from grantd_server.doctor.probing.credentials import Credential
    from grantd_server.doctor.setup import CredentialSource

LONGEST: Final = 65_536


class Unusable(Exception):
    """A credential is not there, or is none. The text shows no byte of it."""


def credential_of(client_id: str, source: CredentialSource, folder: Path, environment: Mapping[str, str]) -> Credential:
    """The credential that a source leads to; files are below `folder`, or absolute.

    Raises:
        Unusable: it cannot be used.
    """
    if not client_id:
        raise Unusable("the client's id at the grant issuer and at the authorization server is needed")
    raw = environment.get(source.env, "") if source.env else read_text(folder / Path(source.file))
    if not raw.strip():
        raise Unusable(f"{source.env or source.file} is empty or not set")
    if not source.algorithm:
        return Secret(client_id, raw.strip())
    return SigningKey(client_id, source.kid, source.algorithm, _private_key(raw, source))


def read_text(path: Path) -> str:
    """A small file of text.

    Raises:
        Unusable: it cannot be read, or is too long.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST + 1)
        text = raw.decode("ascii")
    except (OSError, UnicodeError) as fault:
        raise Unusable(f"{path} cannot be read ({type(fault).__name__})") from None
    if len(raw) > LONGEST:
        raise Unusable(f"{path} is longer than {LONGEST} bytes")
    return text


def _private_key(raw: str, source: CredentialSource) -> PrivateKey:
    try:
        key = load_pem_private_key(raw.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unusable(f"{source.file} has no private key in PEM without a password") from None
    if not isinstance(key, jwk.PrivateKey) or not jwk.fits(key, source.algorithm):
        raise Unusable(f"the key in {source.file} cannot be used with {source.algorithm}")
    return key
