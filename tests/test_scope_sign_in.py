"""The sign-in that a scope demands, and which dialect of replay a record says applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_files import changed
from grantd.v1 import authorization_pb2 as pb
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.model.bundle.rules import SignIn
from grantd_server.policy.clauses.sign_in import SignedInSince
from leg_two import DESK
from policy_world import asking

if TYPE_CHECKING:
    from pathlib import Path

    from house import House


@pytest.mark.req("A-43", "A-44")
@pytest.mark.parametrize(
    ("sign_in", "sentence"),
    [
        ({"tickets:delete": {"acr": ["mfa"]}}, '"tickets:delete" is not among the scopes of this resource'),
        ({"tickets:*": {"acr": ["mfa"]}}, '"tickets:*" is not among the scopes of this resource'),
        ({"tickets:read": {}}, "nothing is demanded; say acr, max_auth_age or since"),
        ({"tickets:read": {"amr": ["otp"]}}, 'the key "amr" is not known here'),
        ({"tickets:read": {"since": "2026-01-01"}}, "a moment with its offset is expected"),
        ({"tickets:read": {"max_auth_age": "soon"}}, "a duration with its unit is expected"),
        ({"tickets:read": ["mfa"]}, "a mapping is expected, not a list"),
        ({}, "at least one entry is expected"),
    ],
)
def test_a_demand_about_nothing_is_refused(tmp_path: Path, sign_in: Any, sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        parse_directory(org.write(tmp_path, changed(org.bundle(), {"resources.tickets.sign_in": sign_in})))
    assert sentence in str(refused.value)


@pytest.mark.req("A-44")
def test_a_change_is_told_in_words() -> None:
    inputs = asking()
    auth_time = inputs.sign_in.auth_time
    assert auth_time is not None
    clause = SignedInSince(auth_time + 1)
    assert clause.expected() == f"a sign-in at {auth_time + 1} or later"
    assert clause.got(inputs) == f"at {auth_time}"


@pytest.mark.req("A-44")
def test_whether_a_sign_in_of_no_known_time_is_recent_enough_is_unknown() -> None:
    inputs = replace(asking(), sign_in=SignIn())
    assert SignedInSince(inputs.now).holds(inputs) is None
    assert SignedInSince(inputs.now + 1).holds(inputs) is True, "nothing has changed yet"


@pytest.mark.req("X-2", "B-20")
@pytest.mark.parametrize(
    ("edits", "dialect", "declared"),
    [
        ({}, "single use", "declared for partner"),
        (
            {"authorization_servers.tools.trusts.partner.reuse_limit": 3},
            "reuse until it expires, 3 uses at most", "declared for partner",
        ),
        ({"clients.desk.at.tools.reuse_limit": 2}, "reuse until it expires, 2 uses at most", "declared for desk"),
        (
            {"authorization_servers.tools.trusts.partner.reuse_limit": 3, "clients.desk.at.tools.reuse_limit": 1},
            "single use", "declared for desk",
        ),
    ],
)  # fmt: skip
async def test_the_record_says_how_often_a_grant_may_be_used_and_who_says_so(
    house: House, edits: dict[str, Any], dialect: str, declared: str
) -> None:
    await house.apply(changed(org.bundle(), edits))
    call = house.stub().RedeemGrant(
        pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=house.partner_grant())
    )
    await call
    record = await house.record(str(dict(await call.trailing_metadata())["x-grantd-decision-id"]))
    assert ["redeem.sign", "assertion.reuse", True, dialect, declared] in record["checks"]
