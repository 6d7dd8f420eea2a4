"""Compiles types of authorization details, and what rules grant of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.texts.patterns import matcher
from grantd_server.model.bundle.details import DetailTerms, DetailType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.governance.reading.declared import Bundle, DetailText, RuleText
    from grantd_server.model.bundle.governed import Resource


def detail_types(bundle: Bundle, resources: Mapping[str, Resource]) -> dict[tuple[str, str], DetailType]:
    """By authorization server name and type."""
    return {
        (resources[kind.resource].authorization_server, kind.type): DetailType(
            kind.name, kind.type, kind.resource, kind.scope, _judge(kind), _digest(kind)
        )
        for kind, _ in sound(bundle.detail_types)
    }


def details_offered(bundle: Bundle) -> dict[str, frozenset[str]]:
    """By grant issuer name: the types that its rules grant."""
    types = {kind.name: kind.type for kind, _ in sound(bundle.detail_types)}
    return {
        name: frozenset(types[granted] for text, _ in rules.sound() for granted in text.details)
        for name, rules in bundle.grants.items()
    }


def detail_terms(text: RuleText) -> dict[str, DetailTerms]:
    """By the name of the type: what one rule grants."""
    return {
        name: DetailTerms(tuple((field, matcher(patterns)) for field, patterns in terms))
        for name, terms in text.details.items()
    }


def _digest(kind: DetailText) -> str:
    text = json.dumps(kind.schema, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _judge(kind: DetailText) -> Callable[[Mapping[str, Any]], str | None]:
    validator = Draft202012Validator(kind.schema)

    def fault(value: Mapping[str, Any]) -> str | None:
        found = next(validator.iter_errors(value), None)
        # Where and by which keyword, never the value: it may be an account number.
        return None if found is None else f"{found.validator} at {found.json_path}"[:200]

    return fault
