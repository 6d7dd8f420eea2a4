"""Access tokens of the enterprise's own provider, and several issuers at one resource."""

from __future__ import annotations

import pytest
import pytest_asyncio

from grantd.errors import Unavailable
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.form import TokenForm
from grantd.verifiers.issuers import IssuersVerifier
from grantd.verifiers.tokens import TokenRefused
from issuer_ import NOW, RESOURCE, issuing
from tokens import signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = TokenForm(
    typ="JWT",
    client_claim="azp",
    scope_claim="scp",
    groups_claim="roles",
    scopes_by_group={"Desk": ("tickets:read", "tickets:write"), "Boss": ("admin",)},
    equal={"tid": "t-1"},
    is_id_required=False,
)
CLAIMS = {
    "aud": "api://tickets",
    "azp": "assistant",
    "scp": "tickets:read mail",
    "tid": "t-1",
    "client_id": None,
    "scope": None,
    "jti": None,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running():
    async with issuing() as one, issuing() as other:
        yield one, other


@pytest.fixture
def issuer(running):
    return running[0].reset()


@pytest.fixture
def other(running):
    return running[1].reset()


def foreign(issuer, form=FORM):
    return AccessTokenVerifier(
        issuer=issuer.issuer, resource=RESOURCE, audience="api://tickets", form=form, now=lambda: NOW
    )


def own(issuer):
    return AccessTokenVerifier(issuer=issuer.issuer, resource=RESOURCE, now=lambda: NOW)


async def test_a_token_of_the_provider_is_read_as_declared(issuer):
    verifier = foreign(issuer)
    token = await verifier.verify(issuer.token("JWT", **CLAIMS))
    assert (token.client_id, token.subject, token.resource, token.token_id) == ("assistant", "u-18f2", RESOURCE, None)
    assert token.scopes == {"tickets:read", "mail"}
    assert token.principal == (issuer.issuer, "u-18f2", "assistant")
    await verifier.close()


@pytest.mark.parametrize(
    ("change", "scopes"),
    [
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "", "roles": ["Desk"]}, {"tickets:read", "tickets:write"}),
        ({"scp": None, "roles": ["Boss", "Desk"]}, {"admin", "tickets:read", "tickets:write"}),
        ({"scp": None, "roles": ["boss", "Else"]}, set()),
        ({"scp": None, "roles": []}, set()),
        ({"scp": None, "_claim_names": {"roles": "src1"}}, set()),
        ({"scp": None, "groups": ["Desk"]}, set()),
        ({"scp": None, "scope": "admin"}, set()),
    ],
)
async def test_scopes_and_groups_grant_what_was_declared(issuer, change, scopes):
    verifier = foreign(issuer)
    assert (await verifier.verify(issuer.token("JWT", **CLAIMS | change))).scopes == scopes
    await verifier.close()


@pytest.mark.req("C-11", "C-12", "C-13")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"aud": RESOURCE}, "claim:aud"),
        ({"aud": "api://tickets/"}, "claim:aud"),
        ({"iss": "https://evil.example"}, "claim:iss"),
        ({"tid": "t-2"}, "claim:tid"),
        ({"tid": None}, "claim:tid"),
        ({"nonce": "n"}, "typ"),
        ({"at_hash": "h"}, "typ"),
        ({"c_hash": "h"}, "typ"),
        ({"azp": None, "client_id": "assistant"}, "claim:azp"),
        ({"jti": 7}, "claim:jti"),
        ({"scp": [7]}, "claim:scp"),
        ({"scp": {"a": 1}}, "claim:scp"),
        ({"roles": "Desk"}, "claim:roles"),
        ({"exp": NOW + 3591}, "time:life"),
        ({"iat": None}, "claim:iat"),
        ({"cnf": {"jkt": "x"}}, "claim:cnf"),
    ],
)
async def test_a_token_that_is_not_as_declared_is_refused(issuer, change, check):
    verifier = foreign(issuer)
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(issuer.token("JWT", **CLAIMS | change))
    assert caught.value.check == check
    await verifier.close()


