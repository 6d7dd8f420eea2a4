"""The words of an expectation: `yes`, `no` or a reason, and the rules that decided."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from grantd_server.governance.asking.answering import CEILING
from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.testing.suites import Expected
from grantd_server.model.bundle.rules import ScopeRefusal
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.nodes import Node

OF_RULES = tuple(reason.value for reason in ScopeRefusal)
OF_CEILINGS = tuple(CEILING + reason for reason in OF_RULES if reason != ScopeRefusal.UNKNOWN_SCOPE.value)
OF_WAYS = tuple(
    reason.name.lower()
    for reason in (
        Reason.CLIENT_UNKNOWN,
        Reason.CLIENT_GRANT_NOT_ALLOWED,
        Reason.CLIENT_MAPPING_MISSING,
        Reason.SUBJECT_TOKEN_ISSUER,
        Reason.SUBJECT_TOKEN_AUDIENCE,
        Reason.SUBJECT_TENANT,
        Reason.SUBJECT_DISABLED,
        Reason.IDENTITY_PROVIDER_NOT_ALLOWED,
        Reason.TENANT_NOT_ALLOWED,
        Reason.AUDIENCE_SAME_DOMAIN,
        Reason.RESOURCE_NOT_GOVERNED,
        Reason.ASSERTION_ISSUER,
        Reason.ASSERTION_RESOURCE,
        Reason.ASSERTION_SUBJECT,
        Reason.ASSERTION_TENANT,
    )
)
REASONS = (*OF_RULES, *OF_CEILINGS, *OF_WAYS)

ANY = Expected(granted=False)


def read_cell(node: Node) -> Expected:
    """`yes`, `yes finance-reads`, `no`, `no_rule`, `deny_rule contractors-out`."""
    word, *rules = scalars.text(node).split()
    for rule in rules:
        if scalars.NAME.fullmatch(rule) is None:
            raise Wrong(f'"{rule}" is not the id of a rule: {scalars.NAME_RULE}')
    if word == "yes":
        return Expected(granted=True, rules=tuple(rules))
    if word == "no":
        if rules:
            raise Wrong("where a rule is named, so is the reason, such as deny_rule")
        return ANY
    if word not in REASONS:
        near = difflib.get_close_matches(word, ("yes", "no", *REASONS), 1)
        meant = f'; did you mean "{near[0]}"?' if near else ""
        raise Wrong(f'"{word}" is neither yes nor no nor a reason{meant}')
    return Expected(granted=False, reason=word, rules=tuple(rules))
