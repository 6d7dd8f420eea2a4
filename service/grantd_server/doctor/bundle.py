"""The governance bundle that a live set-up is compared with."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING

from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import parse_directory

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.governance.snapshot import Snapshot


def read_bundle(directory: Path) -> Snapshot:
    """Reads a governance directory. Secrets are not looked for: nothing here needs one.

    Raises:
        BundleError: everything that is wrong with it.
    """
    document = parse_directory(directory)
    return compile_document(document.json, _never_the_same, epoch=0, fingerprint_key=bytes(32))


def _never_the_same(reference: SecretReference) -> bytes:  # noqa: ARG001 - as every resolver
    return token_urlsafe(32).encode()
