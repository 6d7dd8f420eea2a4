"""A property of what is granted: never wider than the request, the grant, what is
registered and what the rules allow."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import organisation as org
from case_files import changed
from grantd_server.audit.record import Record
from grantd_server.flows.terms.redemption import Granted, Redemption, grant_at_server
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import parse_directory
from grantd_server.governance.secrets.references import FilesAndEnvironment
from grantd_server.grants.grant import Grant
from grantd_server.model.bundle.rules import SignIn
from grantd_server.model.requests import ClientProof, Observed, Redeem
from grantd_server.refusals import Refused
from grantd_server.store.view import RevocationView

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.world import World

SCOPES = ["tickets:read", "tickets:write", "shared:read", "wiki:read", "vault:read", "Tickets:read", "*"]
URIS = [org.TICKETS, org.WIKI, org.VAULT, f"{org.TICKETS}/", "HTTPS://mcp.tools.example/wiki", "nonsense"]
RULES: list[dict[str, Any]] = [
    {},
    {"redemptions.tools.0.scopes": ["*:read"]},
    {"redemptions.tools.0.resources": ["wiki"]},
    {"redemptions.tools.1": {"id": "no-writes", "effect": "deny", "issuers": ["*"], "clients": ["*"], "resources": ["*"], "scopes": ["*:write"]}},
    {"redemptions.tools.0.require": {"acr": ["mfa"]}, "authorization_servers.tools.default_scopes": {"tickets": ["tickets:read"], "wiki": ["wiki:read", "shared:read"]}},
    {
        "resources.tickets.scopes": ["tickets:read", "shared:read", "shared:write"],
        "resources.wiki.scopes": ["wiki:read", "shared:read", "shared:write"],
        "grants.grants": [], "redemptions.tools": [
            {"id": "tickets", "effect": "allow", "issuers": ["grants"], "clients": ["*"], "resources": ["tickets"], "scopes": ["*"]},
            {"id": "wiki", "effect": "allow", "issuers": ["grants"], "clients": ["*"], "resources": ["wiki"], "scopes": ["shared:read"]},
        ],
    },
]  # fmt: skip


class NoBlocks:
    """A world in which nothing is blocked: a view that has read nothing yet."""

    view = RevocationView(cast("Any", None), time.monotonic)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    folder = tmp_path_factory.mktemp("bundles")
    return [_compiled(folder / str(number), edits) for number, edits in enumerate(RULES)]


def _compiled(folder: Path, edits: dict[str, Any]) -> Snapshot:
    document = parse_directory(org.write(folder, changed(org.bundle(), edits)))
    return compile_document(document.json, FilesAndEnvironment(folder, {}), epoch=1, fingerprint_key=b"k" * 32)


some_scopes = st.lists(st.sampled_from(SCOPES), min_size=1, max_size=4, unique=True).map(tuple)
some_resources = st.lists(st.sampled_from(URIS), max_size=3).map(tuple)
two_of_ours = (org.TICKETS, org.WIKI)


@dataclass(frozen=True)
class Drawn:
    """A grant, a request and the rules they meet."""

    rules: int
    resources: tuple[str, ...]
    scopes: tuple[str, ...] | None
    asked: str | None
    wanted: tuple[str, ...]
    acr: str | None


drawn = st.builds(
    Drawn,
    rules=st.integers(0, len(RULES) - 1),
    resources=some_resources | st.just(two_of_ours),
    scopes=st.none() | some_scopes,
    asked=st.none() | some_scopes.map(" ".join) | st.just("a  b"),
    wanted=some_resources,
    acr=st.none() | st.sampled_from(["mfa", "pwd"]),
)


@settings(max_examples=400, deadline=None)
@given(drawn)
@example(Drawn(0, two_of_ours, ("shared:read", "tickets:read"), None, (), None))
@example(Drawn(4, two_of_ours, None, None, (org.WIKI,), "mfa"))
@example(Drawn(5, two_of_ours, ("shared:read", "shared:write"), None, (), None))
@example(Drawn(5, (org.WIKI, org.TICKETS), ("shared:read", "shared:write"), None, (), None))
@pytest.mark.req("B-27", "B-29", "B-30", "B-31", "B-33", "C-05")
def test_what_is_granted_is_never_wider_than_any_of_its_sources(snapshots: list[Snapshot], case: Drawn) -> None:
    snapshot = snapshots[case.rules]
    server = snapshot.authorization_servers[org.SERVER]
    client = snapshot.registration(org.SERVER, "cli_desk")
    assert client is not None
    issuer = server.trusted[org.GRANTS]
    grant = Grant(issuer, "u-1", "u-1", "j-1", 2_000_000_000, case.resources, case.scopes, SignIn(acr=case.acr))
    request = Redeem(org.SERVER, ClientProof(None, None), Observed(), "", None, case.asked, case.wanted)
    record = Record("RedeemGrant", 0.0)
    redemption = Redemption(server, client, grant, request, 1_900_000_000)
    record.inputs.append(redemption.on_record())
    granted = None
    with contextlib.suppress(Refused):
        granted = grant_at_server(cast("World", NoBlocks()), snapshot, record, redemption)
    if granted is None:
        assert not record.checks[-1].ok, "a refusal names its check"
        return
    assert granted.scopes
    assert set(granted.scopes) == set(record.rules), "each scope names its rule"
    _assert_inside(snapshot, granted, request, grant)
    _assert_by_rule(case, granted)


def _assert_by_rule(case: Drawn, granted: Granted) -> None:
    """What the rules of each bundle never let through."""
    if case.rules in {1, 3}:
        assert not any(scope.endswith(":write") for scope in granted.scopes)
    if case.rules == 2:
        assert granted.audiences == (org.WIKI,)
    if case.rules == 4:
        assert case.acr == "mfa"
    if case.rules == 5 and org.WIKI in granted.audiences:
        assert granted.scopes == ("shared:read",)


def _assert_inside(snapshot: Snapshot, granted: Granted, request: Redeem, grant: Grant) -> None:
    server = snapshot.authorization_servers[org.SERVER]
    got = set(granted.scopes)
    mine = [snapshot.resource_at("tools", spelled) for spelled in granted.resources]
    assert [resource.uri for resource in mine if resource is not None] == list(granted.audiences)
    assert set(granted.resources) <= set(grant.resources)
    assert all(resource is not None and got <= resource.scopes for resource in mine), "registered at each resource"
    if request.scope is not None:
        assert got <= set(request.scope.split(" "))
    if request.resource:
        named = {snapshot.resource_at("tools", uri) for uri in request.resource}
        assert set(mine) <= named
    if grant.scopes is not None:
        assert got <= set(grant.scopes)
    else:
        defaults = {scope for resource in mine if resource for scope in server.default_scopes.get(resource.name, ())}
        assert got <= defaults
