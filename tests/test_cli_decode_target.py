"""`grantd decode` held against an audience, a client, a resource, a bundle and keys."""

from __future__ import annotations

import base64
import json
import unicodedata
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import organisation as org
from grantd_server.cli.app import app
from grantd_server.cli.decoding.kinds import KINDS, kind_of, why_not
from grantd_server.cli.decoding.target import Target
from grantd_server.cli.decoding.telling import NoToken, lines
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import parse_directory

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000
AT = "2027-01-15T08:00:00Z"


def told(raw: str, **target: Any) -> list[str]:
    return list(lines(raw, Target(**{"now": float(NOW), **target})))


def failed(found: list[str]) -> dict[str, tuple[str, str]]:
    """The failed checks: expected and got."""
    return {
        line.split()[1]: (found[at + 1].split(maxsplit=1)[1], found[at + 2].split(maxsplit=1)[1])
        for at, line in enumerate(found)
        if line.startswith("  FAILED")
    }


def grant(**changed: Any) -> str:
    return org.partner_grant(NOW, **changed)


RIGHT = {"audience": org.SERVER, "client": "cli_desk", "resource": org.TICKETS, "issuer": org.PARTNER}


def test_a_grant_for_its_target_passes_every_check() -> None:
    found = told(grant(), **RIGHT)
    assert found[0] == "kind: an ID-JAG: a grant, to be redeemed for an access token"
    assert [line.split()[1] for line in found if line.startswith("  ok")] == [
        "exp", "iat", "issuer", "audience", "client", "resource",
    ]  # fmt: skip
    assert failed(found) == {}


@pytest.mark.parametrize(
    ("changed", "target", "check", "expected", "got"),
    [
        ({"aud": org.OTHER_SERVER}, {}, "audience", org.SERVER, org.OTHER_SERVER),
        ({"aud": [org.SERVER, "b"]}, {}, "audience", org.SERVER, f"{org.SERVER}, b"),
        ({"aud": None}, {}, "audience", org.SERVER, "missing"),
        ({"client_id": "cli_other"}, {}, "client", "cli_desk", "cli_other"),
        ({"client_id": None}, {}, "client", "cli_desk", "missing"),
        ({"resource": org.WIKI}, {}, "resource", org.TICKETS, org.WIKI),
        ({"resource": None}, {}, "resource", org.TICKETS, "none"),
        ({"iss": org.GRANTS}, {}, "issuer", org.PARTNER, org.GRANTS),
        ({"exp": NOW - 31}, {}, "exp", f"after now, {NOW}", str(NOW - 31)),
        ({"nbf": NOW + 31}, {}, "nbf", f"not after now, {NOW}", str(NOW + 31)),
        ({"iat": NOW + 31}, {}, "iat", f"not after now, {NOW}", str(NOW + 31)),
        ({}, {"now": float(NOW + 330)}, "exp", f"after now, {NOW + 330}", str(NOW + 299)),
    ],
)
def test_what_is_wrong_with_a_grant_is_told(
    changed: dict[str, Any], target: dict[str, Any], check: str, expected: str, got: str
) -> None:
    assert failed(told(grant(**changed), **{**RIGHT, **target})) == {check: (expected, got)}


def test_skew_is_allowed_as_in_the_service() -> None:
    assert failed(told(grant(exp=NOW - 29, nbf=NOW + 29, iat=NOW + 29), **RIGHT)) == {}


def test_a_resource_is_compared_as_in_the_service() -> None:
    assert failed(told(grant(resource="https://MCP.tools.example/tickets"), **RIGHT)) == {}


def test_without_a_target_only_what_is_out_of_time_is_told() -> None:
    assert not any(line.startswith("checks") for line in told(grant()))
    assert list(failed(told(grant(exp=NOW - 100)))) == ["exp"]


CASES = [
    ("ID-JAG", {"typ": "oauth-id-jag+jwt"}, {"client_id": "c", "jti": "j"}),
    ("access token", {"typ": "at+jwt"}, {"client_id": "c", "jti": "j"}),
    ("ID token", {"typ": "JWT"}, {}),
    ("client assertion", {"typ": "client-authentication+jwt"}, {"iss": "c", "sub": "c", "jti": "j"}),
    ("DPoP proof", {"typ": "dpop+jwt", "jwk": {}}, {"jti": "j", "htm": "POST", "htu": "u"}),
    ("logout token", {"typ": "logout+jwt"}, {"jti": "j", "events": {}}),
    ("introspection answer", {"typ": "token-introspection+jwt"}, {"token_introspection": {}}),
]
PERSON = {"iss": "i", "sub": "u", "aud": "a", "exp": NOW, "iat": NOW}


