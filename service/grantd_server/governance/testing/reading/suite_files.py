"""Reads the policy tests of a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Faults
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.reading.texts.fields import Fields
from grantd_server.governance.reading.texts.yaml_nodes import read_yaml
from grantd_server.governance.testing.places import is_test, read_file, yaml_files
from grantd_server.governance.testing.reading.cases import Setting, read_setting, read_test
from grantd_server.governance.testing.reading.people import read_person
from grantd_server.governance.testing.suites import Suite

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.asking.question import Person
    from grantd_server.governance.reading.texts.nodes import Node

MOST_CASES = 100_000
"""Of one file: a matrix grows by multiplication."""


def read_suites(directory: Path, *, every: bool = False) -> tuple[Suite, ...]:
    """Reads every file of tests below a folder, or, of a folder with nothing else, every
    file; the people of a file without tests are at hand in all others.

    Raises:
        BundleError: everything that is wrong, with file, line and column.
    """
    faults = Faults()
    files = {
        file: node
        for file in yaml_files(directory)
        if (node := _tree(directory, file, faults, every=every)) is not None
    }
    shared: dict[str, Person] = {}
    for node in files.values():
        if not _has_tests(node):
            fields = Fields(node, "suite", faults)
            for name, person in _people(fields).items():
                if name in shared:
                    faults.at_key(
                        node.at("people", name), "people", f'"{name}" is in another file without tests already'
                    )
                shared[name] = person
            fields.close({"suite": "a suite has tests; a file without them holds people for all others"})
    suites = [_suite(node, shared, faults) for node in files.values() if _has_tests(node)]
    faults.raise_if_any()
    return tuple(suites)


def _tree(directory: Path, file: Path, faults: Faults, *, every: bool) -> Node | None:
    name = file.relative_to(directory)
    if not every and not is_test(name):
        return None
    return read_yaml(read_file(file, name.as_posix(), faults), name.as_posix(), faults)


def _has_tests(node: Node) -> bool:
    return isinstance(node.value, dict) and "tests" in node.value


def _suite(node: Node, shared: dict[str, Person], faults: Faults) -> Suite:
    fields = Fields(node, "suite", faults)
    name = fields.optional("suite", scalars.text, node.file)
    people = {**shared, **_people(fields)}
    setting = read_setting(fields, people, Setting(people))
    tests = fields.required("tests", lambda found: found, node)
    fields.close()
    cases = []
    if not isinstance(tests.value, list) or not tests.value:
        faults.add(tests, "tests", "a list of at least one test is expected")
    else:
        names: dict[str, Node] = {}
        for place, test in enumerate(tests.value):
            told = test.at("name").value if isinstance(test.value, dict) else None
            label = f"tests.{told if isinstance(told, str) else place}"
            if isinstance(told, str) and names.setdefault(told, test) is not test:
                faults.add(test.at("name"), label, f"the name is used already, in line {names[told].line}")
            fields_of_test = Fields(test, label, faults)
            cases += read_test(fields_of_test, people, setting) if isinstance(test.value, dict) else []
            if len(cases) > MOST_CASES:
                faults.add(test, label, f"the tests of this file are more than {MOST_CASES} cases")
                break
    return Suite(name, node.file, tuple(cases), frozenset(_groups(people)))


def _people(fields: Fields) -> dict[str, Person]:
    return {name: read_person(fields.below(node, f"people.{name}")) for name, node in fields.mapping("people").items()}


def _groups(people: dict[str, Person]) -> set[str]:
    return {f"{person.provider}:{group}" for person in people.values() for group in person.groups or ()}
