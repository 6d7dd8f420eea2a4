"""Reads the registered types of authorization details and their JSON schemas.

A schema judges what strangers send, so that it is closed and bounded: no references but
to its own definitions, none of which leads back to itself, no regular expressions (they
can take for ever), no field that is not declared (RFC 9396 section 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.declared import DetailText
from grantd_server.governance.reading.texts import scalars

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

MOST_NODES = 2000
"""Values of one schema, its references written out: what a check can cost."""
_DEFINITIONS = "#/$defs/"
_REFUSED = {
    "pattern": "a regular expression can take for ever; list the values with enum, or bound them with maxLength",
    "patternProperties": "a regular expression can take for ever; declare each field under properties",
    "$dynamicRef": "references lead to $defs of the same schema, by $ref",
    "$dynamicAnchor": "references lead to $defs of the same schema, by $ref",
    "$anchor": "references lead to $defs of the same schema, by $ref",
    "$id": "a schema has no address here; nothing is fetched",
    "$schema": "the dialect is JSON Schema 2020-12, which need not be said",
    "$vocabulary": "the dialect is JSON Schema 2020-12, which need not be said",
}


def read_detail_type(fields: Fields, name: str) -> DetailText:
    """One type."""
    return DetailText(
        name=name,
        type=fields.required("type", scalars.text, ""),
        resource=fields.required("resource", scalars.name, ""),
        scope=fields.required("scope", scalars.scope, ""),
        schema=fields.required("schema", _schema, {}),
    )


def _schema(node: Node) -> dict[str, Any]:
    raw = node.plain()
    if not isinstance(raw, dict):
        raise Wrong(f"a JSON schema is expected, not {scalars.kind_of(node)}")
    definitions = raw.get("$defs", {})
    if not isinstance(definitions, dict):
        raise Wrong("$defs is a mapping of names to schemas")
    try:
        Draft202012Validator.check_schema(raw)
    except SchemaError as fault:
        raise Wrong(f"not a JSON schema: at {fault.json_path}, {fault.message[:200]}") from None
    whole = _Expansion(definitions).of({key: value for key, value in raw.items() if key != "$defs"})
    if whole.get("type") != "object" or not isinstance(whole.get("properties"), dict):
        raise Wrong("the schema is of an object, with its fields under properties")
    if whole.get("additionalProperties") is not False:
        raise Wrong("additionalProperties: false is missing; a field that nobody declared is refused")
    if "type" not in whole["properties"]:
        raise Wrong('the field "type" is missing under properties; every object has it')
    return whole


class _Expansion:
    """Writes references out, so that the size of what is checked is known."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._nodes = 0

    def of(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema without references."""
        whole: dict[str, Any] = self._value(schema, ())
        return whole

    def _value(self, value: Any, inside: tuple[str, ...], *, names: bool = False) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Wrong(f"the schema has more than {MOST_NODES} values, its references written out")
        if isinstance(value, list):
            return [self._value(item, inside) for item in value]
        if not isinstance(value, dict):
            return value
        found = {}
        for key, below in value.items():
            if not names and key in _REFUSED:
                raise Wrong(f"{key}: {_REFUSED[key]}")
            # Below `properties` stand names of fields, which may be any word.
            found[key] = below if key in {"enum", "const"} and not names else self._value(
                below, inside, names=not names and key in {"properties", "dependentRequired", "dependentSchemas"}
            )  # fmt: skip
        if names or "$ref" not in found:
            return found
        return self._referred(found, inside)

    def _referred(self, schema: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        reference = schema.pop("$ref")
        name = reference.removeprefix(_DEFINITIONS)
        if not reference.startswith(_DEFINITIONS) or name not in self._definitions:
            raise Wrong(f'$ref "{reference}" leads to no definition under $defs of this schema')
        if name in inside:
            raise Wrong(f'$ref "{reference}" leads back to itself')
        definition = self._value(self._definitions[name], (*inside, name))
        return {**schema, "allOf": [*schema.get("allOf", []), definition]}
