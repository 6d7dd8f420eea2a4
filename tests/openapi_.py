"""Test support: the OpenAPI document, and whether an answer is one that it describes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from grantd_server import shim
from grantd_server.refusals import Public

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

ABOUT_ADMINISTRATORS = frozenset({Public.NOT_FOUND, Public.BUNDLE_MOVED, Public.NOT_GOVERNED})
"""What only their API refuses with, which the shim does not speak."""
DOCUMENT = Path(shim.__file__).with_name("openapi.yaml")
# What the HTTP server and the framing add.
TRANSPORT = {"content-type", "content-length", "connection", "date", "transfer-encoding"}


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text("utf-8"))
    return loaded


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; anything else is itself."""
    while "$ref" in node:
        found: Any = document()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in capitals, operation."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method in {"get", "head", "post"}:
                yield path, method.upper(), operation


def check_schema(schema: dict[str, Any], value: object) -> None:
    """Whether a value is what a schema of the document says."""
    whole = {**schema, "components": document()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def check_answer(operation: dict[str, Any], answer: httpx2.Response) -> None:
    """Whether status, headers, content type and body are as the operation says."""
    described = resolved(operation["responses"][str(answer.status_code)])
    headers = {name.lower(): resolved(header) for name, header in described.get("headers", {}).items()}
    sent = {name.lower() for name in answer.headers} - TRANSPORT
    # On answers in plain words these few are sent as well, and nobody builds on them.
    assert sent - headers.keys() - {"cache-control", "pragma", "x-content-type-options"} == set()
    assert {name for name, header in headers.items() if header.get("required")} - sent == set()
    for name, header in headers.items():
        if name in sent:
            check_schema(header.get("schema", {}), answer.headers[name])
    content = described.get("content")
    if content is None:
        assert answer.content == b""
        return
    (media_type, body), *others = content.items()
    assert others == []
    assert answer.headers["content-type"].partition(";")[0] == media_type
    if media_type == "application/json" and answer.request.method != "HEAD":
        check_schema(body["schema"], answer.json())
