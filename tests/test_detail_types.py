"""Registered types of authorization details: schemas that are closed and bounded, rules
that are about something, and what a resource server sees of a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import organisation as org
from case_files import changed
from case_tokens import own_token
from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from grantd_server.governance.compiling.detail_types import detail_types
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError, Faults
from grantd_server.governance.reading.declared import Bundle, Declared
from grantd_server.governance.reading.rules.detail_types import read_detail_type
from grantd_server.governance.reading.texts.fields import Fields
from grantd_server.governance.reading.texts.nodes import nodes_of
from grantd_server.governance.reading.texts.patterns import matcher
from grantd_server.model.bundle.details import Detail, DetailTerms, DetailType
from grantd_server.model.bundle.governed import Resource
from tokens import UNHURRIED

if TYPE_CHECKING:
    from pathlib import Path

    from house import House

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "queue"],
    "properties": {"type": {"const": "queue"}, "queue": {"$ref": "#/$defs/name"}, "pattern": {}},
    "additionalProperties": False,
    "$defs": {"name": {"type": "string", "allOf": [{"$ref": "#/$defs/short"}]}, "short": {"maxLength": 8}},
}
QUEUE = {"type": "queue", "resource": "tickets", "scope": "tickets:read", "schema": SCHEMA}


def bundle(**more: Any) -> dict[str, Any]:
    document = org.bundle()
    document["detail_types"] = {"q": {**QUEUE, **more}}
    document["grants"]["grants"][0]["details"] = {"q": {"queue": ["red"]}}
    document["redemptions"]["tools"][0]["details"] = {"q": {}}
    return document


def parsed(folder: Path, document: dict[str, Any]) -> None:
    parse_directory(org.write(folder, document))


@pytest.mark.req("A-17", "A-18")
def test_a_type_with_references_to_its_own_definitions_is_sound(tmp_path: Path) -> None:
    parsed(tmp_path, bundle())


NESTED = {
    "a": {"allOf": [{"$ref": "#/$defs/b"} for _ in range(40)]},
    "b": {"allOf": [{"$ref": "#/$defs/c"} for _ in range(40)]},
    "c": {"maxLength": 1},
}
SCHEMAS = [
    ("text", "a JSON schema is expected, not a text"),
    ({**SCHEMA, "type": "strnig"}, "not a JSON schema: at $.type"),
    ({**SCHEMA, "type": "array"}, "the schema is of an object, with its fields under properties"),
    ({key: value for key, value in SCHEMA.items() if key != "properties"}, "the schema is of an object"),
    ({key: value for key, value in SCHEMA.items() if key != "additionalProperties"}, "additionalProperties: false is missing"),
    ({**SCHEMA, "additionalProperties": True}, "additionalProperties: false is missing"),
    ({**SCHEMA, "properties": {"queue": {}}}, 'the field "type" is missing under properties'),
    ({**SCHEMA, "$defs": []}, "$defs is a mapping of names to schemas"),
    ({**SCHEMA, "$id": "https://x.example"}, "$id: a schema has no address here"),
    ({**SCHEMA, "$schema": "https://json-schema.org/draft/2020-12/schema"}, "$schema: the dialect is JSON Schema 2020-12"),
    ({**SCHEMA, "patternProperties": {"a": {}}}, "patternProperties: a regular expression can take for ever"),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"pattern": "(a+)+"}}}, "pattern: a regular expression"),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"items": {"pattern": "x"}}}}, "pattern: a regular expression"),
    ({**SCHEMA, "$defs": {"name": {"pattern": "x"}}}, "pattern: a regular expression"),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$dynamicRef": "#a"}}}, "$dynamicRef: references lead to $defs"),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$ref": "https://x.example/s"}}}, '$ref "https://x.example/s" leads to no definition'),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$ref": "#"}}}, '$ref "#" leads to no definition'),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$ref": "name"}}}, '$ref "name" leads to no definition'),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$ref": "#/$defs/nmae"}}}, "leads to no definition"),
    ({**SCHEMA, "$defs": {"name": {"$ref": "#/$defs/name"}}}, '$ref "#/$defs/name" leads back to itself'),
    ({**SCHEMA, "$defs": {"name": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/name"}}}}, "leads back to itself"),
    ({**SCHEMA, "properties": {"type": {}, "queue": {"$ref": "#/$defs/a"}}, "$defs": NESTED}, "more than 2000 values"),
]  # fmt: skip


@pytest.mark.req("A-17")
@pytest.mark.parametrize(
    ("schema", "sentence"), SCHEMAS, ids=[sentence[:40] + str(n) for n, (_, sentence) in enumerate(SCHEMAS)]
)
def test_a_schema_that_is_open_or_without_bounds_is_refused(tmp_path: Path, schema: Any, sentence: str) -> None:
    document = bundle(schema=schema)
    with pytest.raises(BundleError) as refused:
        parsed(tmp_path, document)
    assert "detail_types.q.schema: " in str(refused.value)
    assert sentence in str(refused.value)


BROKEN = [
    ({"detail_types.q.resource": "tickts"}, 'detail_types.q: there is no resource "tickts"'),
    ({"detail_types.q.scope": "wiki:read"}, "detail_types.q: tickets has no scope wiki:read"),
    ({"detail_types.q.scope": "tickets:*"}, "is a pattern"),
    ({"detail_types.q.tpye": "x"}, 'the key "tpye" is not known here'),
    ({"detail_types.r": QUEUE}, "detail_types.r: detail_types.q is of this type at tools already"),
    ({"grants.grants.0.details": {"p": {}}}, 'engineers-tickets.details: there is no detail type "p"'),
    ({"grants.grants.0.details": {}}, "at least one entry is expected"),
    ({"grants.grants.0.details": {"q": {"quue": ["red"]}}}, 'details.q: q has no field "quue"'),
    ({"grants.grants.0.details": {"q": {"queue": []}}}, "a list of 1 to 1000 values is expected"),
    ({"grants.grants.0.details": {"q": ["red"]}}, "a mapping is expected, not a list"),
    ({"grants.grants.2.details": {"q": {}}}, "q is about tickets, and this rule is not"),
    ({"grants.grants.1.details": {"q": {}}, "grants.grants.1.scopes": ["tickets:write"]}, "q needs the scope tickets:read, which this rule does not grant"),
    ({"grants.grants.3.details": {"q": {}}}, "a deny is about scopes; deny the scope of the type"),
    ({"redemptions.tools.0.details": {"p": {}}}, 'redemptions.tools.from-grants.details: there is no detail type "p"'),
]  # fmt: skip


@pytest.mark.req("A-17", "A-18")
@pytest.mark.parametrize(("edits", "sentence"), BROKEN, ids=[sentence[:50] for _, sentence in BROKEN])
def test_a_type_or_rule_about_nothing_is_refused(tmp_path: Path, edits: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        parsed(tmp_path, changed(bundle(), edits))
    assert sentence in str(refused.value)


def kind() -> DetailType:
    return DetailType("q", "queue", "tickets", "tickets:read", lambda _: None)


@pytest.mark.req("A-18")
@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("red", True), ("blue-1", True), ("green", False), ("Red", False), ("", False), (["red", "blue-2"], True),
        (["red", "green"], False), ([], False), (None, False), ({"red": 1}, False), ([["red"]], False),
        (7, True), (8, False), (True, False), (1.5, False), ("true", False),
    ],
)  # fmt: skip
def test_every_value_of_a_field_is_one_that_the_rule_names(value: object, allowed: bool) -> None:
    terms = DetailTerms((("queue", matcher(["red", "blue-*", "7"])),))
    assert terms.allow(Detail(kind(), {"type": "queue", "queue": value})) is allowed


@pytest.mark.req("A-18")
def test_a_star_covers_no_field_that_is_absent_and_a_flag_is_spelled_as_in_rules() -> None:
    star, flag = DetailTerms((("queue", matcher(["*"])),)), DetailTerms((("queue", matcher(["true"])),))
    assert not star.allow(Detail(kind(), {"type": "queue"}))
    assert star.allow(Detail(kind(), {"queue": ""}))
    assert flag.allow(Detail(kind(), {"queue": True}))
    assert not flag.allow(Detail(kind(), {"queue": 1}))
    assert DetailTerms(()).allow(Detail(kind(), {}))


@pytest.mark.req("E-12", "A-17")
async def test_metadata_lists_the_types_exactly_where_they_are_on(house: House) -> None:
    async def types(issuer: str) -> list[str]:
        answer = await house.metadata().GetIssuerMetadata(metadata_pb2.GetIssuerMetadataRequest(issuer=issuer))
        return list(answer.metadata.authorization_details_types_supported)

    await house.apply(org.bundle())
    assert [await types(issuer) for issuer in (org.GRANTS, org.SERVER, org.OTHER_SERVER)] == [[], [], []]
    await house.apply(bundle())
    assert [await types(issuer) for issuer in (org.GRANTS, org.SERVER, org.OTHER_SERVER)] == [["queue"], ["queue"], []]
    await house.apply(changed(bundle(), {"grants.grants.0.details": None}))
    assert [await types(issuer) for issuer in (org.GRANTS, org.SERVER)] == [[], ["queue"]]


async def seen(house: House, token: str, client_id: str, secret: str) -> pb.IntrospectTokenResponse:
    client = ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))
    return await house.stub().IntrospectToken(pb.IntrospectTokenRequest(issuer=org.SERVER, client=client, token=token))


@pytest.mark.req("C-21", "C-26", "C-24")
async def test_each_resource_server_sees_the_scopes_and_details_of_its_own(house: House) -> None:
    document = bundle()
    page = {"type": "object", "properties": {"type": {}}, "additionalProperties": False}
    document["detail_types"]["p"] = {"type": "page", "resource": "wiki", "scope": "wiki:read", "schema": page}
    await house.apply(document)
    token = await own_token(
        house,
        aud=[org.TICKETS, org.WIKI],
        scope="tickets:read shared:read wiki:read gone",
        authorization_details=[
            {"type": "queue", "queue": "red"},
            {"type": "page"},
            {"type": "gone"},
            "odd",
            {"type": 7},
        ],
    )
    tickets = await seen(house, token, "rs-tickets", org.RS_SECRET)
    assert (tickets.scope, list(tickets.aud)) == ("tickets:read shared:read", [org.TICKETS])
    assert json.loads(tickets.authorization_details) == [{"type": "queue", "queue": "red"}]
    wiki = await seen(house, token, "rs-wiki", org.WIKI_RS_SECRET)
    assert (wiki.scope, list(wiki.aud)) == ("shared:read wiki:read", [org.WIKI])
    assert json.loads(wiki.authorization_details) == [{"type": "page"}]
    neither = await own_token(
        house, aud=[org.TICKETS, org.WIKI], scope="wiki:read", authorization_details=[{"type": "page"}]
    )
    bare = await seen(house, neither, "rs-tickets", org.RS_SECRET)
    assert bare.active
    assert not bare.HasField("scope")
    assert not bare.HasField("authorization_details")
    plain = await own_token(house, scope="tickets:read gone")
    assert (await seen(house, plain, "rs-tickets", org.RS_SECRET)).scope == "tickets:read gone"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.text(max_size=12),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=8,
)


@pytest.mark.req("A-17")
@UNHURRIED
@given(JSON)
def test_a_schema_judges_whatever_is_sent_and_never_fails(value: object) -> None:
    node = nodes_of(QUEUE, "x")
    text = read_detail_type(Fields(node, "q", Faults()), "q")
    resource = Resource("tickets", org.TICKETS, (), "tools", frozenset({"tickets:read"}), ())
    found = detail_types(Bundle(detail_types={"q": Declared(text, node, "q")}), {"tickets": resource})
    sent = {"type": "queue", "queue": value}
    fault = found["tools", "queue"].fault(sent)
    assert (fault is None) is (isinstance(value, str) and len(value) <= 8)
    assert fault is None or len(fault) <= 200
