"""Gives a party of a governance directory a secret more, or one less, in place.

A change is tried before it is written: the bundle that comes of it must be valid and
differ from the one before in that secret alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.governance.reading.parties.credentials import MOST_SECRETS
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.secrets.list_lines import NotByLines, with_expiry, with_item, without_item
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.reading.texts.nodes import Node

FINGERPRINT = 8
"""Hexadecimal digits of a secret's SHA-256 that name it among the secrets of its party."""


class SecretChangeRefused(Exception):
    """The change cannot be made; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One secret of a party, as it stands in the bundle."""

    label: str
    """Its fingerprint, or where the bundle says that it is found."""
    expires: int | None
    node: Node


@dataclass(frozen=True, slots=True)
class Holder:
    """A party at one issuer in a directory, and its credentials."""

    directory: Path
    root: Node
    path: tuple[str, ...]
    credentials: Node

    @property
    def label(self) -> str:
        return ".".join(self.path)

    @property
    def items(self) -> list[Node]:
        value = self.credentials.value
        return value if isinstance(value, list) else []

    @property
    def secrets(self) -> list[Listed]:
        """Its secrets, in the order of the file: the older ones first."""
        return [_listed(item) for item in self.items if _is_secret(item)]


def find_holder(directory: Path, name: str, issuer: str | None) -> Holder:
    """Finds a client at an issuer, named as in the bundle or by its identifier, or a
    resource server.

    Raises:
        SecretChangeRefused: there is none, or it does not authenticate here.
        BundleError: the directory holds no valid bundle.
    """
    root = parse_directory(directory).root
    path = ("resource_servers", name) if _has(root, "resource_servers", name) else _client(root, name, issuer)
    place = root.at(*path)
    if not _has(place, "authentication"):
        raise SecretChangeRefused(f"{'.'.join(path)} is at a foreign server, which keeps its own credentials.")
    return Holder(directory, root, path, place.at("authentication"))


def add_secret(holder: Holder, digest: str, expires: int | None) -> tuple[str, int]:
    """Writes the digest of a new secret after the others; tells file and line."""
    listed = holder.secrets
    if len(listed) >= MOST_SECRETS:
        known = " and ".join(secret.label for secret in listed)
        raise SecretChangeRefused(f"{holder.label} has {MOST_SECRETS} secrets, {known}. Retire one first.")
    if any("metadata_document" in item.plain() for item in holder.items):
        raise SecretChangeRefused(f"{holder.label} is known by its metadata document and can have no secret.")
    after = holder.root.plain()
    value = {"sha256": digest} | ({} if expires is None else {"expires": utc(expires)})
    _at(after, holder.path)["authentication"].append({"secret": value})
    inside = ", ".join(f"{key}: {each}" for key, each in value.items())
    text, line = with_item(_read(holder), holder.items, f"secret: {{{inside}}}")
    _write(holder, text, after)
    return holder.credentials.file, line


def retire_secret(holder: Holder, label: str | None, expires: int | None) -> Listed:
    """Takes the older secret, or the one named, away; or lets it expire at a moment."""
    listed = holder.secrets
    chosen = next((secret for secret in listed if label in {None, secret.label}), None)
    if chosen is None:
        known = ", ".join(secret.label for secret in listed) or "none"
        raise SecretChangeRefused(f"{holder.label} has no such secret; it has {known}.")
    after = holder.root.plain()
    place = next(number for number, item in enumerate(holder.items) if item is chosen.node)
    credentials: list[Any] = _at(after, holder.path)["authentication"]
    if expires is not None:
        credentials[place]["secret"]["expires"] = utc(expires)
        _write(holder, with_expiry(_read(holder), chosen.node, utc(expires)), after)
        return chosen
    if len(credentials) == 1:
        raise SecretChangeRefused(f"{holder.label} would have no credential left. Give it a new one first.")
    del credentials[place]
    _write(holder, without_item(_read(holder), chosen.node), after)
    return chosen


def _client(root: Node, name: str, issuer: str | None) -> tuple[str, ...]:
    if not _has(root, "clients", name):
        raise SecretChangeRefused(f'The bundle has no client and no resource server "{name}".')
    places = root.at("clients", name, "at").value
    known = list(places) if isinstance(places, dict) else []
    if issuer is None and len(known) == 1:
        issuer = known[0]
    named = _name_of(root, issuer or "")
    if named not in known:
        raise SecretChangeRefused(f"{name} is registered at {', '.join(known)}; say which with --issuer.")
    return "clients", name, "at", named


def _name_of(root: Node, issuer: str) -> str:
    """The name in the bundle of an issuer that is given by name or identifier."""
    for section in ("grant_issuers", "authorization_servers"):
        found = root.at(section).value if _has(root, section) else None
        for name, node in found.items() if isinstance(found, dict) else ():
            if node.at("issuer").value == issuer:
                return name
    return issuer


def _has(root: Node, *path: str) -> bool:
    node = root
    for step in path:
        if not isinstance(node.value, dict) or step not in node.value:
            return False
        node = node.value[step]
    return True


def _is_secret(item: Node) -> bool:
    return "secret" in item.plain()


def _listed(item: Node) -> Listed:
    inside = item.plain()["secret"]
    kind = next(kind for kind in ("sha256", "file", "env") if kind in inside)
    label = str(inside[kind])[:FINGERPRINT] if kind == "sha256" else f"{{{kind}: {inside[kind]}}}"
    expires = scalars.instant(item.at("secret", "expires")) if "expires" in inside else None
    return Listed(label, expires, item)


def _at(content: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        content = content[step]
    return content


def _file(holder: Holder) -> Path:
    return (holder.directory / holder.credentials.file).resolve()


def _read(holder: Holder) -> str:
    return _file(holder).read_bytes().decode("utf-8")


def _write(holder: Holder, text: str, after: Any) -> None:
    """Replaces the file, after the bundle with the new text was compared to what is meant."""
    raw = text.encode()
    try:
        tried = parse_directory(holder.directory, {holder.credentials.file: raw}).root.plain()
    except BundleError:
        tried = None
    if tried != after:
        raise NotByLines("write the list with one line and a dash for each item, so that it can be changed by line")
    file = _file(holder)
    # Hidden, so that a service that follows the directory does not read it half written.
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with unfinished.open("xb") as opened:
        opened.write(raw)
        opened.flush()
        os.fsync(opened.fileno())
    shutil.copymode(file, unfinished)
    unfinished.replace(file)
