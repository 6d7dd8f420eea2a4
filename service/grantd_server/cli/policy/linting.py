"""`grantd policy lint`: rules that are valid and yet not what somebody meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.policy.directories import At, Directory, moment, parsed
from grantd_server.cli.policy.output import print_rows
from grantd_server.cli.terminal.ending import REFUSED, end, told
from grantd_server.cli.terminal.programs import AsCsv, AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.analysis.linting.findings import Finding


def lint_directory(
    directory: Directory,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exits with 1 for warnings, too.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    at: At = None,
) -> None:
    """Finds shadowed, unreachable, over-broad, expired and never-matching rules; exits with 1 for errors."""
    with told():
        from grantd_server.governance.analysis.linting.findings import Finding, Severity  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.analysis.linting.lint import lint  # noqa: PLC0415 - the same
        from grantd_server.governance.testing.reading.suite_files import read_suites  # noqa: PLC0415 - the same

        document, snapshot = parsed(directory)
        findings = lint(document, read_suites(directory), moment(at), snapshot)
        print_rows(Finding, findings, _lines, as_json=as_json, as_csv=as_csv)
        bad = {Severity.ERROR.value, Severity.WARNING.value} if strict else {Severity.ERROR.value}
        if any(finding.severity in bad for finding in findings):
            end(REFUSED, [])


def _lines(findings: Sequence[Finding]) -> list[str]:
    return [*(str(finding) for finding in findings), f"{len(findings)} findings"]
