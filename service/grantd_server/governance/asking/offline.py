"""A snapshot of a bundle that nobody serves: the secrets that it refers to are not looked
for, because no rule reads them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.snapshot import Snapshot

if TYPE_CHECKING:
    from grantd_server.governance.document import Document
    from grantd_server.governance.reading.declared import SecretReference

NO_KEY = bytes(32)
"""The effective version of such a snapshot is compared with nothing."""


def snapshot_of(bundle: Snapshot | Document | bytes) -> Snapshot:
    """The bundle, compiled; a snapshot is one already.

    Raises:
        BundleError: a document from elsewhere is not a valid bundle.
    """
    if isinstance(bundle, Snapshot):
        return bundle
    raw = bundle if isinstance(bundle, bytes) else bundle.json
    return compile_document(raw, _stand_in, epoch=0, fingerprint_key=NO_KEY)


def _stand_in(reference: SecretReference) -> bytes:
    """Never the same for two references, as two clients never share a secret."""
    return hashlib.sha256(str(reference).encode()).hexdigest().encode()


def rule_places(document: Document) -> dict[str, str]:
    """By the id of a rule: `file:line:column` of where it is written."""
    found = {}
    for section in ("grants", "redemptions"):
        lists = document.root.at(section).value if isinstance(document.root.at(section).value, dict) else {}
        for listed in lists.values() if isinstance(lists, dict) else ():
            for rule in listed.value if isinstance(listed.value, list) else ():
                found[str(rule.at("id").value)] = f"{rule.file}:{rule.line}:{rule.column}"
    return found
