"""`grantd decode`: kind, header and claims of a token, never its signature."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.cli.decoding.target import Target
from grantd_server.cli.decoding.telling import NoToken, lines

SIGNED = {"iss": "i", "sub": "u", "aud": "a", "exp": 99999999999, "iat": 1}
SIGNATURE = "c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2hvd24"


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _token(header, claims):
    return f"{_part({'alg': 'ES256', 'kid': 'k'} | header)}.{_part(claims)}.{SIGNATURE}"


def _decode(raw, code=0):
    found = CliRunner().invoke(app, ["decode", "-"], input=raw)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == code, found.output
    return found


@pytest.mark.parametrize(
    ("header", "claims", "kind"),
    [
        ({"typ": "oauth-id-jag+jwt"}, {}, "an ID-JAG"),
        ({"typ": "application/at+jwt"}, {}, "an access token (RFC 9068)"),
        ({"typ": "AT+JWT"}, {}, "an access token (RFC 9068)"),
        ({"typ": "JWT"}, {**SIGNED, "sub": "i", "jti": "j"}, "perhaps a client assertion"),
        ({}, SIGNED, "perhaps an ID token"),
        ({"typ": "JWT"}, {**SIGNED, "scope": "a"}, "perhaps an access token in its provider's own shape"),
        ({"typ": "JWT"}, {"iss": "i"}, "a JSON Web Token of no known kind"),
    ],
)
def test_the_kind_of_a_token_is_told(header, claims, kind):
    lines = _decode(_token(header, claims)).stdout.splitlines()
    assert lines[0].startswith(f"kind: {kind}")
    assert lines[-1].startswith("NOT VERIFIED")


def test_header_and_claims_are_shown_and_the_signature_is_not():
    shown = _decode(_token({"typ": "at+jwt"}, {"sub": "u", "aud": ["a", "b"], "exp": 0}) + "\n").stdout
    assert '  kid: "k"' in shown
    assert '  aud: ["a", "b"]' in shown
    assert "s ago)" in shown
    assert SIGNATURE not in shown


def test_a_token_may_be_an_argument():
    found = CliRunner().invoke(app, ["decode", _token({}, {"exp": 99999999999})])
    assert found.exit_code == 0
    assert "(in " in found.stdout


def test_what_the_strict_reader_refuses_is_shown_with_the_reason():
    raw = f"{_part({'alg': 'none'})}.{_part({'sub': 'u'})}."
    lines = _decode(raw).stdout.splitlines()
    assert any(line.startswith("malformed, and refused everywhere in grantd: alg:") for line in lines)
    assert '  sub: "u"' in lines


def test_control_characters_are_shown_and_not_obeyed():
    shown = _decode(_token({}, {"sub": "\x1b[2J\u202eevil", "a\nb": 1})).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "a\\nb" in shown


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("", "This is nothing"),
        ("a", "1 parts, not 3"),
        ("a.b", "2 parts, not 3"),
        ("a.b.c.d.e", "5 parts, not 3"),
        ("a.b.c", "its header is not a JSON object"),
        (f"{_part([])}.{_part({})}.x", "its header is not a JSON object"),
        (f"{_part({'alg': 1})}.{_part({})}", "2 parts, not 3. It begins as one: it was cut"),
        ("x" * 131_073, "longer than 131072"),
        (f"{base64.urlsafe_b64encode(b'[' * 20_000).decode()}.{_part({})}.x", "its header is not a JSON object"),
    ],
)
def test_what_is_no_token_is_one_sentence(raw, sentence):
    (line,) = _decode(raw, code=1).stderr.splitlines()
    assert sentence in line


@given(st.text(max_size=80) | st.text("abc.-_=eyJ", max_size=80))
def test_any_text_is_decoded_or_refused(raw):
    try:
        first = next(lines(raw, Target(0.0)))
    except NoToken as nothing:
        first = str(nothing)
    assert first.startswith(("kind: ", "This is "))
