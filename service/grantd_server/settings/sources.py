"""Where settings come from: a YAML file, GRANTD__… variables over it, secret files.

A key or variable that nobody knows is a typo that would leave an unsafe default in
force, so it stops the start. Problems name the place and the setting, never a value.
"""

from __future__ import annotations

import difflib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from grantd_server.governance.faults import BundleError, Faults
from grantd_server.governance.reading.texts.yaml_nodes import read_yaml
from grantd_server.model.requests import Secret
from grantd_server.settings.leaves import PREFIX, leaves, names
from grantd_server.settings.model import Settings
from grantd_server.store.opening import SQLITE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.texts.nodes import Node

LARGEST_SECRET: Final = 65536
"""Bytes of a secret file."""

Path_ = tuple[str, ...]


class SettingsError(Exception):
    """The start is refused; `problems` are all the reasons, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads the settings. Relative paths are relative to the file, or without a file to
    the working directory. Raises SettingsError."""
    found = _Found()
    if file is not None:
        found.read_file(file)
    found.read_variables(environ)
    if found.problems:
        # What could not be read would only show up again as missing.
        raise SettingsError(found.problems)
    folder = file.absolute().parent if file is not None else Path.cwd()
    _resolve(found, folder, environ)
    settings = _validate(found)
    if found.problems or settings is None:
        raise SettingsError(found.problems)
    return settings


class _Found:
    """Values as they were written, and where."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.places: dict[Path_, str] = {}
        self.problems: list[str] = []

    def read_file(self, file: Path) -> None:
        try:
            raw = file.read_bytes()
        except OSError as fault:
            self.problems.append(f"{file}: the file cannot be read: {fault.strerror}.")
            return
        faults = Faults()
        root = read_yaml(raw, str(file), faults)
        try:
            faults.raise_if_any()
        except BundleError as unreadable:
            self.problems += [f"{each}." for each in unreadable.errors]
            return
        if root is None:
            return  # an empty file sets nothing
        if not isinstance(root.value, dict):
            self.problems.append(f"{file}: sections are expected, such as `grpc:`.")
            return
        self.values = self._plain(root, ())

    def _plain(self, node: Node, path: Path_) -> Any:
        self.places[path] = f"{node.file}:{node.key_line or node.line}"
        if isinstance(node.value, dict):
            return {key: self._plain(each, (*path, key)) for key, each in node.value.items()}
        if isinstance(node.value, list):
            return [self._plain(each, (*path, str(place))) for place, each in enumerate(node.value)]
        return node.value

    def read_variables(self, environ: Mapping[str, str]) -> None:
        known = {leaf.variable: leaf.path for leaf in leaves()}
        squashed = {_squash(variable): variable for variable in known}
        for variable in sorted(environ):
            if variable in known:
                self._put(known[variable], variable, environ[variable])
            elif variable.upper().startswith(PREFIX) or _squash(variable) in squashed:
                near = squashed.get(_squash(variable)) or _nearest(variable.upper(), known)
                self.problems.append(_unknown(variable, near))

    def _put(self, path: Path_, variable: str, text: str) -> None:
        value: Any = text
        if text[:1] in {"{", "["}:
            try:
                value = json.loads(text)
            except ValueError:
                self.problems.append(f"{variable} begins like JSON and is none.")
                return
        section = self.values
        for name in path[:-1]:
            inner = section.get(name)
            if not isinstance(inner, dict):
                inner = section[name] = {}
            section = inner
        section[path[-1]] = value
        self.places[path] = variable

    def place_of(self, path: Path_) -> str:
        """The nearest written place at or above a setting."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return f"{self.places[path[:length]]}: "
        return ""


def _resolve(found: _Found, folder: Path, environ: Mapping[str, str]) -> None:
    """Puts secrets in the place of {file: …} and {env: …}, and makes paths absolute."""
    for leaf in leaves():
        section = _section(found.values, leaf.path)
        value = section.get(leaf.path[-1]) if section else None
        if section is None or value is None:
            continue
        if leaf.holds(Secret) and isinstance(value, dict):
            section[leaf.path[-1]] = _secret(found, leaf.path, value, folder, environ)
        elif leaf.holds(Path) and isinstance(value, str):
            section[leaf.path[-1]] = str(folder / value)
    store = found.values.get("store")
    if isinstance(store, dict):
        store["url"] = _absolute(store.get("url"), folder)


def _absolute(url: Any, folder: Path) -> Any:
    """A database file relative to `folder`; whatever else it is, validation will say."""
    text = url.reveal() if isinstance(url, Secret) else url
    path = text.removeprefix(SQLITE) if isinstance(text, str) and text.startswith(SQLITE) else ""
    if not path or path.startswith(("/", ":")):
        return url
    return f"{SQLITE}{folder / path}"


def _section(values: dict[str, Any], path: Path_) -> dict[str, Any] | None:
    section: Any = values
    for name in path[:-1]:
        section = section.get(name) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else None


def _secret(
    found: _Found, path: Path_, reference: dict[str, Any], folder: Path, environ: Mapping[str, str]
) -> Secret | None:
    where = f"{found.place_of(path)}{'.'.join(path)}"
    match reference:
        case {"env": str(name), **more} if not more:
            if name in environ:
                return Secret(environ[name])
            found.problems.append(f"{where}: the variable {name} is not set.")
        case {"file": str(name), **more} if not more:
            problem = secret_file_problem(folder / name)
            if problem is None:
                return Secret((folder / name).read_text("utf-8", "replace").removesuffix("\n"))
            found.problems.append(f"{where}: {problem}")
        case _:
            found.problems.append(f"{where} is a text, {{file: path}} or {{env: NAME}}.")
    return None


def secret_file_problem(path: Path) -> str | None:
    """Says why a secret file cannot be trusted, in one sentence; None when it can."""
    try:
        found = path.stat()
    except OSError as fault:
        return f"{path} cannot be read: {fault.strerror}."
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a file."
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        return f"{path} is open to everybody; chmod 600 it."
    if not os.access(path, os.R_OK):
        return f"{path} cannot be read: Permission denied."
    if found.st_size == 0:
        return f"{path} is empty."
    if found.st_size > LARGEST_SECRET:
        return f"{path} is larger than {LARGEST_SECRET} bytes."
    return None


def _validate(found: _Found) -> Settings | None:
    try:
        return Settings.model_validate(found.values)
    except ValidationError as invalid:
        known = list(names())
        for error in invalid.errors(include_url=False, include_input=False):
            path = tuple(str(part) for part in error["loc"])
            found.problems.append(found.place_of(path) + _sentence(path, error["type"], error["msg"], known))
        found.problems = list(dict.fromkeys(found.problems))
        return None


def _sentence(path: Path_, kind: str, message: str, known: list[str]) -> str:
    name = ".".join(path)
    if kind == "extra_forbidden":
        return _unknown(name, _nearest(name, known))
    if kind == "missing":
        return f"{name} is missing."
    return f"{name}: {message.removeprefix('Value error, ').rstrip('.')}."


def _squash(variable: str) -> str:
    return variable.upper().replace("_", "")


def _nearest(name: str, known: Any) -> str | None:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return found[0] if found else None


def _unknown(name: str, near: str | None) -> str:
    return f"{name} is no setting; did you mean {near}?" if near else f"{name} is no setting."
