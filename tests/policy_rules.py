"""Hypothesis strategies: rules as administrators write them, and attempts on them.

The alphabets are small, so that rules and attempts meet.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from grantd_server.model.bundle.rules import UNKNOWN, Attribute, GrantInputs, RedemptionInputs, SignIn
from policy_world import CLIENTS, NOW, RESOURCES, rule

GROUPS = ["corp:eng", "corp:fin", "guest:eng"]
ROLES = ["corp:lead", "guest:lead"]
USERS = ["corp:u-1", "corp:u-2", "guest:u-1"]
DEPARTMENTS = ["finance", "hr"]
ACRS = ["pwd", "mfa"]
AMRS = ["otp", "hwk"]
NETWORKS = ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]
ADDRESSES = ["10.1.2.3", "192.0.2.7", "198.51.100.1", "2001:db8::1"]
SHORT_CLIENTS = [*CLIENTS[:2], "agent-1"]
SHORT_RESOURCES = ["ledger", "wiki", "mcp-1"]


def some(values: list[str]) -> list[list[str]]:
    """One or two of the values."""
    return [[value] for value in values] + [list(pair) for pair in combinations(values, 2)]


CLAIMS = [{claim: values} for claim in ("corp:department", "guest:department") for values in some(DEPARTMENTS)]
SUBJECTS: list[Any] = ["everyone"] * 8
SUBJECTS += [{"users": users} for users in some(USERS)]
SUBJECTS += [{"groups": groups} for groups in some(GROUPS)]
SUBJECTS += [{"roles": roles} for roles in some(ROLES)]
SUBJECTS += [{"claims": claims} for claims in CLAIMS]
SUBJECTS += [{"groups": [group], "claims": claims} for group in GROUPS for claims in CLAIMS[:2]]
BOTH = [{"groups": [group], "roles": [role]} for group in GROUPS for role in ROLES]
"""Only in an allow."""

WINDOWS = [
    {"days": days, "from": since, "to": until, "timezone": "UTC"}
    for days in (["sat"], ["fri", "sun"])
    for since, until in (("00:00", "24:00"), ("08:00", "20:00"), ("20:00", "08:00"), ("19:00", "21:00"))
]
CONDITIONS: list[dict[str, Any]] = [{"acr": acr} for acr in some(ACRS)]
CONDITIONS += [{"amr": amr} for amr in some(AMRS)]
CONDITIONS += [{"max_auth_age": age} for age in ("1m", "1h")]
CONDITIONS += [{"network": networks} for networks in some(NETWORKS)]
CONDITIONS += [{"time": window} for window in WINDOWS]
REQUIREMENTS = [one | other for one in CONDITIONS for other in CONDITIONS] + [None] * 200
TENANTS = [{"acr": ["mfa"]}, {"tenants": ["t-1"]}, {"tenants": ["t-1", "t-2"]}, {"acr": ["pwd"], "tenants": ["t-2"]}]


def _patterned(resources: list[str]) -> list[list[str]]:
    """Scopes that at least one of the resources has, or patterns of them."""
    offered = sorted(
        {scope for name, scopes in RESOURCES.items() for scope in scopes if "*" in resources or name in resources}
    )
    return [["*"], ["*"], [offered[0][:-1] + "*"], *some(offered)]


@st.composite
def rule_texts(draw: st.DrawFn, effects: tuple[str, ...] = ("allow", "allow", "deny"), **fixed: Any) -> dict[str, Any]:
    effect = draw(st.sampled_from(effects))
    resources = draw(st.sampled_from([["*"], ["*"], *some(SHORT_RESOURCES)]))
    changed = {
        "subjects": draw(st.sampled_from(SUBJECTS + BOTH if effect == "allow" else SUBJECTS)),
        "clients": draw(st.sampled_from([["*"], ["*"], ["agent-*"], *some(SHORT_CLIENTS)])),
        "resources": resources,
        "scopes": draw(st.sampled_from(_patterned(resources))),
        "require": draw(st.sampled_from(REQUIREMENTS)),
        "expires": draw(st.sampled_from([None, None, "2026-11-21T20:00:00Z", "2026-11-21T20:00:01Z"])),
        "shadow": draw(st.sampled_from([None, None, None, True])),
        **fixed,
    }
    return rule(f"r-{draw(st.integers(0, 10**6))}", effect, **changed)


@st.composite
def redemption_texts(draw: st.DrawFn) -> dict[str, Any]:
    text = draw(rule_texts(subjects=None, require=None))
    require = draw(st.sampled_from([None, *TENANTS]))
    extra = {} if require is None else {"require": require}
    return {**text, "issuers": draw(st.sampled_from([["*"], ["home"], ["partner"], ["home", "partner"]])), **extra}


def attributes(values: list[str]) -> st.SearchStrategy[Attribute]:
    sets = [frozenset[str](), *(frozenset(some_values) for some_values in some(values))]
    return st.sampled_from([UNKNOWN, *(Attribute.of(one) for one in sets)])


DEPARTMENT_CLAIMS: list[dict[str, Attribute]] = [
    {},
    {"department": UNKNOWN},
    {"department": Attribute.of(frozenset())},
    *({"department": Attribute.of(frozenset(values))} for values in some(DEPARTMENTS)),
]
SIGN_INS = [
    SignIn(acr, amr, auth_time)
    for acr in (None, *ACRS)
    for amr in (None, (), ("otp",), ("otp", "hwk"))
    for auth_time in (None, NOW - 30, NOW - 1800, NOW - 86400)
]

TARGETS = [
    (resource, scopes)
    for resource in SHORT_RESOURCES
    for scopes in (tuple(RESOURCES[resource]), (RESOURCES[resource][0], "nowhere"), (RESOURCES[resource][-1],))
]
"""A resource and the scopes asked there."""


@st.composite
def attempts(draw: st.DrawFn) -> GrantInputs:
    resource, scopes = draw(st.sampled_from(TARGETS))
    return GrantInputs(
        identity_provider=draw(st.sampled_from(["corp", "guest"])),
        users=draw(attributes(USERS)),
        groups=draw(attributes(GROUPS)),
        roles=draw(attributes(ROLES)),
        claims=draw(st.sampled_from(DEPARTMENT_CLAIMS)),
        client=draw(st.sampled_from(SHORT_CLIENTS)),
        resource=resource,
        scopes=scopes,
        sign_in=draw(st.sampled_from(SIGN_INS)),
        address=draw(st.sampled_from([None, *ADDRESSES])),
        now=draw(st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 43200])),
    )


@st.composite
def redemption_attempts(draw: st.DrawFn) -> RedemptionInputs:
    resource, scopes = draw(st.sampled_from(TARGETS))
    return RedemptionInputs(
        issuer=draw(st.sampled_from(["home", "partner"])),
        client=draw(st.sampled_from(SHORT_CLIENTS)),
        resource=resource,
        scopes=scopes,
        sign_in=draw(st.sampled_from(SIGN_INS)),
        tenant=draw(st.sampled_from([None, "t-1", "t-2"])),
        now=draw(st.sampled_from([NOW - 1, NOW, NOW + 1])),
    )
