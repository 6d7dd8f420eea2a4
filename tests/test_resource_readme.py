"""The README's MCP server, run as it stands but for its two addresses."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.form import TokenForm
from grantd.verifiers.issuers import IssuersVerifier
from issuer_ import issuing
from mcp_calls_ import ACCEPT, call, tool
from serving_ import base_of, listening, serving

MANUAL = Path(__file__).parent.parent / "docs" / "resource-server.md"
README = Path(__file__).parent.parent / "README.md"


@pytest.mark.req("H-01", "H-07", "H-09", "H-13")
async def test_the_server_of_the_readme_does_what_it_says():
    snippet = re.search(r"### Protect an MCP server.*?```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert snippet is not None
    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with issuing() as issuer:
        program = snippet[1].replace("https://as.example.com/tools", issuer.issuer)
        names: dict[str, Any] = {}
        exec(program.replace("https://mcp.example.com/mcp", resource), names)  # noqa: S102  # our own README
        async with serving(names["app"], lifespan="on", listener=listener):
            now = int(time.time())
            good = {"aud": resource, "iat": now, "exp": now + 60, "auth_time": now}
            assert await tool(resource, issuer.token(**good), "close_ticket", number="T-1") == (
                False,
                "T-1 was closed by u-18f2",
            )
            async with httpx2.AsyncClient(trust_env=False) as http:

                async def refused(**changes):
                    headers = ACCEPT | {"authorization": f"Bearer {issuer.token(**good | changes)}"}
                    answer = await http.post(resource, json=call("close_ticket", number="T-1"), headers=headers)
                    return answer.status_code, answer.headers["www-authenticate"]

                assert (await http.post(resource)).status_code == 401
                status, challenge = await refused(scope="tickets:read")
                assert (status, 'scope="tickets:read tickets:write"' in challenge) == (403, True)
                status, challenge = await refused(acr="pwd")
                assert (status, 'acr_values="mfa", max_age="3600"' in challenge) == (401, True)
        await names["app"]._admission._verifier.close()


async def test_the_provider_of_the_manual_can_be_declared_as_it_stands():
    snippet = re.search(r"```python\n(entra = .*?)```", MANUAL.read_text(), re.DOTALL)
    assert snippet is not None
    names = {
        "AccessTokenVerifier": AccessTokenVerifier,
        "IssuersVerifier": IssuersVerifier,
        "TokenForm": TokenForm,
        "ISSUER": "https://as.example.com/tools",
        "RESOURCE": "https://mcp.example.com/mcp",
    }
    exec(snippet[1], names)  # noqa: S102  # our own manual
    verifier = names["verifier"]
    assert isinstance(verifier, IssuersVerifier)
    await verifier.close()