@pytest.mark.parametrize(("name", "header", "claims"), CASES, ids=[case[0] for case in CASES])
def test_a_token_is_of_its_kind_and_for_each_other_there_is_a_reason_why_not(
    name: str, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    members = {**PERSON, **claims}
    kind = kind_of(header, members)
    assert kind is not None
    assert kind.name == name
    reasons = {each.name: why_not(each, header, members) for each in KINDS}
    assert reasons.pop(name) == ""
    assert all(reasons.values()), reasons
    found = told(f"{part({'alg': 'ES256', 'kid': 'k', **header})}.{part(members)}.c2ln")
    assert sum(line.startswith("not a") for line in found) == len(KINDS) - 1
    for claim in kind.claims:
        assert why_not(kind, header, {n: v for n, v in members.items() if n != claim}) == f"it has no {claim}"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("kind", "header", "claims", "why"),
    [
        ("ID-JAG", {"typ": "jwt"}, PERSON, "its typ is jwt, not oauth-id-jag+jwt"),
        ("ID token", {"typ": "at+jwt"}, PERSON, "its typ is at+jwt, not none or jwt"),
        ("ID token", {}, {**PERSON, "scope": "a"}, "it has scope, which only other kinds have"),
        ("client assertion", {}, {**PERSON, "jti": "j"}, "its iss and sub differ"),
        ("DPoP proof", {"typ": "dpop+jwt"}, {}, "its header has no jwk"),
        ("DPoP proof", {}, {}, "its typ is missing, not dpop+jwt"),
    ],
)
def test_the_first_reason_why_not_is_told(kind: str, header: Any, claims: Any, why: str) -> None:
    (one,) = [each for each in KINDS if each.name == kind]
    assert why_not(one, header, claims) == why


def test_a_faulty_token_of_a_kind_is_told_to_be_one() -> None:
    found = told(grant(client_id=None))
    assert "a faulty one: it has no client_id" in found


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return snapshot_of(parse_directory(org.write(tmp_path_factory.mktemp("bundle"), org.bundle())))


def test_a_bundle_knows_whom_it_trusts_and_what_it_calls_whom(snapshot: Any) -> None:
    right = {"audience": org.SERVER, "client": "desk", "resource": "tickets", "snapshot": snapshot}
    assert failed(told(grant(), **right)) == {}
    wrong = failed(told(grant(iss="https://evil.example", client_id="desk-agent", scope="tickets:fly"), **right))
    assert wrong == {
        "issuer": (f"one of {org.GRANTS}, {org.PARTNER}", "https://evil.example"),
        "client": ("cli_desk", "desk-agent"),
        "scope": ("one of shared:read, tickets:read, tickets:write", "tickets:fly"),
    }
    signed_in = org.id_token(NOW)
    assert failed(told(signed_in, client="desk", snapshot=snapshot)) == {}
    assert failed(told(org.id_token(NOW, aud="robot-sso"), client="desk", snapshot=snapshot)) == {
        "client": ("desk-sso", "robot-sso")
    }
    assert failed(told(org.id_token(NOW, iss="https://evil.example"), snapshot=snapshot)) == {
        "issuer": (org.LOGIN, "https://evil.example")
    }


def run(*arguments: object, stdin: bytes = b"", code: int = 0) -> Any:
    found = CliRunner().invoke(app, ["decode", *map(str, arguments)], input=stdin)
    assert found.exit_code == code, found.output
    return found


def test_keys_verify_the_signature_offline_and_nothing_else_does(tmp_path: Path) -> None:
    for name, keys in (("right", org.PARTNER_KEY), ("wrong", org.LOGIN_KEY)):
        (tmp_path / name).write_text(json.dumps(org.jwks_of(keys)))
    good = run(grant(), "--at", AT, "--jwks", tmp_path / "right", "--audience", org.SERVER).stdout
    assert good.splitlines()[-1] == "VERIFIED with a key of --jwks. The signature is left out."
    bad = run(grant(), "--at", AT, "--jwks", tmp_path / "wrong").stdout
    assert "FAILED signature: kid" in bad
    assert bad.splitlines()[-1].startswith("NOT VERIFIED")
    (tmp_path / "none").write_text("no keys")
    assert "--jwks: " in run(grant(), "--jwks", tmp_path / "none", code=2).stderr


@pytest.mark.parametrize("at", ["yesterday", "2027-01-15T08:00:00", ""])
def test_a_time_that_is_none_is_told(at: str) -> None:
    assert "--at" in run(grant(), "--at", at, code=2).stderr


def test_a_bundle_is_read_from_its_directory(tmp_path: Path) -> None:
    org.write(tmp_path, org.bundle())
    found = run("-", "--governance", tmp_path, "--client", "desk", "--at", AT, stdin=grant().encode()).stdout
    assert "FAILED" not in found
    assert "ok     client" in found


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("grt_" + "A" * 43, "kind: a refresh token of grantd"),
        ("d" + "0" * 32, "kind: a decision id"),
        ("ab" * 32, "kind: a SHA-256, perhaps the id of a chain"),
    ],
)
def test_what_has_no_contents_is_told_by_its_shape(raw: str, kind: str) -> None:
    found = told(raw)
    assert found[0].startswith(kind)
    assert raw not in " ".join(found)


