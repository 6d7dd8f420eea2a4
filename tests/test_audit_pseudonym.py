"""Subjects by keyed hash."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grantd_server.audit.pseudonym import Pseudonyms

KEY = bytes(range(32))


def test_a_pseudonym_is_a_truncated_keyed_hash_of_the_qualified_subject():
    subject = "https://idp.example corp:u-18f2"
    expected = hmac.new(KEY, subject.encode(), hashlib.sha256).hexdigest()[:32]

    assert Pseudonyms(KEY, "p1").subject(subject) == expected


def test_another_key_or_another_subject_gives_another_pseudonym():
    one, two = Pseudonyms(KEY, "p1"), Pseudonyms(KEY[::-1], "p2")
    assert len({one.subject("a"), one.subject("b"), two.subject("a"), two.subject("b")}) == 4


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(KEY[:31], "p1")


def test_the_key_is_never_shown():
    shown = f"{Pseudonyms(KEY, 'p1')!r} {Pseudonyms(KEY, 'p1')}"
    assert shown == "Pseudonyms(key_id='p1') Pseudonyms(key_id='p1')"


@example("\ud800")
@given(st.text())
def test_any_text_has_a_pseudonym(subject):
    assert len(Pseudonyms(KEY, "p1").subject(subject)) == 32
