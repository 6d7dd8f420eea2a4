"""The doctor at the real thing: grantd's own issuers and kit, with a real OpenID provider."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pytest
from deploy.demo import mcp_server
from typer.testing import CliRunner

import organisation as org
from canaille_ import ALICE, canaille, needs_canaille
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd_server.cli.app import app
from grantd_server.doctor.examine import examine
from grantd_server.doctor.findings import Severity
from grantd_server.doctor.setup import ClientSetup, Setup
from grantd_server.keys.foreign.fetch import Fetcher
from serving_ import base_of, listening, serving
from town_ import town


@asynccontextmanager
async def desk(folder, changes=None):
    """The service on loopback, and the demo's MCP server behind the kit."""
    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with town(folder, resource=resource, changes=changes) as here:
        verifier = AccessTokenVerifier(issuer=here.server, resource=resource)
        protected = mcp_server.protected_desk(verifier, here.server, resource)
        async with serving(protected, lifespan="on", listener=listener):
            yield here


async def examined(**parties):
    fetcher = Fetcher(allow_loopback=True)
    try:
        return await examine(Setup(**parties), fetcher, time.time)
    finally:
        await fetcher.aclose()


def serious(found):
    return [finding for finding in found.findings if finding.severity is not Severity.NOTE]


@pytest.mark.req("E-01", "E-03", "E-04", "E-12", "E-13", "E-17", "E-19", "H-01", "H-02", "H-03", "H-04", "H-05", "H-07")
async def test_our_own_issuers_and_kit_are_healthy(tmp_path):
    async with desk(tmp_path) as here:
        found = await examined(
            grant_issuer=here.grants,
            authorization_server=here.server,
            resource=here.resource,
            scopes=("tickets:read",),
            client=ClientSetup("desk-sso", "desk-agent", "cli_desk"),
        )
    assert serious(found) == []
    assert {issuer.identifier for issuer in found.view.issuers} == {here.grants, here.server}
    assert all(issuer.keys for issuer in found.view.issuers)


@needs_canaille
async def test_a_real_openid_provider_is_healthy(tmp_path):
    with canaille(tmp_path) as provider:
        found = await examined(identity_provider=provider.issuer)
    assert [finding for finding in found.findings if finding.severity is Severity.ERROR] == []
    assert found.view.provider is not None
    assert found.view.provider.keys


async def test_the_authorization_server_is_found_by_the_metadata_of_the_mcp_server(tmp_path):
    async with desk(tmp_path) as here:
        found = await examined(resource=here.resource)
    assert found.view.server is not None
    assert found.view.server.metadata["token_endpoint"] == f"{here.server}/token"


async def test_the_command_says_that_all_is_well_with_status_0_and_finds_a_slash_with_status_1(tmp_path):
    async with desk(tmp_path) as here:

        async def run(*arguments, code):
            found = await asyncio.to_thread(CliRunner().invoke, app, ["doctor", *arguments])
            assert found.exit_code == code, found.output
            return found.stdout

        parties = ["--issuer", here.grants, "--resource", here.resource, "--allow-private"]
        text = await run(*parties, "--server", here.server, code=0)
        assert "0 errors, 0 warnings" in text
        told = json.loads(await run(*parties, "--server", f"{here.server}/", "--json", code=1))
        assert not told["healthy"]
        assert {each["code"] for each in told["findings"] if each["severity"] == "error"} == {
            "issuer.slash", "servers.slash",
        }  # fmt: skip
        # Without the switch, nobody is led into the network of whoever runs the command.
        told = json.loads(await run("--issuer", "https://10.1.2.3/x", "--json", code=1))
        assert {each["code"] for each in told["findings"]} == {"document.forbidden", "metadata.missing"}


@needs_canaille
@pytest.mark.req("A-26", "A-53", "B-07", "B-20")
async def test_a_probe_walks_from_a_real_sign_in_to_a_tool_server_and_leaves_nothing_open(tmp_path):
    (tmp_path / "idp").mkdir()
    with canaille(tmp_path / "idp") as provider:

        def changes(document):
            document["identity_providers"]["corp"] |= {"issuer": provider.issuer, "keys": {"discovery": True}}

        async with desk(tmp_path, changes) as here:
            setup = tmp_path / "chain.yaml"
            (tmp_path / "grants.secret").write_text(org.DESK_SECRET + "\n")
            setup.write_text(
                f"identity_provider: {provider.issuer}\ngrant_issuer: {here.grants}\n"
                f"authorization_server: {here.server}\nresource: {here.resource}\nscopes: ['tickets:read']\n"
                "client:\n  at_identity_provider: desk-sso\n  at_grant_issuer: desk-agent\n"
                "  at_authorization_server: cli_desk\n  credentials:\n"
                "    grant_issuer: {secret: {file: grants.secret}}\n"
                "    authorization_server: {secret: {env: DESK_AT_TOOLS}}\n"
            )
            token = await asyncio.to_thread(provider.sign_in, ALICE)
            governance = org.write(tmp_path / "bundle", here.document)
            arguments = ["--setup", setup, "--probe", "--allow-private", "--json", "--governance", governance]
            found = await asyncio.to_thread(
                CliRunner(env={"DESK_AT_TOOLS": org.TOOLS_SECRET}).invoke,
                app,
                ["doctor", *map(str, arguments)],
                input=token,
            )
    told = json.loads(found.stdout)
    assert (found.exit_code, [each for each in told["findings"] if each["severity"] == "error"]) == (0, [])
    codes = {each["code"] for each in told["findings"]}
    assert codes >= {"replay.once", "resource.opened", "revocation.done", "governance.replay"}
    assert not any(secret in found.stdout for secret in (*token.split("."), org.DESK_SECRET, org.TOOLS_SECRET))
