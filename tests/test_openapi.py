"""The OpenAPI document is valid, served, and true: what it says and what the shim does
are compared in both directions."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2 as mpb
from grantd_server import checks
from grantd_server.refusals import Public
from grantd_server.shim import ShimLimits
from grantd_server.shim.answer.answers import exchange_answer, introspect_answer, redeem_answer, refresh_answer
from grantd_server.shim.answer.refusal import ABOUT_THE_SHIM
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.issuers.documents import jwks_document, metadata_document
from grantd_server.shim.issuers.routes import Place, Route, Routes
from grantd_server.shim.request.form import PARAMETERS, Form
from grantd_server.shim.request.head import Head
from grantd_server.shim.request.messages import read_request
from grantd_server.subjects import KINDS
from openapi_ import ABOUT_ADMINISTRATORS, DOCUMENT, check_answer, check_schema, document, operations, resolved
from shim_fakes import AS, IDP, REDEEM, Refuse, fronted, issuer_metadata

SCHEMAS = document()["components"]["schemas"]
ISSUERS = [
    issuer_metadata(IDP, mpb.ISSUER_KIND_GRANT_ISSUER),
    issuer_metadata(AS, mpb.ISSUER_KIND_AUTHORIZATION_SERVER),
    issuer_metadata("https://root.example", mpb.ISSUER_KIND_GRANT_ISSUER),
]
OWN = {"/healthz", "/readyz", "/openapi.yaml"}


def forms() -> dict[tuple[bool, Place, str | None], dict[str, Any]]:
    """The schema of each form: by kind of issuer, place and grant type."""
    about = SCHEMAS["AboutToken"]
    found: dict[tuple[bool, Place, str | None], dict[str, Any]] = {
        (False, Place.INTROSPECTION, None): about,
        (False, Place.REVOCATION, None): about,
    }
    operation = document()["paths"]["/token"]["post"]
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    for grant in map(resolved, schema["oneOf"]):
        at_grant_issuer = "grant issuers" in grant["title"]
        grant_type = grant["properties"]["grant_type"]
        found |= {
            (at_grant_issuer, Place.TOKEN, name): grant for name in grant_type.get("enum", [grant_type.get("const")])
        }
    return found


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Its members with those of the schemas it is composed of."""
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= properties(resolved(part))
    return found


class NotedForm:
    """Stands for a form and notes what is asked of it."""

    def __init__(self, grant_type: str | None) -> None:
        self.grant_type = grant_type
        self.once: set[str] = set()
        self.often: set[str] = set()

    def one(self, name: str) -> str | None:
        self.once.add(name)
        return self.grant_type if name == "grant_type" else None

    def many(self, name: str) -> list[str]:
        self.often.add(name)
        return []

    def refuse_repeated(self, may_repeat: Any = ()) -> None:
        """Whatever may stand twice; another test tries it."""


