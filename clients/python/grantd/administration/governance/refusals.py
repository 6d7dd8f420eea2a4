"""What keeps a bundle from being put in force, where the service answers in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd.administration.governance.results import Applied


class BundleInvalid(Refused):
    """A directory that is no bundle, or a version that the service cannot use now.
    Nothing was changed. `code` is `OK`: the call itself went well."""

    def __init__(self, faults: Sequence[str], decision_id: str | None = None) -> None:
        self.faults = tuple(faults)
        """`file:line:column: sentence`, or what is missing of a version."""
        super().__init__("OK", decision_id=decision_id)

    def _sentence(self) -> str:
        return "\n".join(self.faults)


class PolicyTestsFailed(Refused):
    """Policy tests of the directory failed, and it was not forced. Nothing was changed.
    `code` is `OK`: the call itself went well."""

    def __init__(self, applied: Applied) -> None:
        self.applied = applied
        """With the tests, and with what would have changed."""
        super().__init__("OK", decision_id=applied.decision_id)

    def _sentence(self) -> str:
        tests = self.applied.tests
        return f"{tests.failed} of {tests.total} policy tests fail"
