"""The rule sets: decide and explain. Pure; a decision is a function of its input."""

from grantd_server.policy.decide import decide_grant, decide_redemption
from grantd_server.policy.recorded import from_json as inputs_from_json
from grantd_server.policy.recorded import names_in
from grantd_server.policy.recorded import to_json as inputs_to_json
from grantd_server.policy.rules import GrantRules, RedemptionRules, Rule, RuleSet

__all__ = [
    "GrantRules",
    "RedemptionRules",
    "Rule",
    "RuleSet",
    "decide_grant",
    "decide_redemption",
    "inputs_from_json",
    "inputs_to_json",
    "names_in",
]