class NotedHeaders(dict[bytes, list[bytes]]):
    """Headers of which nothing is there; notes which are looked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: bytes, default: Any = None) -> Any:  # type: ignore[override]  # as `Head` calls it
        self.names.add(name.decode())
        return default


def head_of(headers: dict[bytes, list[bytes]]) -> Head:
    return Head("POST", b"/", "192.0.2.1", headers, well_formed=True)


def read(kind: tuple[bool, Place, str | None], form: Any, headers: dict[bytes, list[bytes]] | None = None) -> None:
    at_grant_issuer, place, _ = kind
    read_request(
        Route("i", at_grant_issuer, "h", place), form, head_of({} if headers is None else headers), ShimLimits()
    )


def test_the_document_is_openapi_3_1():
    assert document()["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_the_document_is_plain_yaml_for_readers_that_follow_no_aliases():
    text = DOCUMENT.read_text("utf-8")
    assert [mark for mark in ("<<:", ": &", ": *", "- &", "- *") if mark in text] == []


@pytest.mark.req("F-09", "F-10")
@pytest.mark.parametrize("kind", forms(), ids=str)
def test_every_parameter_that_is_read_is_described_and_the_reverse(kind):
    form = NotedForm(kind[2])
    read(kind, form)
    described = properties(forms()[kind])
    assert form.once | form.often == described.keys()
    assert form.often == {name for name, schema in described.items() if schema.get("type") == "array"}


@pytest.mark.req("F-06")
@pytest.mark.parametrize("kind", forms(), ids=str)
def test_what_may_stand_twice_is_an_array_and_nothing_else_is(kind):
    for name, schema in properties(forms()[kind]).items():
        grant_type = {"grant_type": [kind[2]]} if kind[2] else {}
        form = Form({**grant_type, name: [kind[2] or "a", "b"]})
        if schema.get("type") == "array":
            read(kind, form)
        else:
            with pytest.raises(WireRefused) as refused:
                read(kind, form)
            assert refused.value.fault == pb.WIRE_FAULT_REPEATED_PARAMETER


@pytest.mark.req("A-20")
def test_the_kinds_of_subject_tokens_are_those_of_the_service():
    assert set(SCHEMAS["TokenExchange"]["properties"]["subject_token_type"]["enum"]) == KINDS.keys()


def test_the_names_that_are_told_to_the_service_are_those_of_the_document():
    assert set().union(*(properties(schema) for schema in forms().values())) == PARAMETERS


def test_every_grant_type_of_the_service_has_a_form_where_it_is_offered():
    known = set()
    for grant_type in (value for name, value in vars(checks).items() if name.startswith("GRANT_TYPE_")):
        for at_grant_issuer in (True, False):
            kind = (at_grant_issuer, Place.TOKEN, grant_type)
            with contextlib.suppress(WireRefused):
                read(kind, NotedForm(grant_type))
                known.add(kind)
    assert known == {kind for kind in forms() if kind[1] is Place.TOKEN}


@pytest.mark.parametrize("kind", forms(), ids=str)
def test_every_header_that_is_read_is_described(kind):
    headers = NotedHeaders()
    read(kind, NotedForm(kind[2]), headers)
    path = {Place.TOKEN: "/token", Place.INTROSPECTION: "/introspect", Place.REVOCATION: "/revoke"}[kind[1]]
    described = {resolved(each)["name"].lower() for each in document()["paths"][path]["post"]["parameters"]}
    # The first is the security scheme, the second for proxies and not for clients.
    assert headers.names - {"authorization", "x-forwarded-for"} == described


def documented_path(path: str, issuer: str) -> str:
    """The path of the document for one of an issuer's."""
    base = issuer.partition("://")[2].partition("/")[2]
    if base and path.startswith("/.well-known/"):
        return path.removesuffix(f"/{base}") + "/{issuer_path}"
    return path.removeprefix(f"/{base}") if base else path


def routes() -> dict[str, Route]:
    """Every path of the issuers, one of which has no path of its own."""
    made = Routes(ISSUERS, cors=False)
    return {path.decode(): route for path, found in made._by_path.items() for route in found}


@pytest.mark.req("F-01")
def test_every_route_is_described_and_the_reverse():
    described = {path for path, _, _ in operations()}
    assert {documented_path(path, route.issuer) for path, route in routes().items()} | OWN == described


@pytest.mark.req("F-01")
@pytest.mark.parametrize("path", [*routes(), *sorted(OWN)])
async def test_exactly_the_described_methods_are_taken(path):
    route = routes().get(path)
    here = documented_path(path, route.issuer) if route else path
    described = {method: operation for at, method, operation in operations() if at == here}
    async with fronted() as front:
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(issuers=ISSUERS)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"):
            answer = await front.client.request(method, path)
            assert (answer.status_code != 405) == (method in described), method
            if method not in described:
                assert answer.headers["allow"].split(", ") == sorted(described)
            operation = described.get(method) or next(iter(described.values()))
            check_answer(operation, answer)


def filled(message: Any) -> Any:
    """A message with something in every field."""
    for field in message.DESCRIPTOR.fields:
        value: Any
        if field.name == "authorization_details":
            value = '[{"type":"t"}]'
        elif field.message_type is not None:
            filled(getattr(message, field.name)) if not field.is_repeated else None
            continue
        else:
            value = {field.CPPTYPE_BOOL: True, field.CPPTYPE_STRING: "x"}.get(field.cpp_type, 1)
        if field.is_repeated:
            getattr(message, field.name).extend([value, value])
        else:
            setattr(message, field.name, value)
    return message


