"""For administrators and auditors: typed callers of GovernanceService and DecisionService.

    with Governance.mtls("grantd.corp:7443", ca="ca.pem", certificate="ada.pem", key="ada.key") as governance:
        done = governance.apply_bundle("governance/", reason="finance reads the ledger")

What a certificate may call is told by its role: docs/administration.md.
"""

from grantd.administration.decisions.aio import AsyncDecisions
from grantd.administration.decisions.blocking import Decisions
from grantd.administration.decisions.calls import DecisionFilter
from grantd.administration.directory import Directory, DirectoryError
from grantd.administration.governance.aio import AsyncGovernance
from grantd.administration.governance.blocking import Governance
from grantd.administration.governance.refusals import BundleInvalid, PolicyTestsFailed
from grantd.errors import BundleMoved, GrantdError, Refused, Unavailable

__all__ = [
    "AsyncDecisions",
    "AsyncGovernance",
    "BundleInvalid",
    "BundleMoved",
    "DecisionFilter",
    "Decisions",
    "Directory",
    "DirectoryError",
    "Governance",
    "GrantdError",
    "PolicyTestsFailed",
    "Refused",
    "Unavailable",
]
