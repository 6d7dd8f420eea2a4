"""Signature wrapping, over the whole service: a genuine signature never signs in another person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import organisation as org
from assertions_ import SAML2, encoded, sign_on, signed, xml
from house import House, running
from leg_one import exchanged
from wrapping_ import SHAPES, wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTCOMES = {
    name: f"subject.{check}"
    for name, check in re.findall(
        r"^\| (\w+) \|.*\| `subject\.(\w+)` \|$",
        (Path(__file__).parent.parent / "docs" / "saml.md").read_text(),
        re.MULTILINE,
    )
}
"""As the documents tell them."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    document = org.bundle()
    document["identity_providers"]["corp"]["saml"] = sign_on()
    async with running(tmp_path_factory.mktemp("house"), document) as running_house:
        yield running_house


@pytest.mark.req("A-31", "A-32")
@pytest.mark.hostile("S01", "S03", "S04", "S07", "S08", "S10", "S11", "S15")
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_wrapped_assertion_signs_nobody_in_and_leaves_the_original_unused(house, shape):
    genuine = signed(xml(house.now))

    refused = await exchanged(house, subject_token=encoded(wrapped(shape, genuine)), subject_token_type=SAML2)
    honest = await exchanged(house, subject_token=encoded(genuine), subject_token_type=SAML2)

    assert (refused.status, refused.public) == ("FAILED_PRECONDITION", "SUBJECT_TOKEN_INVALID")
    _, check, held, _, _ = refused.record["checks"][-1]
    assert (check, held) == (OUTCOMES[shape], False)
    assert "admin" not in str(refused.record)
    assert honest.status == "OK"


async def test_the_documents_tell_the_outcome_of_every_shape():
    assert OUTCOMES.keys() == SHAPES.keys()
