"""The programs of other hands, and what each has to say when all is well."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from counterpart import Counterpart
from deploy.demo.programs import GRANTD, ROOT
from deploy.demo.recipes import recipes
from described import judged
from stage import HERE, NODE
from typed import commands

if TYPE_CHECKING:
    from stage import CompanyOfTwo

_GRPCURL = ROOT / ".interop" / "bin"
_SUITE = str(HERE / "node_modules" / ".bin" / "conformance")


def counterparts(company: CompanyOfTwo) -> list[Counterpart]:
    """All of them, in the order of the report."""
    told = str(company.environment)
    return [
        Counterpart(
            "TypeScript MCP client, both legs",
            [str(NODE), str(HERE / "two_legs.mjs"), told],
            (
                r"^leg 1 by discoverAndRequestJwtAuthGrant: scope tickets:read, \d+ s",
                r"^leg 2 by exchangeJwtAuthGrant, client_secret_basic: Bearer for tickets:read",
                r"^leg 2 by exchangeJwtAuthGrant, client_secret_post: Bearer for tickets:read",
                r"^tool by CrossAppAccessProvider: T-1.*",
            ),
        ),
        Counterpart(
            "openid-client, a plain OAuth client",
            [str(NODE), str(HERE / "openid_client.mjs"), told],
            (
                r"^token exchange: id-jag",
                r"^jwt-bearer: bearer for tickets:read",
                r"^introspection: active true",
                r"^after revocation: active false",
                r"^replay: invalid_grant",
                r"^token exchange with DPoP: n_a",
                r"^bound grant with no key: invalid_grant",
                r"^bound grant with another key: invalid_grant",
                r"^jwt-bearer with DPoP: dpop, bound true",
            ),
        ),
        Counterpart(
            "oidc-provider, an OpenID provider",
            [str(NODE), str(HERE / "other_provider.mjs"), told],
            (
                r"^sign-in: ES256 ID token of acct-7, aud is a string",
                r"^leg 1: id-jag",
                r"^leg 2: bearer for tickets:read",
                r"^tool: T-1.*",
            ),
        ),
        _saml(told),
        *_referees(company),
        *judged(company),
        *_typed(company),
    ]


def _saml(told: str) -> Counterpart:
    """The same on both ways in."""
    said = (
        "assertion to grant: id-jag",
        "the same client again: id-jag",
        "a second client: invalid_grant",
        "assertion to refresh token: refresh_token",
        "refresh token to grant: id-jag",
        "the spent assertion: invalid_grant",
    )
    return Counterpart(
        "samlify, a SAML identity provider",
        [sys.executable, str(HERE / "saml_sign_in.py"), told, str(NODE)],
        tuple(rf"^{way}, {line}$" for way in ("HTTP", "gRPC") for line in said),
    )


def _referees(company: CompanyOfTwo) -> list[Counterpart]:
    # The suite cuts its command at spaces, so that the paths in it are relative ones.
    client = f"{os.path.relpath(sys.executable, ROOT)} {(HERE / 'ema_client.py').relative_to(ROOT)}"
    loopback = {"NODE_OPTIONS": f"--require ./{(HERE / 'loopback.cjs').relative_to(ROOT)}"}
    return [
        Counterpart(
            "conformance suite on our client",
            [str(NODE), _SUITE, "client", "--command", client, "--scenario", "auth/enterprise-managed-authorization"],
            (r"^Passed: ([1-9]\d*)/\1, 0 failed, 0 warnings", r"OVERALL: PASSED"),
            environment=loopback,
        ),
        *(
            Counterpart(
                f"conformance suite on the metadata of {role}",
                [
                    *(str(NODE), _SUITE, "authorization", "--url", issuer),
                    *("--scenario", "authorization-server-metadata-endpoint"),
                ],
                # The one warning: no client of the demo has a metadata document.
                (
                    r"Valid authorization server metadata response",
                    r"^Passed: 1/1, 0 failed, 1 warnings",
                    r"authorization-server-metadata-cimd\] +WARNING",
                ),
                environment=loopback,
            )
            for role, issuer in (("the grant issuer", company.grants), ("the authorization server", company.server))
        ),
    ]


def _typed(company: CompanyOfTwo) -> list[Counterpart]:
    text = recipes(company, GRANTD)
    shell = ["bash", "-euo", "pipefail", "-c"]
    return [
        Counterpart(
            "curl, as `make run` prints it",
            [*shell, commands(text, "curl")],
            (r"^eyJ[\w-]+\.[\w-]+\.[\w-]+$", r'"token_type": *"Bearer"', r'"scope": *"tickets:read"'),
        ),
        Counterpart(
            "grpcurl, as `make run` prints it",
            [*shell, commands(text, "grpcurl")],
            (
                r"^grantd\.v1\.AuthorizationService",
                r"^grantd\.v1\.MetadataService",
                r"^grpc\.health\.v1\.Health",
                f'"issuer": "{company.grants}"',
                f'"issuer": "{company.server}"',
            ),
            environment={"PATH": f"{_GRPCURL}:{os.environ['PATH']}"},
        ),
    ]
