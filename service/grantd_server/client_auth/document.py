"""A client that is known by its metadata document: its keys, and what it says it does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.keys.foreign.client_documents import DocumentInvalid, DocumentUnavailable
from grantd_server.model.registered import Registration
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from grantd.jwk import KeySet
    from grantd_server.client_auth import Asking
    from grantd_server.client_auth.directory import Party
    from grantd_server.model.registered import DocumentCredential


async def keys_of_document(
    asking: Asking, party: Party, credential: DocumentCredential, kid: str | None
) -> tuple[Party, KeySet, frozenset[str]]:
    """The party as its document narrows it, its keys, and the algorithms it may use."""
    try:
        metadata, keys, algorithms = await asking.world.documents.read(party.client_id, credential.algorithms, kid)
    except DocumentInvalid as invalid:
        expected = "a metadata document that can be used"
        raise asking.record.refuse("client.document", Reason.CLIENT_DOCUMENT_INVALID, expected, str(invalid)) from None
    except DocumentUnavailable as unavailable:
        raise Refused(Reason.DOCUMENT_UNAVAILABLE, cause=str(unavailable)) from unavailable
    asking.record.noted("client.document", party.client_id, party.client_id)
    if metadata.grant_types is not None and isinstance(party, Registration):
        # What a document names adds nothing to what is registered (D-17).
        party = replace(party, grant_types=party.grant_types & metadata.grant_types)
    return party, keys, algorithms
