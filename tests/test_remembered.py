"""What is kept of a sign-in: all that policy reads, sealed under the token."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantd_server.keys.sealing import Unsealable, seal, unseal
from grantd_server.model.bundle.governed import IdentityProvider, KeySource, SubjectMapping, SubjectRule
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, SignIn
from grantd_server.subjects.identity import Identity
from grantd_server.subjects.remembered import Outdated, recall, remember

CORP = IdentityProvider(
    name="corp",
    issuer="https://login.corp.example",
    keys=KeySource(discovery=True),
    algorithms=frozenset({"ES256"}),
    subject=SubjectMapping(SubjectRule.PASSTHROUGH),
)
EMPTY = Attribute.of(frozenset())

texts = st.text(st.characters(codec="utf-8"), max_size=8)
attributes = st.one_of(st.just(UNKNOWN), st.frozensets(texts, max_size=4).map(Attribute.of))
sign_ins = st.builds(
    SignIn,
    acr=st.none() | texts,
    amr=st.none() | st.lists(texts, max_size=3).map(tuple),
    auth_time=st.none() | st.integers(0, 2**53),
)
identities = st.builds(
    Identity,
    provider=st.just(CORP),
    upstream_sub=texts,
    sub=texts,
    users=attributes,
    groups=attributes,
    roles=attributes,
    claims=st.dictionaries(texts, attributes, max_size=3),
    sign_in=sign_ins,
    tenant=st.none() | texts,
    accounts=st.dictionaries(texts, texts, max_size=2),
)


@pytest.mark.req("A-37", "A-61")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(identities)
def test_everything_that_was_known_of_a_sign_in_is_known_again(identity: Identity) -> None:
    assert recall(remember(identity), {"corp": CORP}) == identity


def test_an_attribute_that_is_added_to_an_identity_is_remembered_as_well() -> None:
    """Whoever adds one decides here whether a later exchange needs it."""
    assert [each.name for each in fields(Identity)] == [
        "provider", "upstream_sub", "sub", "users", "groups", "roles", "claims", "sign_in", "tenant", "accounts",
        "renewed", "marks", "sub_id",
    ]  # fmt: skip


@pytest.mark.req("A-37")
def test_unknown_empty_and_known_stay_apart() -> None:
    known = Attribute.of(frozenset({"corp:eng"}))
    identity = Identity(CORP, "u", "u", known, EMPTY, UNKNOWN, {"a": UNKNOWN, "b": EMPTY}, SignIn())
    again = recall(remember(identity), {"corp": CORP})
    assert (again.users, again.groups, again.roles, again.claims) == (known, EMPTY, UNKNOWN, {"a": UNKNOWN, "b": EMPTY})


@pytest.mark.req("A-40")
@pytest.mark.parametrize(
    "providers",
    [
        {},
        {"crop": CORP},
        {"corp": replace(CORP, issuer="https://login2.corp.example")},
        {"corp": replace(CORP, subject=SubjectMapping(SubjectRule.QUALIFIED))},
        {"corp": replace(CORP, subject=SubjectMapping(SubjectRule.CLAIM, "oid"))},
    ],
    ids=["gone", "renamed", "issuer", "rule", "claim"],
)
def test_a_sign_in_is_not_recalled_under_another_declaration(providers: dict[str, IdentityProvider]) -> None:
    identity = Identity(CORP, "u", "u", EMPTY, EMPTY, EMPTY, {}, SignIn())
    with pytest.raises(Outdated):
        recall(remember(identity), providers)


@pytest.mark.req("F-49")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=40), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_only_the_token_opens_what_was_sealed_under_it(plain: bytes, token: str, other: str) -> None:
    sealed = seal(token, plain)
    assert unseal(token, sealed) == plain
    if other != token:
        with pytest.raises(Unsealable):
            unseal(other, sealed)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b"", lambda b: b[:5], lambda b: b[:-1] + bytes([b[-1] ^ 1])]
)
def test_what_was_changed_is_not_opened(change) -> None:
    with pytest.raises(Unsealable):
        unseal("token", change(seal("token", b"plain")))


def test_the_same_sign_in_is_never_sealed_into_the_same_bytes() -> None:
    assert seal("token", b"plain") != seal("token", b"plain")
    assert b"plain" not in seal("token", b"plain")
