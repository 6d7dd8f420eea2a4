"""Where client secrets are found at activation: files and environment variables."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.declared import SecretReference

SHORTEST_SECRET = 32
"""Characters; base64url of 24 random bytes. A password is not a client secret."""
LONGEST_SECRET = 1024

_SECRET = re.compile(rb"[A-Za-z0-9._~+/=-]+")
_FEWEST_DISTINCT = 10
"""A generated secret of 32 characters has some 25 different ones; `aaaa…` has one."""


class SecretUnresolved(Exception):
    """A referenced secret is not there, or is not a generated secret. The text names the
    reference and never shows a byte of what was found."""


class SecretResolver(Protocol):
    """Finds a referenced secret."""

    def __call__(self, reference: SecretReference) -> bytes:
        """The secret's bytes. Raises `SecretUnresolved`."""


class FilesAndEnvironment:
    """Resolves `{file: …}` below a folder, or absolute, and `{env: …}` from a mapping."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def __call__(self, reference: SecretReference) -> bytes:
        if reference.kind == "env":
            value = self._environment.get(reference.name)
            if value is None:
                raise SecretUnresolved(f"{reference}: the environment variable is not set")
            return value.encode("utf-8", "surrogateescape")
        try:
            with (self._folder / Path(reference.name)).open("rb") as file:
                return file.read(LONGEST_SECRET + 2)
        except (OSError, ValueError):
            raise SecretUnresolved(f"{reference}: the file cannot be read") from None


def digest_of(reference: SecretReference, resolve: SecretResolver) -> bytes:
    """The SHA-256 of a referenced secret, one line end after it left out.

    Raises:
        SecretUnresolved: it is not there, too short, or not a generated secret.
    """
    raw = resolve(reference)
    secret = raw.removesuffix(b"\n").removesuffix(b"\r")
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise SecretUnresolved(f"{reference}: a secret of {SHORTEST_SECRET} to {LONGEST_SECRET} characters is expected")
    if _SECRET.fullmatch(secret) is None or len(set(secret)) < _FEWEST_DISTINCT:
        raise SecretUnresolved(f"{reference}: a generated secret in base64url or the like is expected")
    return hashlib.sha256(secret).digest()
