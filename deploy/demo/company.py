"""The company of the demo: its addresses, people, credentials, and its files on disk."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Self

from deploy.demo.directory import Directory, Person
from deploy.demo.mcp_server import resource_at
from deploy.demo.processes import accepts, free_port

_TEMPLATES = Path(__file__).with_name("governance")

ALICE = Person("alice", "Alice Jones", ("engineering",))
BOB = Person("bob", "Bob Smith", ("sales",))

_SETTINGS = """\
# Everything on one machine: no TLS, made-up keys. Outside development grantd refuses
# to start like this.
development: true
grpc: {{listen: "127.0.0.1:{grpc}", plaintext: service, reflection: true}}
http: {{listen: "127.0.0.1:{http}"}}
store: {{url: "sqlite:///grantd.db"}}
keys: {{directory: keys, auto_create: true}}
governance: {{directory: governance}}
limits: {{drain_notice: 0}}
telemetry: {{log_format: text}}
"""


@dataclass(frozen=True, slots=True)
class Credential:
    """A client id and its secret at one issuer; the bundle knows its hash only."""

    client_id: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def sha256(self) -> str:
        """What the governance bundle holds instead of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports that were free a moment ago."""

    directory: int = field(default_factory=free_port)
    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    tickets: int = field(default_factory=free_port)

    @classmethod
    def usual(cls) -> Self:
        """The same ports each time, where nobody else has them."""
        return cls(*(port if not accepts(port) else free_port() for port in (7090, 7443, 7080, 7091)))


@dataclass(frozen=True, slots=True)
class Company:
    """One demo's worth of everything."""

    folder: Path
    ports: Ports = field(default_factory=Ports)
    at_directory: Credential = field(default_factory=lambda: Credential("assistant-sso"))
    at_grants: Credential = field(default_factory=lambda: Credential("assistant"))
    at_server: Credential = field(default_factory=lambda: Credential("cli_4711"))
    ticket_desk: Credential = field(default_factory=lambda: Credential("ticket-desk"))

    @property
    def grants(self) -> str:
        """The grant issuer."""
        return f"http://127.0.0.1:{self.ports.http}/grants"

    @property
    def server(self) -> str:
        """The authorization server of the ticket desk."""
        return f"http://127.0.0.1:{self.ports.http}/tools"

    @property
    def resource(self) -> str:
        """The ticket desk."""
        return resource_at(self.ports.tickets)

    @property
    def grpc(self) -> str:
        """Grantd's gRPC address."""
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def settings(self) -> Path:
        """Grantd's settings file."""
        return self.folder / "grantd.yaml"

    def directory(self) -> Directory:
        """The company's sign-in."""
        return Directory(self.ports.directory, (ALICE, BOB), self.at_directory.client_id, self.at_directory.secret)

    def write(self) -> None:
        """Writes grantd's settings and the governance bundle into the folder."""
        governance = self.folder / "governance"
        governance.mkdir()
        filled = {
            "directory": f"http://127.0.0.1:{self.ports.directory}",
            "grants": self.grants,
            "server": self.server,
            "resource": self.resource,
            "grants_secret_sha256": self.at_grants.sha256,
            "server_secret_sha256": self.at_server.sha256,
            "desk_secret_sha256": self.ticket_desk.sha256,
        }
        for template in sorted(_TEMPLATES.glob("*.yaml")):
            text = Template(template.read_text()).substitute(filled)
            (governance / template.name).write_text(text)
        self.settings.write_text(_SETTINGS.format(grpc=self.ports.grpc, http=self.ports.http))