ASSERTION = """\
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" ID="_a1" IssueInstant="2027-01-15T07:59:00Z">\
<saml:Issuer>https://idp.example</saml:Issuer><saml:Subject><saml:NameID>u\u202e1</saml:NameID>\
<saml:SubjectConfirmation><saml:SubjectConfirmationData Recipient="https://r.example" NotOnOrAfter="2027-01-15T08:05:00Z"/>\
</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2027-01-15T07:58:00Z" NotOnOrAfter="2027-01-15T08:05:00Z">\
<saml:AudienceRestriction><saml:Audience>https://sp.example</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
<saml:AttributeStatement><saml:Attribute Name="groups"><saml:AttributeValue>eng</saml:AttributeValue></saml:Attribute>\
</saml:AttributeStatement></saml:Assertion>"""


def forms(xml: str) -> list[str]:
    raw = xml.encode()
    packed = zlib.compressobj(wbits=-15)
    deflated = packed.compress(raw) + packed.flush()
    return [
        xml,
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        base64.encodebytes(raw).decode(),
        base64.b64encode(deflated).decode(),
    ]


@pytest.mark.parametrize("form", range(5))
def test_an_assertion_is_told_however_it_is_packed(form: int) -> None:
    found = told(forms(ASSERTION)[form].strip(), audience="https://sp.example", issuer="https://idp.example")
    assert found[0] == "kind: a SAML 2.0 assertion"
    assert "  NameID: u\\u202e1" in found
    assert "  attribute groups: eng" in found
    assert any("malformed, and refused everywhere in grantd: signature" in line for line in found)
    assert failed(found) == {}
    assert found[-1].startswith("NOT VERIFIED")


def test_what_is_wrong_with_an_assertion_is_told() -> None:
    late = {"now": float(NOW + 600), "audience": "https://other.example", "issuer": "https://evil.example"}
    found = told(ASSERTION, **late)
    assert [line.removeprefix("  FAILED ") for line in found if line.startswith("  FAILED")] == [
        "Conditions NotOnOrAfter", "SubjectConfirmationData NotOnOrAfter", "issuer", "audience",
    ]  # fmt: skip
    assert "           expected after now, 2027-01-15T08:10:00Z" in found
    assert "           got      https://sp.example" in found


@pytest.mark.hostile("S13")
@pytest.mark.parametrize(
    ("xml", "why"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "no DTD, comment or CDATA section"),
        ("<a><![CDATA[x]]></a>", "no DTD, comment or CDATA section"),
        ("<a><?php x ?></a>", "no processing instruction"),
        ("<a><b></a>", "well-formed XML"),
        ("<a>" + "x" * 65_536 + "</a>", "at most 65536 bytes"),
        ("<a>&nbsp;</a>", "well-formed XML"),
    ],
)
def test_hostile_xml_is_not_looked_into(xml: str, why: str) -> None:
    for form in forms(xml):
        found = told(form.strip())
        assert "refused everywhere in grantd" in found[0]
        assert why in found[0] or "at most 65536 bytes" in found[0]
        assert len(found) == 2


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        ("<a/>", "XML, but no SAML 2.0 assertion"),
        (f"<Response>{ASSERTION}</Response>", "a SAML message around an assertion"),
        (
            '<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>',
            "an encrypted SAML assertion",
        ),
    ],
)
def test_other_xml_is_told_apart(xml: str, kind: str) -> None:
    assert told(xml)[0].startswith(f"kind: {kind}")


def test_a_deflated_bomb_is_cut() -> None:
    packed = zlib.compressobj(wbits=-15)
    bomb = packed.compress(b"<a>" + b"x" * 20_000_000) + packed.flush()
    assert "at most 65536 bytes" in told(base64.b64encode(bomb).decode())[0]


@settings(max_examples=100)
@given(st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "replace")) | st.text("abc.-_=eyJ<>!&", max_size=80))
def test_any_text_is_told_or_refused_in_a_sentence(raw: str) -> None:
    try:
        found = told(raw.strip())
    except NoToken as nothing:
        found = [str(nothing)]
    assert all(safe(line) for line in found)


def safe(line: str) -> bool:
    return all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"\x00" * 300, b"\xed\xa0\x80.a.b"])
def test_bytes_that_are_no_text_are_refused_in_a_sentence(raw: bytes) -> None:
    assert run("-", stdin=raw, code=1).stderr.startswith("This is no")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["iss", "sub", "aud", "exp", "iat", "nbf", "scope", "client_id", "resource", "jti", "auth_time"]
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["typ", "alg", "kid", "jwk"]), JSON), st.dictionaries(NAMES, JSON))
def test_any_claims_are_told_and_nothing_drives_the_terminal(header: Any, claims: Any) -> None:
    target = {"audience": "a", "client": "c", "resource": "r", "issuer": "i"}
    for line in told(f"{part(header)}.{part(claims)}.c2ln", **target):
        assert safe(line)


def test_the_signature_is_never_told() -> None:
    raw = grant()
    assert raw.rpartition(".")[2] not in " ".join(told(raw, **RIGHT))


def test_what_cannot_be_decoded_raises_a_sentence() -> None:
    with pytest.raises(NoToken, match="it has 1 parts"):
        told("nothing")
