"""`grantd policy validate`: whether a directory is a bundle, and its tests are readable."""

from __future__ import annotations

import json
from dataclasses import asdict

from grantd_server.cli.policy.directories import Directory, parsed
from grantd_server.cli.terminal.ending import REFUSED, end, told
from grantd_server.cli.terminal.programs import AsJson


def validate_directory(directory: Directory, as_json: AsJson = False) -> None:
    """Validates a bundle and its policy tests; every fault with file, line and column."""
    with told():
        from grantd_server.governance.document import version_of  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.faults import BundleError, BundleFault  # noqa: PLC0415 - the same
        from grantd_server.governance.testing.reading.suite_files import read_suites  # noqa: PLC0415 - the same

        version, cases = "", 0
        faults: list[BundleFault] = []
        try:
            version = version_of(parsed(directory)[0])
        except BundleError as refused:
            faults += refused.errors
        try:
            cases = sum(len(suite.cases) for suite in read_suites(directory))
        except BundleError as refused:
            faults += refused.errors
        if as_json:
            print(
                json.dumps({"version": version, "cases": cases, "faults": [asdict(each) for each in faults]}, indent=2)
            )
            end(REFUSED if faults else 0, [])
        if faults:
            end(REFUSED, [str(fault) for fault in faults])
        print(f"{version} is valid; {cases} cases of policy tests")
