"""Outside text in every place that reaches a terminal, a file or a spreadsheet: it drives
none of them, begins no line, and looks like nothing else."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import SAMPLE
from grantd.administration.decisions import answers
from grantd.administration.governance import answers as told
from grantd.v1 import decision_pb2 as pb
from grantd.v1 import governance_pb2 as governed
from grantd_server.audit.explaining.chain_text import chain_text
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.journey import Trail, journey, places
from grantd_server.audit.explaining.plain import plain
from grantd_server.audit.explaining.shown import as_json, cell, exactly, shown
from grantd_server.audit.explaining.text import short_text, sides, text_of
from grantd_server.cli.governing import blocks, bundle, versions
from grantd_server.cli.recorded import access, chains
from grantd_server.cli.terminal import answered
from grantd_server.rpc.administration.explained import chain_of, decision_of, explanation_of
from tokens import UNHURRIED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

NASTY = [
    "\x1b[2J", "\x1b]0;t\x07", "\x9b31m", "\x00", "\x7f", "\r", "\n", "\x85", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff",
    "\u00a0", "\u3000", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\U000e0100", "\ud800", "\\u202e", "a" + "\u0301" * 50,
    "=cmd|'/C calc'!A0", "+1", "-1", "@x", " =1", "\uff1dcmd", '"', ",", ";", "{}", "%s", "{winner}", "x" * 3000,
]  # fmt: skip
HOSTILE = st.sampled_from(NASTY) | st.text(max_size=12) | st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
WIRE = HOSTILE.map(lambda text: text.encode("utf-8", "replace").decode())
"""What a message can hold."""


def unsafe(line: str) -> list[str]:
    """The characters that a terminal obeys, or that nobody sees."""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    blank = "\u115f\u1160\u2800\u3164\uffa0\ufe0f\U000e0100"
    return [
        char
        for char in line
        if unicodedata.category(char) in bad or char in blank or (unicodedata.category(char) == "Zs" and char != " ")
    ]


def safe(text: str) -> bool:
    return not any(unsafe(line) for line in text.split("\n"))


def record(said: Iterator[str], *, refused: bool = True) -> dict[str, Any]:
    """A record in which every text is what somebody said."""
    texts = (
        "rpc", "outcome", "transport", "caller", "role", "address", "issuer", "client", "client_id", "client_method",
        "client_credential", "subject", "subject_key", "tenant", "audience", "bundle_version", "family", "jti_hash",
        "token_hash", "trace_id", "error_id",
    )  # fmt: skip
    body: dict[str, Any] = {name: next(said) for name in texts}
    body |= {
        "id": "d1",
        "chain": "ab" * 32,
        "time": 1_800_000_000.5,
        "reason": "POLICY_NO_RULE" if refused else next(said),
    }
    body |= {name: [next(said), next(said)] for name in ("resources", "scopes_asked", "scopes_granted")}
    body |= {name: {next(said): next(said)} for name in ("rules", "refused_scopes", "shadow", "facts")}
    body["checks"] = [[next(said), next(said), ok, next(said), next(said)] for ok in (True, False)]
    body["near_misses"] = [{name: next(said) for name in ("rule", "clause", "expected", "got")} | {"failed": 2}]
    body["introspected"] = [[next(said), next(said)]]
    body["inputs"] = [{"identity_provider": next(said), "acr": next(said), "amr": [next(said)], "auth_time": 1.5}]
    return body


def repeated(said: list[str]) -> Iterator[str]:
    while True:
        yield from said


def trail(said: Iterator[str]) -> Trail:
    bodies = [
        record(said, refused=False) | {"rpc": rpc, "outcome": "granted"} for rpc in ("ExchangeIdentity", "RedeemGrant")
    ]
    sums = [{"minute": 1, "token": next(said), "asker": next(said), "outcome": next(said), "count": 2}]
    return Trail(next(said), [*bodies, record(said)], sums)


@settings(UNHURRIED, max_examples=40)
@given(st.lists(HOSTILE, min_size=1, max_size=40))
def test_no_text_of_a_record_drives_a_terminal_or_begins_a_line(said: list[str]) -> None:
    whole, harmless = (journey(trail(repeated(texts))) for texts in (said, ["x"]))
    found, same = (explained(record(repeated(texts)), places(whole)) for texts in (said, ["x"]))
    assert safe(text_of(found))
    assert safe(short_text(found))
    assert safe(chain_text(whole))
    # As many lines as of harmless texts, but for those of values that are empty.
    assert len(text_of(found).split("\n")) <= len(text_of(same).split("\n"))
    assert len(chain_text(whole).split("\n")) == len(chain_text(harmless).split("\n"))
    assert "\n" not in short_text(found)
    for value in (found, whole):
        printed = json.dumps(plain(value), indent=2, ensure_ascii=False)
        assert safe(printed)
        assert json.loads(printed) == plain(value)


@settings(UNHURRIED, max_examples=40)
@given(st.lists(HOSTILE, min_size=1, max_size=40))
def test_what_is_sent_is_safe_already_and_reads_as_it_was(said: list[str]) -> None:
    found = explained(record(repeated(said)))
    for message in (decision_of(found), explanation_of(found), chain_of(journey(trail(repeated(said))))):
        for text in texts_of(message):
            # Policy inputs are JSON, which escapes on its own.
            assert safe(text)
    back = answered.explained(answers.explained(explanation_of(found), None))
    assert text_of(back) == text_of(found)


def texts_of(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        for one in value.items() if hasattr(value, "items") else value if field.is_repeated else (value,):
            if isinstance(one, tuple):
                yield from one
            elif isinstance(one, str):
                yield one
            elif hasattr(one, "ListFields"):
                yield from texts_of(one)


def spoken(message: Any, said: Iterator[str]) -> Any:
    """A message of a service that nobody should believe: its texts are as they come."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)[next(said)] = next(said)
        elif field.message_type is not None and field.is_repeated:
            spoken(getattr(message, field.name).add(), said)
        elif field.message_type is not None:
            spoken(getattr(message, field.name), said)
        elif field.type == field.TYPE_STRING and field.is_repeated:
            getattr(message, field.name).append(next(said))
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, next(said))
    return message