@pytest.mark.parametrize(
    ("render", "message", "schema"),
    [
        (exchange_answer, pb.ExchangeIdentityResponse, "Grant"),
        (refresh_answer, pb.RefreshTokenResponse, "Renewed"),
        (redeem_answer, pb.RedeemGrantResponse, "AccessToken"),
        (introspect_answer, pb.IntrospectTokenResponse, "Active"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_member_of_an_answer_is_described_and_the_reverse(render, message, schema):
    assert render(filled(message())).keys() == properties(SCHEMAS[schema]).keys()


@pytest.mark.req("E-17")
def test_every_member_of_metadata_and_keys_is_described_and_the_reverse():
    metadata = metadata_document(filled(mpb.IssuerMetadata()), openid=True, cors=False)
    assert json.loads(metadata.body).keys() == SCHEMAS["Metadata"]["properties"].keys()
    keys = jwks_document(mpb.GetJwksResponse(keys=[filled(mpb.JsonWebKey())]), cors=False)
    described = SCHEMAS["KeySet"]["properties"]["keys"]["items"]["properties"]
    assert json.loads(keys.body)["keys"][0].keys() == described.keys()


SAID_WITH = {Public.STEP_UP_REQUIRED: {"max_age": "60", "acr_values": "mfa"}, Public.INTERNAL: {"error_id": "e1"}}


@pytest.mark.req("F-45")
@pytest.mark.parametrize("public", sorted(set(Public) - ABOUT_THE_SHIM - ABOUT_ADMINISTRATORS, key=str), ids=str)
async def test_every_refusal_is_described(public):
    async with fronted() as front:
        front.service.answers["RedeemGrant"] = Refuse(public, SAID_WITH.get(public, {}))
        answer = await front.post("/as/token", {"grant_type": REDEEM, "assertion": "x"}, authorization="Basic eDp5")
    assert answer.status_code == public.http
    check_answer(document()["paths"]["/token"]["post"], answer)
    examples = resolved(document()["components"]["responses"][f"Refused{public.http}"])
    told = examples["content"]["application/json"]["examples"][public.name]["value"]
    assert told == {name: answer.json()[name] for name in ("error", "error_description")}


def described_examples() -> list[tuple[str, dict[str, Any], Any]]:
    found = []

    def look(node: Any, where: str) -> None:
        if isinstance(node, dict):
            for name, example in node.get("examples", {}).items() if "schema" in node else ():
                found.append((f"{where} {name}", node["schema"], example["value"]))
            for key, below in node.items():
                look(below, f"{where}/{key}")

    look(document()["paths"], "")
    look(document()["components"], "")
    return found


@pytest.mark.parametrize(("schema", "value"), [pytest.param(s, v, id=name) for name, s, v in described_examples()])
def test_every_example_is_what_its_schema_says(schema, value):
    check_schema(schema, value)


async def test_the_document_is_served_and_a_copy_is_told_by_its_tag():
    async with fronted() as front:
        first = await front.client.get("/openapi.yaml")
        tag = first.headers["etag"]
        copies = [
            await front.client.get("/openapi.yaml", headers={"if-none-match": known})
            for known in (tag, f'"other", W/{tag}', "*", '"other"', tag.strip('"'))
        ]
        head = await front.client.head("/openapi.yaml")
        assert front.service.got == []
    assert first.content == DOCUMENT.read_bytes()
    assert first.headers["content-type"] == "application/yaml"
    assert first.headers["cache-control"] == "max-age=300"
    assert "access-control-allow-origin" not in first.headers
    assert [copy.status_code for copy in copies] == [304, 304, 304, 200, 200]
    assert [(copy.content, copy.headers["etag"]) for copy in copies[:3]] == [(b"", tag)] * 3
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(first.content)))


@pytest.mark.req("F-30")
async def test_the_document_is_for_scripts_of_any_origin_where_cors_is_on():
    async with fronted(ShimLimits(cors=True)) as front:
        assert (await front.client.get("/openapi.yaml")).headers["access-control-allow-origin"] == "*"


async def test_a_304_does_not_tell_a_length():
    async with fronted() as front:
        tag = (await front.client.get("/openapi.yaml")).headers["etag"]
        copy = await front.client.get("/openapi.yaml", headers={"if-none-match": tag})
    assert "content-length" not in copy.headers
