"""The recorded input: everything a decision read, as plain JSON, and back.

A record keeps no subject: user keys and claim values are replaced by pseudonyms. A
replay gives those that a rule names their names back; the others cannot match any
rule, named or not, so that the decision comes out the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.model.bundle.rules import Attribute, GrantInputs, RedemptionInputs, SignIn, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from grantd_server.policy.rules import GrantRules

FORMAT = 1
"""Version of the recorded input. Keys are only ever added."""

NOTHING: Mapping[str, str] = {}


def to_json(inputs: GrantInputs | RedemptionInputs, pseudonym: Callable[[str], str] = str) -> dict[str, Any]:
    """The inputs as plain JSON types; `pseudonym` hides user keys and claim values."""
    sign_in = inputs.sign_in
    common = {
        "v": FORMAT,
        "client": inputs.client,
        "resource": inputs.resource,
        "scopes": list(inputs.scopes),
        "acr": sign_in.acr,
        "amr": None if sign_in.amr is None else list(sign_in.amr),
        "auth_time": sign_in.auth_time,
        "now": inputs.now,
    }
    if isinstance(inputs, RedemptionInputs):
        return {**common, "leg": 2, "issuer": inputs.issuer, "tenant": inputs.tenant}
    return {
        **common,
        "leg": 1,
        "identity_provider": inputs.identity_provider,
        "users": _write(inputs.users, pseudonym),
        "groups": _write(inputs.groups, str),
        "roles": _write(inputs.roles, str),
        "claims": {name: _write(found, pseudonym) for name, found in sorted(inputs.claims.items())},
        "address": inputs.address,
        "tenant": inputs.tenant,
    }


def at_resource(person: Mapping[str, Any], resource: str, scopes: Iterable[str], uri: str) -> dict[str, Any]:
    """What is on record of one resource: who asks, written once for all of them, and what
    is asked there. `uri` is the resource as the call spelled it: names are the bundle's,
    and another bundle may give them to other things."""
    return {**person, "resource": resource, "scopes": list(scopes), "uri": uri}


def from_json(recorded: Mapping[str, Any], names: Mapping[str, str] = NOTHING) -> GrantInputs | RedemptionInputs:
    """Reads a recorded input; `names` maps pseudonyms back (`names_in`).

    Raises:
        ValueError: another format, or not a recorded input.
    """
    try:
        return _read(recorded, names)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError("not a recorded input of this format") from fault


def names_in(rules: GrantRules, pseudonym: Callable[[str], str]) -> dict[str, str]:
    """Pseudonym to name, for every user key and claim value that a rule names."""
    return {pseudonym(name): name for name in rules.users | rules.claim_values}


def _read(recorded: Mapping[str, Any], names: Mapping[str, str]) -> GrantInputs | RedemptionInputs:
    if recorded["v"] != FORMAT or recorded["leg"] not in {1, 2}:
        raise ValueError("not a recorded input of this format")
    amr = recorded["amr"]
    sign_in = SignIn(recorded["acr"], None if amr is None else tuple(amr), recorded["auth_time"])
    client, resource, scopes = recorded["client"], recorded["resource"], tuple(recorded["scopes"])
    if recorded["leg"] == 2:
        where = (recorded["issuer"], client, resource, scopes)
        return RedemptionInputs(*where, sign_in=sign_in, tenant=recorded["tenant"], now=recorded["now"])
    return GrantInputs(
        identity_provider=recorded["identity_provider"],
        users=_attribute(recorded["users"], names),
        groups=_attribute(recorded["groups"], NOTHING),
        roles=_attribute(recorded["roles"], NOTHING),
        claims={name: _attribute(found, names) for name, found in recorded["claims"].items()},
        client=client,
        resource=resource,
        scopes=scopes,
        sign_in=sign_in,
        address=recorded["address"],
        now=recorded["now"],
        tenant=recorded.get("tenant"),
    )


def _write(found: Attribute, pseudonym: Callable[[str], str]) -> dict[str, Any]:
    return {"state": found.state.value, "values": sorted(pseudonym(value) for value in found.values)}


def _attribute(recorded: Mapping[str, Any], names: Mapping[str, str]) -> Attribute:
    values = frozenset(names.get(value, value) for value in recorded["values"])
    return Attribute(State(recorded["state"]), values)
