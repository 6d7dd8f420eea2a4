"""Who may see what of a decision: the table, and that nothing gets past it."""

from __future__ import annotations

import dataclasses
import json
from itertools import count, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.audit.explaining.chain_text import chain_text
from grantd_server.audit.explaining.explanation import Asked, Explanation, Made, Miss, Place, explained
from grantd_server.audit.explaining.fields import CHAIN_FIELDS, FIELDS, Viewer, narrowed, narrowed_journey
from grantd_server.audit.explaining.journey import Journey, Node
from grantd_server.audit.explaining.plain import plain
from grantd_server.audit.explaining.text import text_of
from grantd_server.audit.record import Record
from grantd_server.model.bundle.rules import NearMiss
from grantd_server.refusals import Public, Reason

PARTS = {"checks": Made, "near_misses": Miss, "introspected": Asked, "position": Place}
TYPED: dict[str, Any] = {"ok": True, "time": 1.0, "failed": 7}
MARK = "zq{}kx"
"""Values that no word of ours holds."""


def marks() -> Any:
    numbers = count(100_000)
    return lambda: MARK.format(next(numbers))


def filled() -> tuple[Explanation, dict[str, list[str]]]:
    """An explanation in which every field has values of its own, and those values by row."""
    mark, values = marks(), {}

    def one(row: str) -> str:
        values.setdefault(row, []).append(mark())
        return str(values[row][-1])

    def number(row: str) -> int:
        values.setdefault(row, []).append(str(1_800_000_000 + len(values)))
        return int(values[row][-1])

    made: dict[str, Any] = {}
    for field in dataclasses.fields(Explanation):
        if field.name in PARTS:
            kind: Any = PARTS[field.name]
            texts = {part: one(f"{field.name}.{part}") for part in kind._fields if part not in TYPED}
            typed = {part: TYPED[part] for part in kind._fields if part in TYPED}
            made[field.name] = (kind(**texts, **typed), kind(**dict.fromkeys(texts, "more"), **typed))
        elif field.name == "inputs":
            made[field.name] = ({"users": {"values": [one(field.name)]}},)
        elif isinstance(getattr(Explanation(), field.name), dict):
            made[field.name] = {one(field.name): one(field.name)}
        elif isinstance(getattr(Explanation(), field.name), tuple):
            made[field.name] = (one(field.name), one(field.name))
        elif isinstance(getattr(Explanation(), field.name), str):
            made[field.name] = one(field.name)
        else:
            made[field.name] = number(field.name)
    return Explanation(**made), values


def allowed(row: str, viewer: Viewer) -> bool:
    rows = {row, row.partition(".")[0]}
    return all(viewer in FIELDS[name] for name in rows)


def test_every_field_of_an_explanation_has_a_row_and_every_row_a_field() -> None:
    expected = {field.name for field in dataclasses.fields(Explanation)}
    expected |= {f"{name}.{part}" for name, kind in PARTS.items() for part in kind._fields}
    assert expected == FIELDS.keys()
    assert {field.name for field in dataclasses.fields(Node)} == CHAIN_FIELDS.keys()


def test_every_field_of_a_record_is_a_field_of_its_explanation() -> None:
    record = Record("RedeemGrant", 1_800_000_000.0, trace_id=7, reason=Reason.BUG)
    for field in dataclasses.fields(record):
        if isinstance(getattr(record, field.name), str) and not field.name.startswith("_"):
            setattr(record, field.name, f"a {field.name}")
    record.introspected.append(("aa", "active"))
    record.resources = record.scopes_asked = record.scopes_granted = ("r",)
    record.rules, record.refused_scopes, record.shadow = {"s": "r"}, {"s": "w"}, {"r": "deny"}
    record.facts = {"winner": "d1", "cause": "c"}
    record.near_misses, record.bundle_epoch, record.expires = (NearMiss("r", "c", "e", "g", 1),), 4, 9
    record.inputs.append({"v": 1})
    record.noted("n", "e", "g")

    body = record.body()
    assert body.keys() - {"v"} <= {field.name for field in dataclasses.fields(Explanation)}
    told = explained(body)
    assert [name for name in body.keys() - {"v"} if not getattr(told, name)] == []
    assert told.used_by == "d1"


def test_a_field_without_a_row_is_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    told, _ = filled()
    for row in FIELDS:
        left = {name: roles for name, roles in FIELDS.items() if name != row}
        for viewer in Viewer:
            name, _, part = row.partition(".")
            seen = getattr(narrowed(told, viewer, left), name)
            if not part:
                assert seen == getattr(Explanation(), name)
            elif seen:
                assert not any(getattr(each, part) for each in seen)


