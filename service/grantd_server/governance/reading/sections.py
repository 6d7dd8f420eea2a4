"""Reads a whole document: its sections, their objects, and what each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import Bundle, Declared, Rules, RuleText
from grantd_server.governance.reading.directories import read_directory
from grantd_server.governance.reading.parties.issuers import (
    read_grant_issuer,
    read_identity_provider,
    read_server,
    read_trusted_issuer,
)
from grantd_server.governance.reading.parties.registered import read_client, read_resource, read_resource_server
from grantd_server.governance.reading.rules.detail_types import read_detail_type
from grantd_server.governance.reading.rules.texts import read_grant_rule, read_redemption_rule
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.reading.texts.fields import Fields
from grantd_server.governance.reading.texts.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.faults import Faults

T = TypeVar("T")

OBJECTS = (
    "identity_providers",
    "directories",
    "grant_issuers",
    "trusted_issuers",
    "authorization_servers",
    "resources",
    "detail_types",
    "resource_servers",
    "clients",
)
"""Sections of named objects, in the order in which people think of them."""
RULES = ("grants", "redemptions")
"""Sections of rule lists, by the name of an issuer or server."""
SECTIONS = OBJECTS + RULES


def read_bundle(root: Node, faults: Faults) -> Bundle:
    """Reads every section of a document."""
    fields = Fields(root, "", faults)
    nodes = {section: fields.optional(section, lambda node: node, Node({}, root.file)) for section in SECTIONS}
    fields.close()

    def named(section: str, read: Callable[[Fields, str], T]) -> dict[str, Declared[T]]:
        return _objects(nodes[section], section, read, faults)

    servers = named("authorization_servers", read_server)
    foreign = frozenset(name for name, server in servers.items() if _says_foreign(server.node))
    return Bundle(
        identity_providers=named("identity_providers", read_identity_provider),
        directories=named("directories", read_directory),
        grant_issuers=named("grant_issuers", read_grant_issuer),
        trusted_issuers=named("trusted_issuers", read_trusted_issuer),
        authorization_servers=servers,
        resources=named("resources", read_resource),
        detail_types=named("detail_types", read_detail_type),
        resource_servers=named("resource_servers", read_resource_server),
        clients=named("clients", lambda fields, name: read_client(fields, name, foreign)),
        grants=_rules(nodes["grants"], "grants", read_grant_rule, faults),
        redemptions=_rules(nodes["redemptions"], "redemptions", read_redemption_rule, faults),
    )


def _says_foreign(node: Node) -> bool:
    """Also of a server that could not be read: its clients are not to blame for that."""
    return isinstance(node.value, dict) and "foreign" in node.value and node.value["foreign"].value is not False


def _objects(node: Node, section: str, read: Callable[[Fields, str], T], faults: Faults) -> dict[str, Declared[T]]:
    found: dict[str, Declared[T]] = {}
    for name, below in _entries(node, section, faults).items():
        label = f"{section}.{name}"
        _check_name(below, name, section, faults)
        fields = Fields(below, label, faults)
        value = read(fields, name)
        fields.close()
        found[name] = Declared(value if fields.sound else None, below, label)
    return found


def _rules(node: Node, section: str, read: Callable[[Fields], RuleText], faults: Faults) -> dict[str, Rules]:
    found: dict[str, Rules] = {}
    for name, below in _entries(node, section, faults).items():
        listed: list[Declared[RuleText]] = []
        items = below.value
        if not isinstance(items, list):
            faults.add(below, f"{section}.{name}", f"a list of rules is expected, not {scalars.kind_of(below)}")
            items = []
        for place, item in enumerate(items):
            told = item.at("id").value
            label = f"{section}.{name}.{told if isinstance(told, str) else place}"
            fields = Fields(item, label, faults)
            rule = read(fields)
            listed.append(Declared(rule if fields.sound else None, item, label))
        found[name] = Rules(below, tuple(listed))
    return found


def _entries(node: Node, section: str, faults: Faults) -> dict[str, Node]:
    if isinstance(node.value, dict):
        return node.value
    if node.value is not None:
        faults.add(node, section, f"a mapping of names is expected, not {scalars.kind_of(node)}")
    return {}


def _check_name(node: Node, name: str, section: str, faults: Faults) -> None:
    try:
        scalars.name(Node(name, node.file))
    except Wrong as wrong:
        faults.at_key(node, section, str(wrong))
