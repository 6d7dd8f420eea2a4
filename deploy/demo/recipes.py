"""What somebody can type while the company is up, ready to be pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.demo.company import Company

_RECIPES = """
grantd is up, with its sample governance. Everything is in {folder}.

  grant issuer           {grants}
    metadata             {origin}/.well-known/openid-configuration/grants
  authorization server   {server}
    metadata             {origin}/.well-known/oauth-authorization-server/tools
  gRPC                   {grpc}
  ticket desk (MCP)      {resource}
  directory              {directory}

Leg 1, a sign-in of Alice (kept fresh in alice.id_token) becomes a grant:

  ID_JAG=$(curl -s {grants}/token -u "assistant:$(cat {folder}/assistant.secret)" \\
    -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\
    -d requested_token_type=urn:ietf:params:oauth:token-type:id-jag \\
    -d audience={server} -d resource={resource} -d scope=tickets:read \\
    -d subject_token_type=urn:ietf:params:oauth:token-type:id_token \\
    --data-urlencode subject_token@{folder}/alice.id_token \\
    | sed -n 's/.*"access_token": *"\\([^"]*\\)".*/\\1/p'); echo "$ID_JAG"

Leg 2, the grant becomes an access token:

  curl -s {server}/token -u "cli_4711:$(cat {folder}/cli_4711.secret)" \\
    -d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer -d "assertion=$ID_JAG"

The same service by gRPC (reflection is on):

  grpcurl -plaintext {grpc} list
  grpcurl -plaintext {grpc} grantd.v1.MetadataService/ListIssuers

Put bob.id_token in leg 1 and ask about the decision in `x-grantd-decision-id` (curl -i):

  {command} explain DECISION_ID --config {settings}

Change {folder}/governance/*.yaml and try again: it is read while grantd runs.
Ctrl-C stops everything.
"""


def recipes(company: Company, command: Path) -> str:
    """The text, with this company's addresses."""
    return _RECIPES.format(
        folder=company.folder,
        grants=company.grants,
        server=company.server,
        origin=f"http://127.0.0.1:{company.ports.http}",
        grpc=company.grpc,
        resource=company.resource,
        directory=company.directory().issuer,
        command=command,
        settings=company.settings,
    )


def keep_file(path: Path, content: str) -> None:
    """Writes a secret so that only its owner reads it, in one step for readers."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.touch(mode=0o600)
    fresh.write_text(content)
    fresh.replace(path)
