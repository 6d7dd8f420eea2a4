"""A report of policy tests as JUnit XML, the form that every CI reads."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from grantd_server.governance.testing.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grantd_server.governance.testing.report import CaseResult, TestReport


def junit(report: TestReport) -> str:
    """One `testsuite` a file of tests."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="grantd policy test"{_counts(report.results)}>',
    ]
    for suite, results in groupby(report.results, key=lambda result: result.suite):
        cases = list(results)
        lines += [f"  <testsuite name={_quoted(suite)}{_counts(cases)}>"]
        lines += [line for case in cases for line in _case(case)]
        lines += ["  </testsuite>"]
    return "\n".join([*lines, "</testsuites>", ""])


def _counts(results: Sequence[CaseResult]) -> str:
    outcomes = [result.outcome for result in results]
    failures, errors = outcomes.count(Outcome.FAILED), outcomes.count(Outcome.ERROR)
    seconds = sum(result.seconds for result in results)
    return f' tests="{len(outcomes)}" failures="{failures}" errors="{errors}" skipped="0" time="{seconds:.6f}"'


def _case(result: CaseResult) -> Iterator[str]:
    file, _, place = result.place.partition(":")
    line = place.partition(":")[0]
    head = f'    <testcase classname={_quoted(result.suite)} name={_quoted(result.name)} file={_quoted(file)} line={_quoted(line)} time="{result.seconds:.6f}"'
    if result.outcome is Outcome.PASSED:
        yield f"{head}/>"
        return
    first, *text = result.lines()
    kind = "error" if result.outcome is Outcome.ERROR else "failure"
    body = escape(_printable("\n".join([first, *text])))
    yield f"{head}>"
    yield f"      <{kind} message={_quoted(text[0].strip())}>{body}</{kind}>"
    yield "    </testcase>"


def _quoted(value: str) -> str:
    return quoteattr(_printable(value))


def _printable(value: str) -> str:
    """Without characters that XML 1.0 has no way to write."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in value)
