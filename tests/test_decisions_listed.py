"""What a list of decisions tells of records that were damaged."""

from __future__ import annotations

import pytest

from grantd_server.store.records.reading.listing import body_of
from store_values import CHAIN, entry


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_record_without_a_readable_body_is_told_by_its_columns_and_no_more(body: bytes) -> None:
    assert body_of(entry("d1", body=body, subject="")) == {
        "id": "d1",
        "rpc": "RedeemGrant",
        "outcome": "granted",
        "issuer": "https://as.example",
        "client": "agent",
        "chain": CHAIN,
    }


def test_the_body_of_a_record_has_the_last_word() -> None:
    assert body_of(entry("d1", body=b'{"client":"desk"}'))["client"] == "desk"
