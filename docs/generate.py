"""Writes the documents that are generated from code: `python docs/generate.py`.

With `--check` nothing is written, and a document that differs ends with status 1. To
add one, write a function that returns its text and name it in `DOCUMENTS`.
"""

from __future__ import annotations

import argparse
import sys
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from grantd_server.audit.explaining.fields import CHAIN_FIELDS, FIELDS, Viewer
from grantd_server.doctor.checks import FAMILIES
from grantd_server.refusals import Public, Reason
from grantd_server.shim.answer.refusal import ABOUT_THE_SHIM, DECISION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent / "tests"

WHOSE = {
    "client": "who runs the client",
    "identity": "identity administrators",
    "mcp": "who runs the authorization server or the MCP server",
    "operator": "who runs this service",
    "grantd": "the makers of grantd",
}


def refusals() -> str:
    """docs/refusals.md: both halves of the failure table."""
    status = ("reason", "number", "gRPC status", "OAuth error", "HTTP", "sentence")
    public = ([f"`{p.name}`", p.number, p.status, f"`{p.oauth_error}`", p.http, p.sentence] for p in Public)
    cause = ("cause", "told as", "level", "whose job", "what to do")
    causes = ([f"`{r.name}`", f"`{r.public.name}`", r.level, WHOSE[r.whose], r.remedy] for r in Reason)
    return "\n".join(
        [
            "# Refusals",
            "",
            "Every way a request can fail, in two halves. This page is generated from",
            "`service/grantd_server/refusals.py` by `python docs/generate.py`.",
            "",
            "## What a caller is told",
            "",
            "Over gRPC the reason stands in `google.rpc.ErrorInfo.reason` (domain `grantd`) beside the status, and is",
            "published in `proto/grantd/v1/reason.proto`. Over HTTP the OAuth error and the sentence are the members",
            "`error` and `error_description`. Rows that differ only in who is trusted, or in which client is known, are",
            "told by one sentence. The decision id, which both faces carry, leads to the cause; over HTTP it may also be",
            "part of `error_uri`, the address of a page of yours ([http.md](http.md#answers)).",
            "",
            *_table(status, public),
            "",
            "## What happened",
            "",
            "The cause is the metric label, the log line and the record. `grantd explain DECISION_ID` shows it with the",
            "check that failed, what was expected and what came.",
            "",
            *_table(cause, causes),
            "",
        ]
    )


def fields() -> str:
    """docs/fields.md: which fields of the contract serve which requirement."""
    said = {name: row["says"] for group in _read("requirements.yaml").values() for name, row in group.items()}
    places = _read("requirement_fields.yaml")
    rows = [(row, said[row], ", ".join(f"`{field}`" for field in named)) for row, named in places["fields"].items()]
    elsewhere = [(where, " ".join(named)) for where, named in places["elsewhere"].items()]
    return "\n".join(
        [
            "# Requirements and fields",
            "",
            "Where each requirement on a call lives in `grantd.v1`, and where the others are kept. This page is",
            "generated from `tests/requirement_fields.yaml` by `python docs/generate.py`; whether they hold is told by",
            "[conformance.md](conformance.md).",
            "",
            *_table(("row", "requirement", "fields"), rows),
            "",
            "## Rows that no field serves",
            "",
            *_table(("kept in", "rows"), elsewhere),
            "",
        ]
    )


def explain() -> str:
    """docs/explain.md: its source, and who may see which field."""
    text = (FOLDER / "explain.in.md").read_text("utf-8")
    tables = (("matrix", FIELDS), ("chain", CHAIN_FIELDS))
    for name, table in tables:
        rows = ([f"`{row}`", *("yes" if viewer in roles else "" for viewer in Viewer)] for row, roles in table.items())
        lines = _table(("field", *(viewer.value for viewer in Viewer)), rows)
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    return text