@pytest.mark.req("C-12")
@pytest.mark.parametrize(
    ("form", "typ", "is_accepted"),
    [
        ("JWT", "JWT", True),
        ("JWT", "at+jwt", True),
        ("JWT", None, False),
        ("JWT", "oauth-id-jag+jwt", False),
        ("JWT", "dpop+jwt", False),
        ("at+jwt", "at+jwt", True),
        ("at+jwt", "JWT", False),
    ],
)
async def test_the_declared_kind_counts_and_no_other(issuer, form, typ, is_accepted):
    verifier = foreign(issuer, TokenForm(typ=form, client_claim="azp", is_id_required=False))
    token = issuer.token(typ, **CLAIMS)
    if is_accepted:
        assert (await verifier.verify(token)).scopes == frozenset()
    else:
        with pytest.raises(TokenRefused, match="typ"):
            await verifier.verify(token)
    await verifier.close()


@pytest.mark.req("X-11", "G-43")
@pytest.mark.parametrize(("life", "is_accepted"), [(60, True), (61, False)])
async def test_a_token_that_outlives_the_stated_bound_of_revocation_is_refused(issuer, life, is_accepted):
    verifier = AccessTokenVerifier(
        issuer=issuer.issuer, resource=RESOURCE, form=TokenForm(longest_life=60), now=lambda: NOW
    )
    token = issuer.token(iat=NOW, exp=NOW + life)
    if is_accepted:
        assert (await verifier.verify(token)).expires_at == NOW + 60
    else:
        with pytest.raises(TokenRefused, match="time:life"):
            await verifier.verify(token)
    await verifier.close()


async def test_a_kind_that_is_no_access_token_cannot_be_declared():
    with pytest.raises(ValueError, match="typ is"):
        TokenForm(typ="oauth-id-jag+jwt")


async def test_each_issuer_is_read_by_its_own_rules_and_keys(issuer, other):
    both = IssuersVerifier(own(issuer), foreign(other))
    mine, theirs = await both.verify(issuer.token()), await both.verify(other.token("JWT", **CLAIMS))
    assert (mine.issuer, theirs.issuer) == (issuer.issuer, other.issuer)
    assert mine.principal != theirs.principal
    assert mine.subject == theirs.subject
    await both.close()


async def test_a_key_of_one_issuer_signs_nothing_for_another(issuer, other):
    other.key = signing_key(kid="theirs", bits=2049)
    other.keys = [other.key]
    both = IssuersVerifier(own(issuer), own(other))
    await both.verify(issuer.token())
    await both.verify(other.token())
    with pytest.raises(TokenRefused):
        await both.verify(issuer.token(key=other.key))
    with pytest.raises(TokenRefused):
        await both.verify(other.token(key=issuer.key))
    await both.close()


@pytest.mark.parametrize("unverified_iss", ["https://evil.example/as", None, 7, ["https://evil.example/as"], {}])
async def test_a_stranger_is_refused_and_asked_nothing(issuer, unverified_iss):
    both = IssuersVerifier(own(issuer))
    changes = {"iss": unverified_iss}
    with pytest.raises(TokenRefused, match="claim:iss"):
        await both.verify(issuer.token(**changes))
    assert issuer.asked == []
    await both.close()


@pytest.mark.parametrize("raw", ["", "a.b.c", "opaque", "a" * 20_000])
async def test_what_is_no_token_has_no_issuer(issuer, raw):
    both = IssuersVerifier(own(issuer))
    with pytest.raises(TokenRefused):
        await both.verify(raw)
    await both.close()


async def test_one_issuer_that_is_down_does_not_stop_the_others(issuer, other):
    other.status = 500
    both = IssuersVerifier(own(issuer), own(other))
    with pytest.raises(Unavailable):
        await both.verify(other.token())
    assert (await both.verify(issuer.token())).issuer == issuer.issuer
    await both.close()


@pytest.mark.req("C-14")
async def test_a_bound_token_is_verified_with_the_key_that_was_shown(issuer):
    both = IssuersVerifier(own(issuer))
    bound = issuer.token(cnf={"jkt": "k"})
    assert (await both.verify(bound, jkt="k")).jkt == "k"
    for jkt in (None, "other"):
        with pytest.raises(TokenRefused, match="claim:cnf"):
            await both.verify(bound, jkt=jkt)
    await both.close()


async def test_issuers_are_declared_once_each(issuer):
    for verifiers in ((), (own(issuer), foreign(issuer))):
        with pytest.raises(ValueError, match="one verifier for each issuer"):
            IssuersVerifier(*verifiers)
