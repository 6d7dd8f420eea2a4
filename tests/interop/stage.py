"""The company of the demo with a second OpenID provider, and what the programs are told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import saml_company
import yaml
from deploy.demo.company import ALICE, BOB, Company, Credential
from deploy.demo.processes import Program, accepts, free_port
from deploy.demo.programs import running
from deploy.demo.recipes import keep_file
from described import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
NODE = HERE / "node_modules" / ".bin" / "node"


@dataclass(frozen=True)
class CompanyOfTwo(Company):
    """Its people sign in at canaille or at oidc-provider, and both are good for a grant."""

    at_second: Credential = field(default_factory=lambda: Credential("assistant-second"))
    second_port: int = field(default_factory=free_port)
    rival: Credential = field(default_factory=lambda: Credential("rival"))
    saml: dict[str, Any] = field(default_factory=saml_company.told, repr=False)

    @property
    def second(self) -> str:
        """The issuer of oidc-provider."""
        return f"http://127.0.0.1:{self.second_port}"

    @property
    def environment(self) -> Path:
        """The file that every Node program reads: addresses, credentials, one ID token."""
        return self.folder / "environment.json"

    def write(self) -> None:
        """Writes the demo's files, with the second provider in the bundle."""
        super().write()
        with _changed(self.folder / "governance" / "identity.yaml") as bundle:
            bundle["identity_providers"]["second"] = {
                "issuer": self.second,
                "keys": {"discovery": True},
                "algorithms": ["ES256"],
                "subject": "qualified",
                "groups_claim": "groups",
            }
            # With two providers a subject alone could mean two people.
            bundle["identity_providers"]["corp"]["subject"] = "qualified"
            bundle["grant_issuers"]["grants"]["dpop"] = "optional"
            bundle["grant_issuers"]["grants"]["identity_providers"].append("second")
            saml_company.declare(bundle, self.saml["certificate"])
        with _changed(self.folder / "governance" / "servers.yaml") as bundle:
            for server in bundle["authorization_servers"].values():
                server["dpop"] = "optional"
        with _changed(self.folder / "governance" / "clients.yaml") as bundle:
            bundle["clients"]["assistant"]["at"]["grants"]["sso"]["second"] = [self.at_second.client_id]
            saml_company.register(bundle, self.rival)
        with _changed(self.folder / "governance" / "rules.yaml") as bundle:
            rule = bundle["grants"]["grants"][0]
            rule["subjects"]["groups"] += ["second:engineering", "saml:engineering"]
            rule["clients"].append("rival")

    def tell(self, id_token: str) -> None:
        """Writes the environment file; only its owner reads it."""
        told = {
            "grant_issuer": self.grants,
            "authorization_server": self.server,
            "resource": self.resource,
            "id_token": id_token,
            "grpc": self.grpc,
            "saml": self.saml,
            "grants_client": _pair(self.at_grants),
            "rival_client": _pair(self.rival),
            "server_client": _pair(self.at_server),
            "resource_server": _pair(self.ticket_desk),
            "sign_in": {
                "issuer": self.second,
                "client": _pair(self.at_second),
                "redirect_uri": "http://127.0.0.1/interop/callback",
                "subject": "acct-7",
                "claims": {"groups": ["engineering"]},
            },
        }
        keep_file(self.environment, json.dumps(told))


@contextmanager
def up(company: CompanyOfTwo) -> Iterator[None]:
    """Everything runs, Alice and Bob are signed in, and the recipes' files are in place."""
    with running(company):
        id_tokens = {person.user_name: company.directory().sign_in(person) for person in (ALICE, BOB)}
        for name, id_token in id_tokens.items():
            keep_file(company.folder / f"{name}.id_token", id_token)
        keep_file(company.folder / "assistant.secret", company.at_grants.secret)
        keep_file(company.folder / "cli_4711.secret", company.at_server.secret)
        company.tell(id_tokens["alice"])
        describe(company, id_tokens["alice"])
        command = [str(NODE), str(HERE / "oidc_provider.mjs"), str(company.environment)]
        program = Program("oidc-provider", command, company.folder / "oidc-provider.log")
        try:
            program.wait_until(lambda: accepts(company.second_port))
            yield
        finally:
            program.stop()


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, Any]]:
    bundle = yaml.safe_load(path.read_text())
    yield bundle
    path.write_text(yaml.safe_dump(bundle))


def _pair(credential: Credential) -> dict[str, str]:
    return {"id": credential.client_id, "secret": credential.secret}
