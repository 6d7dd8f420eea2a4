"""Reads a person afresh from the directory of the bundle in force (A-37, A-38).

The directory is part of the bundle: the version in a record says what was read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.model.bundle.directory import Missing
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.rules import UNKNOWN, Attribute
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.model.bundle.directory import Directory
    from grantd_server.subjects.identity import Identity


def as_of_now(record: Record, identity: Identity, directory: Directory) -> Identity:
    """The person with the groups and roles of this moment; refuses who is disabled."""
    name, mapped = identity.provider.name, identity.provider.subject.rule is SubjectRule.CLAIM
    account = directory.users.get(identity.sub if mapped else identity.upstream_sub)
    listed = account is not None or directory.missing is Missing.UNKNOWN
    reason, expected = Reason.SUBJECT_DISABLED, f"an active account in the directory of {name}"
    record.require("subject.account", listed, reason, expected, otherwise="none")
    if account is None:
        record.noted("subject.attributes", f"the directory of {name}", "not listed there, so unknown")
        return replace(identity, groups=UNKNOWN, roles=UNKNOWN)
    record.require("subject.account", account.active, reason, expected, otherwise="a disabled one")
    record.noted("subject.attributes", f"the directory of {name}", "as of now")
    return replace(identity, groups=_qualified(name, account.groups), roles=_qualified(name, account.roles))


def _qualified(provider: str, names: frozenset[str] | None) -> Attribute:
    return UNKNOWN if names is None else Attribute.of(frozenset(f"{provider}:{name}" for name in names))