@settings(UNHURRIED, max_examples=40)
@given(st.lists(WIRE, min_size=1, max_size=40))
def test_a_service_that_lies_drives_no_terminal_of_those_who_ask_it(said: list[str]) -> None:
    told = answered.explained(answers.explained(spoken(pb.ExplainDecisionResponse(), repeated(said)), None))
    assert safe(text_of(told))
    assert safe(short_text(answered.decided(answers.decision(spoken(pb.Decision(), repeated(said))))))
    traced = answered.traced(answers.traced(spoken(pb.TraceChainResponse(), repeated(said)), None))
    assert safe(chain_text(traced))
    for value in (told, traced):
        assert safe(json.dumps(plain(value), indent=2, ensure_ascii=False))


@settings(UNHURRIED, max_examples=50)
@given(st.lists(WIRE, min_size=1, max_size=12))
def test_no_name_in_an_access_report_drives_a_terminal_or_a_spreadsheet(said: list[str]) -> None:
    names = repeated(said)
    use = pb.AccessUse(
        client=next(names), resource=next(names), users=1, users_at_most=2, grants=3, tokens=4, last_used=1_800_000_000,
        scopes=[next(names), next(names)], unused_scopes=[next(names)],
    )  # fmt: skip
    row = access._row(use)
    printed = {writer: written(writer, [row]) for writer in (access._print, access._write_csv)}
    assert all(safe(text) for text in printed.values())
    assert len(printed[access._print].splitlines()) == 4
    table = list(csv.reader(io.StringIO(printed[access._write_csv])))
    assert [len(line) for line in table] == [len(access.COLUMNS)] * 2
    assert not any(text.lstrip().startswith(("=", "+", "-", "@", "\uff1d")) for text in table[1])
    exact = as_json([row], indent=2)
    assert safe(exact)
    assert json.loads(exact) == [row]


class Lying:
    """A service, and the way to it, that says whatever it likes."""

    def __init__(self, said: list[str]) -> None:
        self._said = repeated(said)

    server = "127.0.0.1:1"

    @asynccontextmanager
    async def governance(self, *_: Any) -> AsyncIterator[Lying]:
        yield self

    async def list_blocks(self) -> AsyncIterator[Any]:
        for row in told.blocks(spoken(governed.ListBlocksResponse(), self._said), None).rows:
            yield row

    async def list_bundles(self, _: int) -> AsyncIterator[Any]:
        answer = spoken(governed.ListBundlesResponse(), self._said)
        answer.bundles.add().CopyFrom(answer.bundles[0])
        answer.bundles[0].activated = 1_800_000_000
        for row in told.versions(answer, None).rows:
            yield row

    async def diff_bundles(self, *_: str) -> Any:
        return told.diff(spoken(governed.BundleDiff(), self._said))

    async def apply_bundle(self, *_: Any, **__: Any) -> Any:
        answer = spoken(governed.ApplyBundleResponse(), self._said)
        answer.ClearField("faults")
        answer.activated = True
        return told.applied(answer, None, governed.ApplyBundleOptions(force=True))

    async def revoke_chain(self, *_: str, **__: str) -> Any:
        return told.revoked(spoken(governed.RevokeChainResponse(), self._said), None)


class Refusing(Lying):
    """It finds faults in every bundle."""

    async def apply_bundle(self, *_: Any, **__: Any) -> Any:
        return told.applied(
            governed.ApplyBundleResponse(faults=[next(self._said)]), None, governed.ApplyBundleOptions()
        )


COMMANDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "blocks": (blocks.list_blocks, {"as_json": False}),
    "blocks --json": (blocks.list_blocks, {"as_json": True}),
    "versions": (versions.list_versions, {"limit": 1, "as_json": False}),
    "versions --json": (versions.list_versions, {"limit": 1, "as_json": True}),
    "diff": (versions.diff_versions, {"older": "a", "newer": "b", "as_json": False}),
    "diff --json": (versions.diff_versions, {"older": "a", "newer": "b", "as_json": True}),
    "apply": (bundle.apply_directory, {"directory": SAMPLE, "dry_run": False, "as_json": False}),
    "apply --json": (bundle.apply_directory, {"directory": SAMPLE, "dry_run": False, "as_json": True}),
    "revoke": (chains.revoke_chain, {"named": "d1", "reason": "stolen"}),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("nasty", ["\x1b[2J\x7f", "a\nb", "\u202e", "\u200b\x9b31m"])
def test_a_service_that_lies_drives_no_terminal_of_those_who_govern_it(
    command: str, nasty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, given = COMMANDS[command]
    run.__wrapped__(Lying([nasty]), **given)
    out = capsys.readouterr().out
    assert safe(out)
    if "--json" in command:
        assert nasty in texts_in(json.loads(out)), "programs get exactly what was said"
    else:
        run.__wrapped__(Lying(["x"]), **given)
        assert len(out.splitlines()) == len(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("as_json", [False, True])
def test_faults_that_a_service_tells_are_lines_that_drive_no_terminal(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = "clients.yaml:1:1: \x1b[2J\u202e\n\x7f"
    with pytest.raises(typer.Exit):
        bundle.apply_directory.__wrapped__(Refusing([nasty]), SAMPLE, dry_run=False, as_json=as_json)  # type: ignore[attr-defined]  # functools.wraps sets it
    out, err = capsys.readouterr()
    assert safe(out)
    assert safe(err)
    assert len(err.splitlines()) == 1
    assert not as_json or json.loads(out)["faults"] == [nasty]


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [text for part in parts for text in texts_in(part)]
    return [value] if isinstance(value, str) else []


def written(writer: Any, rows: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        writer(rows)
    return out.getvalue()


@UNHURRIED
@given(HOSTILE)
def test_a_text_is_shown_in_one_way_and_no_two_alike(text: str) -> None:
    assert safe(shown(text))
    assert safe(cell(text))
    assert safe(exactly(text))
    assert json.loads(as_json(text)) == text
    if len(text) <= 200:
        assert answered._text(shown(text)) == text


@pytest.mark.parametrize(
    ("expected", "got", "told"),
    [
        ("desk-sso", "d\u0435sk-sso", "d\u0435sk-sso [U+0435 CYRILLIC SMALL LETTER IE]"),
        ("desk", "desk ", "'desk '"),
        ("a b", "a  b", "'a  b'"),
        ("desk", "de\u200bsk", "de\\u200bsk"),
        ("desk", "de\u00a0sk", "de\\xa0sk"),
        ("corp:gr\u00f6\u00dfe", "corp:gr\u00f6\u00dfe2", "corp:gr\u00f6\u00dfe2"),
        ("corp:\u00e9", "corp:e\u0301", "corp:e\u0301 [U+0301 COMBINING ACUTE ACCENT]"),
        ("x", "\u4e00\u4e01\u4e02\u4e03", "\u4e00\u4e01\u4e02\u4e03 [U+4E00 CJK UNIFIED IDEOGRAPH-4E00, U+4E01 CJK UNIFIED IDEOGRAPH-4E01, U+4E02 CJK UNIFIED IDEOGRAPH-4E02]"),
    ],
)  # fmt: skip
def test_what_looks_alike_is_told_apart_where_a_check_failed(expected: str, got: str, told: str) -> None:
    assert list(sides(expected, got))[1] == f"           got      {told}"
    assert list(sides(expected, expected, differ=False))[1] == f"           got      {shown(expected)}"


@pytest.mark.parametrize(
    ("got", "told"),
    [
        ("exp 1800000000", "exp 1800000000 (2027-01-15T08:00:00Z)"),
        ("a sign-in at 1800000000 or later", "a sign-in at 1800000000 (2027-01-15T08:00:00Z) or later"),
        ("now 1800000000", "now 1800000000 (2027-01-15T08:00:00Z)"),
        ("1800000000", "1800000000"),
        ("client 1800000000", "client 1800000000"),
        ("exp 18000000001", "exp 18000000001"),
    ],
)
def test_a_moment_in_a_check_is_told_in_utc_and_another_number_is_not(got: str, told: str) -> None:
    assert list(sides("", got)) == [f"           got      {told}"]