def openapi() -> str:
    """The document that the shim serves: its source in plain YAML, and every refusal."""
    document = yaml.safe_load((FOLDER / "openapi.in.yaml").read_text("utf-8"))
    told = [public for public in Public if public not in ABOUT_THE_SHIM]
    for status in sorted({public.http for public in told}):
        rows = [public for public in told if public.http == status]
        document["components"]["responses"][f"Refused{status}"] = _refused(status, rows)
    # Without aliases, which not every reader of OpenAPI follows.
    text = yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `python docs/generate.py`, from docs/openapi.in.yaml and the failure table.\n{text}"


def findings() -> str:
    """docs/findings.md: everything that `grantd doctor` can find."""
    rows = [
        line
        for family in FAMILIES
        for line in (
            f"## {family.title}",
            "",
            *_table(
                ("code", "severity", "what it means", "what to do"),
                ([f"`{r.code}`", r.severity.name.lower(), r.sentence, r.remedy] for r in family.rows),
            ),
            "",
        )
    ]
    return "\n".join(
        [
            "# Findings",
            "",
            "Everything that [`grantd doctor`](doctor.md) can find, by family. This page is generated from",
            "`service/grantd_server/doctor/` by `python docs/generate.py`.",
            "",
            *rows,
        ]
    )


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature of the dumper
        return True


def _refused(status: int, rows: list[Public]) -> dict[str, Any]:
    """One response: the errors of a status, each sentence, and an example of each row."""
    text = {"schema": {"type": "string"}}
    members: dict[str, Any] = {
        "error": {"enum": sorted({public.oauth_error for public in rows})},
        "error_description": {"enum": [public.sentence for public in rows]},
        "error_uri": {"$ref": "#/components/schemas/DecisionPage"},
    }
    headers: dict[str, Any] = {
        name: {"$ref": f"#/components/headers/{kept}"}
        for name, kept in (
            ("Cache-Control", "no-store"),
            ("Pragma", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
            (DECISION_ID, "decision-id"),
        )
    }
    if Public.STEP_UP_REQUIRED in rows:
        members |= {"max_age": {"type": "integer", "minimum": 0}, "acr_values": {"type": "string"}}
    if Public.PROOF_NONCE_REQUIRED in rows:
        headers["DPoP-Nonce"] = {"$ref": "#/components/headers/dpop-nonce"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"description": "Where the Authorization header was used.", **text}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers["Retry-After"] = {"required": True, "description": "Seconds.", **text}
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        headers["x-grantd-error-id"] = {"description": "Finds the fault in the log.", **text}
    body = {
        "schema": {
            "type": "object",
            "required": ["error", "error_description"],
            "properties": members,
            "additionalProperties": False,
        },
        "examples": {
            public.name: {"value": {"error": public.oauth_error, "error_description": public.sentence}}
            for public in rows
        },
    }
    words = ", ".join(sorted({public.oauth_error for public in rows}))
    return {"description": f"Refused: {words}.", "headers": headers, "content": {"application/json": body}}


OPENAPI = "../service/grantd_server/shim/openapi.yaml"
DOCUMENTS: dict[str, Callable[[], str]] = {
    "refusals.md": refusals,
    "fields.md": fields,
    "findings.md": findings,
    "explain.md": explain,
    OPENAPI: openapi,
}
"""By file name in this folder."""


def write(folder: Path) -> None:
    """Writes every document."""
    for name, text in DOCUMENTS.items():
        place = (folder / name).resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text(), encoding="utf-8")


def outdated(folder: Path) -> list[str]:
    """The documents that are missing or differ from what would be written."""
    return [
        name
        for name, text in DOCUMENTS.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text()
    ]


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(description="Writes the generated documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    if not parser.parse_args(arguments).check:
        write(folder)
        return 0
    found = outdated(folder)
    for name in found:
        print(f"docs/{name} is not up to date; run: python docs/generate.py", file=sys.stderr)
    return 1 if found else 0


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TESTS / name).read_text("utf-8"))
    return found


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    sys.exit(main())
