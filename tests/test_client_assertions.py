"""Leg 1 for MCP clients: what is asked, what is taken for a grant, and that none is kept."""

from __future__ import annotations

import pytest

from grantd.client import AsyncClient
from grantd.client.assertions import AssertionProvider, HttpExchange, RpcExchange
from grantd.client.credentials import ClientSecret
from grantd.errors import GrantdError, Refused, Unavailable
from grantd_rpc_ import GRANT, scripted
from issuer_ import issuing

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ISSUED = {"access_token": "the.id.jag", "issued_token_type": ID_JAG, "token_type": "N_A", "expires_in": 300}


class SignIns:
    """The current ID token, a new one each time."""

    def __init__(self) -> None:
        self.given = 0

    async def __call__(self) -> str:
        self.given += 1
        return f"id-token-{self.given}"


@pytest.fixture
async def issuer():
    async with issuing() as issuer:
        issuer.introspection = dict(ISSUED)
        yield issuer


@pytest.fixture
async def exchange(issuer):
    exchange = HttpExchange(f"{issuer.issuer}/token", client_id="assistant", client_secret="s")
    yield exchange
    await exchange.close()


async def test_the_http_exchange_is_rfc_8693(issuer, exchange):
    provider = AssertionProvider(exchange, SignIns(), scope="tickets:read")
    assert await provider("https://as", "https://mcp/mcp") == "the.id.jag"
    assert issuer.forms == [
        {
            "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
            "requested_token_type": [ID_JAG],
            "audience": ["https://as"],
            "resource": ["https://mcp/mcp"],
            "subject_token": ["id-token-1"],
            "subject_token_type": ["urn:ietf:params:oauth:token-type:id_token"],
            "scope": ["tickets:read"],
        }
    ]
    assert issuer.authorization == ["Basic YXNzaXN0YW50OnM="]


@pytest.mark.req("X-2")
async def test_nothing_is_kept_between_two_calls(issuer, exchange):
    sign_ins = SignIns()
    provider = AssertionProvider(exchange, sign_ins)
    for _ in range(3):
        await provider("https://as", "https://mcp/mcp")
    assert [form["subject_token"] for form in issuer.forms] == [["id-token-1"], ["id-token-2"], ["id-token-3"]]
    assert all("scope" not in form for form in issuer.forms)


@pytest.mark.req("X-2")
async def test_nothing_is_kept_over_grpc_either():
    async with scripted(GRANT) as (target, script), AsyncClient.loopback(target) as client:
        exchange = RpcExchange(client, issuer="https://grants", credentials=ClientSecret("c", "s"))
        provider = AssertionProvider(exchange, SignIns())
        for _ in range(2):
            await provider("https://as", "https://mcp/mcp")
    assert [sent.subject_token for sent in script.seen] == ["id-token-1", "id-token-2"]
    assert [list(sent.resource) for sent in script.seen] == [["https://mcp/mcp"]] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"issued_token_type": None},
        {"access_token": None},
        {"access_token": 7},
    ],
)
async def test_an_answer_that_is_no_grant_is_not_passed_on(issuer, exchange, change):
    issuer.introspection |= change
    with pytest.raises(Unavailable, match="no ID-JAG"):
        await exchange("t", "https://as", "https://mcp/mcp", None)


async def test_an_answer_that_is_no_object_is_not_passed_on(issuer, exchange):
    issuer.introspection = ["the.id.jag"]
    with pytest.raises(Unavailable, match="no ID-JAG"):
        await exchange("t", "https://as", "https://mcp/mcp", None)


@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [(400, Refused, "access_denied: no \\(decision d1\\)"), (503, Unavailable, "access_denied")],
)
async def test_a_refusal_over_http_is_raised_with_its_words(issuer, exchange, status, kind, shown):
    issuer.status = status
    issuer.decision = "d1"
    issuer.introspection = {"error": "access_denied", "error_description": "no"}
    with pytest.raises(kind, match=shown) as caught:
        await exchange("canary", "https://as", "https://mcp/mcp", None)
    assert isinstance(caught.value, GrantdError)
    assert "canary" not in repr(caught.value)


def test_leg_1_beyond_this_machine_is_https():
    with pytest.raises(ValueError, match="neither https nor loopback"):
        HttpExchange("http://grants.example/token", client_id="c", client_secret="s")
