"""`grantd policy test`: the tests beside a bundle."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.policy.directories import At, Directory, moment, parsed
from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told

if TYPE_CHECKING:
    from grantd_server.governance.testing.suites import Suite


def run_policy_tests(
    directory: Directory,
    tests: Annotated[
        Path | None, typer.Option("--tests", metavar="DIR", help="Where the tests are, if not in the directory itself.")
    ] = None,
    run: Annotated[str, typer.Option("--run", metavar="NAME", help="Only cases of this name; * stands for any.")] = "",
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Writes JUnit XML as well.")
    ] = None,
    at: At = None,
) -> None:
    """Runs the policy tests of a directory; exits with 1 where one does not pass."""
    with told():
        from grantd_server.governance.asking.offline import rule_places  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.testing.junit import junit  # noqa: PLC0415 - the same
        from grantd_server.governance.testing.reading.suite_files import read_suites  # noqa: PLC0415 - the same
        from grantd_server.governance.testing.running import run_tests  # noqa: PLC0415 - the same

        document, snapshot = parsed(directory)
        suites = [_only(suite, run) for suite in read_suites(tests or directory, every=tests is not None)]
        if not any(suite.cases for suite in suites):
            where = tests or directory
            end(USAGE, [f"There is no test {run!r} in {where}." if run else f"There are no tests in {where}."])
        report = run_tests(snapshot, suites, moment(at), rule_places(document))
        if junit_file is not None:
            _write(junit_file, junit(report))
        for line in report.lines():
            print(line)
        if not report.ok:
            end(REFUSED, [])


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        end(USAGE, [f"--junit: {file} cannot be written: {fault.strerror}"])


def _only(suite: Suite, name: str) -> Suite:
    """The cases whose name, or name within its suite, fits."""
    if not name:
        return suite
    fits = [
        case for case in suite.cases if fnmatchcase(case.name, name) or fnmatchcase(f"{suite.name}/{case.name}", name)
    ]
    return replace(suite, cases=tuple(fits))
