"""The strict part of YAML: what is read, what is refused, and that nothing else happens."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import northwind
from grantd_server.governance.document import parse_directory, version_of
from grantd_server.governance.faults import BundleError, Faults
from grantd_server.governance.reading.texts import yaml_nodes
from grantd_server.governance.reading.texts.yaml_nodes import read_yaml


def read(text: str | bytes) -> tuple[Any, list[str]]:
    """The plain value and the faults."""
    faults = Faults()
    node = read_yaml(text.encode() if isinstance(text, str) else text, "f", faults)
    try:
        faults.raise_if_any()
    except BundleError as refused:
        return None if node is None else node.plain(), [str(error) for error in refused.errors]
    return None if node is None else node.plain(), []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", "no"),
        ("a: on", "on"),
        ("a: yes", "yes"),
        ("a: True", "True"),
        ("a: true", True),
        ("a: 'true'", "true"),
        ("a: 18:00", "18:00"),
        ("a: 08:00", "08:00"),
        ("a: 2026-12-31", "2026-12-31"),
        ("a: 1e3", "1e3"),
        ("a: 0x10", "0x10"),
        ("a: 017", "017"),
        ("a: 17", 17),
        ("a: -3", -3),
        ("a: 9999999999999999999999", "9999999999999999999999"),
        ("a: .inf", ".inf"),
        ("a: ~", None),
        ("a:", None),
        ("a: ''", ""),
        ("a: |\n  two\n  lines\n", "two\nlines\n"),
        ("a: <<", "<<"),
        ("a: [b, {c: d}]", ["b", {"c": "d"}]),
    ],
)
def test_a_plain_scalar_is_what_it_looks_like(text: str, value: object) -> None:
    assert read(text) == ({"a": value}, [])


def test_an_empty_file_is_nothing() -> None:
    assert read("") == (None, [])
    assert read("# only a comment\n") == (None, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &x 1\nb: *x", "f:1:4: anchors and aliases are not allowed; write the value out in each place"),
        ("a: *x", "f:1:4: anchors and aliases are not allowed; write the value out in each place"),
        ("&x a: 1", "f:1:1: anchors and aliases are not allowed; write the value out in each place"),
        ("a: !!int 1", "f:1:4: tags are not allowed; leave it out"),
        ("!!str a: 1", "f:1:1: tags are not allowed; leave it out"),
        ("a: !!python/object/apply:os.system [ls]", "f:1:4: tags are not allowed; leave it out"),
        ("%TAG ! tag:x,2000:\n---\na: !y 1", "f:3:4: tags are not allowed; leave it out"),
        ("a: 1\n---\nb: 2", "f:2:1: one file holds one document; take the mark away, or begin another file"),
        ("{a: 1, a: 2}", 'f:1:8: the key "a" is repeated; it stands in line 1 already'),
        ("? [a]\n: b", "f:1:3: a key must be a text"),
        ("{{a: b}: c}", "f:1:2: a key must be a text"),
        (
            "a: [1",
            "f:2:1: not YAML: did not find expected ',' or ']'; see line 1, column 4, while parsing a flow sequence",
        ),
        (
            "a: b: c",
            "f:1:5: not YAML: mapping values are not allowed in this context; put a text with a colon and a blank in quotes, and let keys of one mapping begin in one column",
        ),
        ("a: '", "f:1:5: not YAML: found unexpected end of stream"),
        ("a: \x00", "f:1:4: not YAML: the control character U+0000 stands here; take it out"),
        ("a: \x1b[31m", "f:1:4: not YAML: the control character U+001B stands here; take it out"),
        (b"a: \xff", "f:1:4: the file is not UTF-8; save it as UTF-8"),
        (b"\xff\xfea\x00", "f:1:1: the file is UTF-16; save it as UTF-8"),
    ],
)
def test_what_is_not_ours_is_refused_at_its_place(text: str | bytes, fault: str) -> None:
    assert read(text)[1] == [fault]


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert read(bomb)[1] == ["f:1:5: anchors and aliases are not allowed; write the value out in each place"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(opening: str) -> None:
    allowed = opening * yaml_nodes.MOST_DEPTH + "x" + {"[": "]", "{a: ": "}", "- ": ""}[opening] * yaml_nodes.MOST_DEPTH
    assert read(allowed)[1] == []
    (fault,) = read(opening * 5000)[1]
    assert fault.endswith(f"the nesting is deeper than {yaml_nodes.MOST_DEPTH}")


def test_a_file_beyond_the_size_cap_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "MOST_BYTES", 10)
    assert read("a: 12345678")[1] == ["f: the file is larger than 10 bytes"]
    assert read("a: 1234567") == ({"a": 1234567}, [])


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"#?,%@` \n\t01~", max_size=80).map(str.encode))
)
def test_the_reader_raises_nothing_on_any_bytes(raw: bytes) -> None:
    read(raw)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundle")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_folder_gives_a_document_or_a_bundle_error(folder: Path, data: st.DataObject) -> None:
    """Any bytes, and the sample bundle with a piece cut out, doubled or replaced."""
    sample = northwind.BUNDLE.encode()
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 60)))
    piece = data.draw(
        st.one_of(st.just(b""), st.just(sample[start:end] * 2), st.binary(max_size=20), st.sampled_from(PIECES))
    )
    (folder / "b.yaml").write_bytes(sample[:start] + piece + sample[end:])
    with contextlib.suppress(BundleError):
        assert version_of(parse_directory(folder)).startswith("b")


PIECES = [b"[]", b"{}", b"null", b"true", b"17", b'""', b"[[]]", b"{a: {}}", b"- x", b": ", b"''", "\u00e9".encode()]
