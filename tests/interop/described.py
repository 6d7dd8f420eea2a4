"""The OpenAPI document as it is served, with this company's values for examples, and
schemathesis, which makes requests from it and judges every answer by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import yaml
from counterpart import Counterpart
from deploy.demo.programs import ROOT

if TYPE_CHECKING:
    from deploy.demo.company import Company, Credential

_SCHEMATHESIS = ROOT / ".interop" / "bin" / "schemathesis"
_FORM = "application/x-www-form-urlencoded"


def describe(company: Company, id_token: str) -> Path:
    """Writes the served document with requests that lead to a token, not to a refusal."""
    origin = company.grants.removesuffix(urlsplit(company.grants).path)
    served = httpx2.get(f"{origin}/openapi.yaml", trust_env=False).raise_for_status()
    document: dict[str, Any] = yaml.safe_load(served.text)
    examples = document["paths"]["/token"]["post"]["requestBody"]["content"][_FORM]["examples"]
    real = {"subject_token": id_token, "audience": [company.server], "resource": [company.resource]}
    examples["exchange"]["value"].update(real)
    document["components"]["parameters"]["issuer_path"]["example"] = urlsplit(company.grants).path[1:]
    path = company.folder / "openapi.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def judged(company: Company) -> list[Counterpart]:
    """One run for each client and place: all that is described is tried once."""
    grants, server = company.grants, company.server
    origin = grants.removesuffix(urlsplit(grants).path)
    issuer = ("/token", "/authorize", "/jwks.json")
    return [
        _run(company, "the grant issuer", grants, company.at_grants, *issuer, "/.well-known/openid-configuration"),
        _run(company, "the authorization server", server, company.at_server, *issuer, "/revoke"),
        _run(company, "introspection", server, company.ticket_desk, "/introspect"),
        _run(
            company,
            "what anybody may read",
            origin,
            None,
            "/.well-known/oauth-authorization-server/{issuer_path}",
            "/.well-known/openid-configuration/{issuer_path}",
            *("/openapi.yaml", "/healthz", "/readyz"),
        ),
    ]


def _run(company: Company, name: str, url: str, client: Credential | None, *paths: str) -> Counterpart:
    auth = ("--auth", f"{client.client_id}:{client.secret}") if client else ()
    return Counterpart(
        f"schemathesis on {name}",
        [
            *(str(_SCHEMATHESIS), "--no-color", "run", str(company.folder / "openapi.yaml"), "--url", url, *auth),
            *(part for path in paths for part in ("--include-path", path)),
            *("--seed", "1", "--max-examples", "15", "--phases", "examples,coverage,fuzzing", "--checks", "all"),
            # A text that has the form of a token is still no token of ours.
            *("--exclude-checks", "positive_data_acceptance"),
        ],
        (r"Selected: \d+/\d+", r"(\d+) generated, \1 passed"),
    )