@pytest.mark.req("G-39")
@pytest.mark.parametrize("viewer", list(Viewer))
def test_a_role_is_told_the_fields_of_its_column_and_no_other(viewer: Viewer) -> None:
    told, values = filled()
    seen = narrowed(told, viewer)
    answers = [text_of(seen), json.dumps(plain(seen)), repr(seen)]
    for row, marked in values.items():
        for value in marked:
            assert (value in answers[1]) == allowed(row, viewer), (row, value)
            if not allowed(row, viewer):
                assert not any(value in answer for answer in answers), (row, value)


TEXT = st.integers(min_value=100_000, max_value=999_999).map(MARK.format)
NAMES = ("subject", "subject_key", "tenant", "address", "caller", "client_credential", "jti_hash", "token_hash")


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT)),
    st.lists(st.tuples(TEXT, TEXT)),
    st.dictionaries(TEXT, TEXT),
)
def test_no_value_that_is_kept_from_observers_is_anywhere_in_what_they_are_told(
    hidden: dict[str, str], pairs: list[tuple[str, str]], facts: dict[str, str]
) -> None:
    body = {
        "id": "d1",
        "reason": "ASSERTION_SUBJECT",
        "outcome": "refused",
        **hidden,
        "facts": facts,
        "checks": [["step", "name", False, *pair] for pair in pairs],
        "near_misses": [{"rule": "r", "clause": "c", "expected": one, "got": other} for one, other in pairs],
        "inputs": [{"leg": 1, "users": {"state": "known", "values": list(facts)}}],
    }
    told = explained(body, (Place("d1", 1.0, "refusal", "refused"),))
    seen = narrowed(told, Viewer.OBSERVER)
    texts = text_of(seen) + json.dumps(plain(seen)) + repr(seen)
    for value in (*hidden.values(), *facts, *facts.values(), *(each for pair in pairs for each in pair)):
        assert value not in texts
    assert "ASSERTION_SUBJECT" in texts


@pytest.mark.req("G-41", "B-42")
@pytest.mark.parametrize("public", list(Public))
def test_a_clients_developer_cannot_tell_two_reasons_of_one_public_row_apart(public: Public) -> None:
    """Whatever the checks got to before they failed: a full record and an empty one."""
    rows = [reason for reason in Reason if reason.public is public]
    same = {"id": "d1", "time": 7.5, "rpc": "RedeemGrant", "outcome": "refused"}
    full = plainest(filled()[0])
    told = {
        repr(narrowed(explained({**more, **same, "reason": reason.name}), Viewer.CLIENT))
        for reason, more in product(rows, ({}, full))
    }
    assert len(told) == 1
    (only,) = told
    assert public.sentence in only
    assert MARK.format("")[:2] not in only


def plainest(told: Explanation) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dataclasses.asdict(told))))


def test_what_a_clients_developer_is_told_says_what_to_try() -> None:
    body = {"id": "d1", "time": 7.5, "rpc": "RedeemGrant", "outcome": "refused", "reason": "ASSERTION_EXPIRED"}
    text = text_of(narrowed(explained(body), Viewer.CLIENT))
    assert "try: Ask for a fresh grant; grants live a few minutes." in text
    assert text.splitlines() == [
        "decision d1",
        "  outcome       refused: ASSERTION_INVALID",
        "  when          1970-01-01T00:00:07.500Z",
        "  call          RedeemGrant",
        "",
        "told: the assertion is not acceptable",
        *(f"try: {r.remedy}" for r in Reason if r.public is Public.ASSERTION_INVALID and r.whose == "client"),
        "otherwise: give the identity team this decision id",
    ]


@pytest.mark.parametrize("viewer", list(Viewer))
def test_a_chain_shows_each_role_its_columns(viewer: Viewer) -> None:
    told, values = filled()
    nodes = Node("n1", "", "sign-in", 1.0, 2.0, 3, 4, "zqOUTkx", "zqASKkx", "zqIDPkx", "zqACRkx", ("zqAMRkx",), told)
    seen = narrowed_journey(Journey("zqCHAINkx", (nodes,), 99), viewer)
    answers = chain_text(seen) + json.dumps(plain(seen)) + repr(seen)
    for name, mark in (("outcome", "OUT"), ("asker", "ASK"), ("provider", "IDP"), ("acr", "ACR"), ("amr", "AMR")):
        assert (f"zq{mark}kx" in answers) == (viewer in CHAIN_FIELDS[name])
    for row, marked in values.items():
        if not allowed(row, viewer) or viewer is Viewer.CLIENT:
            assert not any(value in answers for value in marked), row
    assert ("zqCHAINkx" in answers) == (viewer is not Viewer.CLIENT)


def test_the_table_names_every_role() -> None:
    assert all(roles <= frozenset(Viewer) for roles in (*FIELDS.values(), *CHAIN_FIELDS.values()))
    observers = {row for row, roles in FIELDS.items() if Viewer.OBSERVER in roles}
    assert {row for row, roles in FIELDS.items() if Viewer.CLIENT in roles} <= observers
    assert {row for row, roles in FIELDS.items() if Viewer.AUDITOR in roles} >= observers
