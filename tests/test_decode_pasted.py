"""`grantd decode` of whatever people paste: what it is, what it is not, and what is wrong."""

from __future__ import annotations

import base64
import json
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import assertions_
import organisation as org
from case_files import changed
from grantd.strict import Fault
from grantd_server.cli.app import app
from grantd_server.cli.decoding.pasting.tokens import MOST, tokens_in
from grantd_server.cli.decoding.target import Target
from grantd_server.cli.decoding.telling import NoToken, lines
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import parse_directory
from grantd_server.subjects.saml.encoding import MOST_BYTES
from tokens import UNHURRIED

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000
URN = "urn:ietf:params:oauth:token-type:"


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(header: dict[str, Any], claims: object) -> str:
    return f"{b64({'alg': 'RS256', 'kid': 'k', **header})}.{b64(claims)}.{b64(b'signature' * 8)}"


PERSON = {"iss": "https://login.example", "sub": "u", "aud": "desk-sso", "iat": NOW, "exp": NOW + 600}
ID_TOKEN = org.id_token(NOW)
GRANT = org.partner_grant(NOW)
ACCESS = jwt(
    {"typ": "at+jwt"}, {**PERSON, "aud": org.TICKETS, "client_id": "cli_desk", "jti": "j", "scope": "tickets:read"}
)
ASSERTION = jwt(
    {"typ": "client-authentication+jwt"}, {**PERSON, "iss": "robot", "sub": "robot", "aud": org.GRANTS, "jti": "j"}
)
PROOF = jwt(
    {"typ": "dpop+jwt", "jwk": {"kty": "EC"}}, {"jti": "j", "htm": "POST", "htu": f"{org.SERVER}/token", "iat": NOW}
)
LOGOUT = jwt(
    {"typ": "logout+jwt"}, {**PERSON, "jti": "j", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
)
ENTRA_ID = jwt(
    {"typ": "JWT", "x5t": "k"},
    {**PERSON, "iss": "https://login.microsoftonline.com/t/v2.0", "ver": "2.0", "tid": "t", "oid": "o", "nonce": "n"},
)
ENTRA_ACCESS = jwt(
    {"typ": "JWT"}, {**PERSON, "aud": "api://x", "azp": "cli_desk", "scp": "Files.Read", "ver": "2.0", "tid": "t"}
)
OKTA_ACCESS = jwt({}, {**PERSON, "ver": 1, "jti": "AT.1", "cid": "cli_desk", "uid": "00u", "scp": ["openid"]})
KEYCLOAK_ACCESS = jwt({"typ": "JWT"}, {**PERSON, "typ": "Bearer", "azp": "cli_desk", "scope": "openid", "jti": "j"})
GOOGLE_ID = jwt(
    {"typ": "JWT"},
    {**PERSON, "iss": "https://accounts.google.com", "azp": "desk-sso", "hd": "corp.example", "at_hash": "h"},
)
SET = jwt({"typ": "secevent+jwt"}, {**PERSON, "jti": "j", "events": {"x": {}}})
JWE = f"{b64({'alg': 'RSA-OAEP', 'enc': 'A256GCM', 'kid': 'k'})}.a.b.c.d"
NESTED = jwt({"cty": "JWT"}, ID_TOKEN.encode())
SAML = assertions_.signed(assertions_.xml(NOW))
RESPONSE = b'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r">' + SAML + b"</samlp:Response>"
SAML64 = base64.b64encode(SAML).decode()
SECRET = "s3cret-that-nobody-may-see"
BASIC = base64.b64encode(f"cli%5Fdesk:{SECRET}".encode()).decode()
CURL = (
    f"curl -sS https://as.tools.example/token -H 'Authorization: Basic {BASIC}' -H \"DPoP: {PROOF}\" \\\n"
    f"  -d 'grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer' --data-urlencode 'assertion={GRANT}'"
)
FORM = (
    f"grant_type={quote('urn:ietf:params:oauth:grant-type:token-exchange', safe='')}&subject_token={GRANT}"
    f"&subject_token_type={quote(URN + 'id_token', safe='')}&client_secret={SECRET}"
)

PASTED = [
    ("an ID token", ID_TOKEN, ["kind: perhaps an ID token", "not an ID-JAG: its typ is jwt"]),
    ("a grant", GRANT, ["kind: an ID-JAG", "not an ID token: its typ is oauth-id-jag+jwt"]),
    ("an access token", ACCESS, ["kind: an access token (RFC 9068)"]),
    ("a refresh token of ours", "grt_" + "A" * 43, ["kind: a refresh token of grantd"]),
    ("a refresh token of ours, cut", "grt_" + "A" * 30, ["kind: perhaps a refresh token of grantd, of 34 characters and not 47"]),
    ("a client assertion", ASSERTION, ["kind: a client assertion (RFC 7523)"]),
    ("a DPoP proof", PROOF, ["kind: a DPoP proof (RFC 9449)"]),
    ("a logout token", LOGOUT, ["kind: a logout token"]),
    ("a security event", SET, ["kind: a security event token (RFC 8417)"]),
    ("an assertion", SAML.decode(), ["kind: a SAML 2.0 assertion"]),
    ("an assertion in base64", SAML64, ["kind: a SAML 2.0 assertion"]),
    ("an assertion in base64url", assertions_.encoded(SAML), ["kind: a SAML 2.0 assertion"]),
    ("an assertion in base64, encoded for a URL", quote(SAML64, safe=""), ["kind: a SAML 2.0 assertion"]),
    ("a SAML response", RESPONSE.decode(), ["kind: a SAML message around an assertion: send the Assertion element alone"]),
    ("a SAML response as it is posted", f"SAMLResponse={quote(base64.b64encode(RESPONSE).decode(), safe='')}&RelayState=x",
     ["kind: a SAML message around an assertion"]),
    ("an encrypted token", JWE, ["kind: an encrypted token (JWE)", '  enc: "A256GCM"']),
    ("a nested token", NESTED, ["kind: a nested JSON Web Token", "inside:", "  kind: perhaps an ID token"]),
    ("a token that nobody signed", f"{b64({'alg': 'none'})}.{b64(PERSON)}.", ["kind: perhaps an ID token", "malformed, and refused everywhere in grantd: alg"]),
    ("a token with broken claims", f"{b64({'alg': 'ES256', 'typ': 'at+jwt'})}.{b64(PERSON)[5:]}.x", ["kind: a signed text with a header", '  typ: "at+jwt"']),
    ("an ID token of Google", GOOGLE_ID, ["kind: perhaps an ID token"]),
    ("an ID token of Entra ID", ENTRA_ID, ["kind: perhaps an ID token"]),
    ("an access token of Entra ID", ENTRA_ACCESS, ["kind: perhaps an access token in its provider's own shape", "not an ID token: it has scp"]),
    ("an access token of Okta", OKTA_ACCESS, ["kind: perhaps an access token in its provider's own shape"]),
    ("an access token of Keycloak", KEYCLOAK_ACCESS, ["kind: perhaps an access token in its provider's own shape"]),
    ("an access token of Google", "ya29.a0AfH6SMBx-yz_0", ["kind: an access token of Google: opaque"]),
    ("a refresh token of Google", "1//0gabcDEF-ghi", ["kind: a refresh token of Google"]),
    ("a token of GitHub", "gho_16C7e42F292c6912E7710c838347Ae178B4a", ["kind: a token of GitHub"]),
    ("a refresh token of Entra ID", "0.AXEAj2k4dXyz1234567890abcDEF", ["kind: a refresh token or code of Entra ID"]),
    ("a certificate", assertions_.signatory().certificate, ["kind: PEM, no token: certificate", "It verifies the signature of an assertion"]),
    ("a private key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----", ["kind: PEM, no token: private key", "It is a secret, and whoever saw this text has it"]),
    ("a bearer header", f"Authorization: Bearer {ACCESS}", ["kind: an access token (RFC 9068)"]),
    ("a token with its scheme", f"Bearer {ID_TOKEN}", ["kind: perhaps an ID token"]),
    ("a DPoP header pair", f"authorization: DPoP {ACCESS}\nDPoP: {PROOF}", ["dpop:", "  kind: an access token (RFC 9068)", "dpop header:", "  kind: a DPoP proof (RFC 9449)"]),
    ("a Basic header", f"Authorization: Basic {BASIC}", ["kind: HTTP Basic authentication of a client", "says: client id cli_desk", "It is a secret"]),
    ("a broken Basic header", "Basic nothing=of=it", ["kind: a Basic authorization header that cannot be read"]),
    ("a curl command", CURL, ["basic:", "  kind: HTTP Basic authentication", "dpop header:", "  kind: a DPoP proof", "assertion:", "  kind: an ID-JAG"]),
    ("a form that says another type", FORM, [
        "kind: an ID-JAG", f"in the wrong place: subject_token_type says {URN}id_token, where an ID token belongs"]),
    ("a grant for a client assertion", f"client_assertion={GRANT}", ["in the wrong place: it was sent as client_assertion, where a client assertion belongs"]),
    ("an ID token for a grant", f"assertion={ID_TOKEN}&scope=a", ["in the wrong place: it was sent as assertion, where an ID-JAG belongs"]),
    ("a token answer", json.dumps({"access_token": ACCESS, "token_type": "Bearer", "id_token": ID_TOKEN}), ["id_token:", "access_token:", "  kind: an access token (RFC 9068)"]),
    ("an answer of a token exchange", json.dumps({"access_token": GRANT, "issued_token_type": URN + "id-jag"}), ["kind: an ID-JAG"]),
    ("a token that a terminal wrapped", "\n".join(ID_TOKEN[at : at + 70] for at in range(0, len(ID_TOKEN), 70)), ["kind: perhaps an ID token"]),
    ("a quoted token", f"'{ID_TOKEN}',", ["kind: perhaps an ID token"]),
    ("a key set with a private key", json.dumps({"keys": [{"kty": "EC", "d": SECRET}]}), ["kind: 1 JSON Web Keys, and no token", "It is a secret"]),
    ("a public key", json.dumps(org.LOGIN_KEY.jwk), ["kind: 1 JSON Web Keys, and no token"]),
    ("a selective disclosure token", f"{ID_TOKEN}~{b64(['salt', 'name', SECRET])}~", ["kind: perhaps an ID token", "It is a selective disclosure JWT: 1 disclosures"]),
    ("a signature in JSON", json.dumps({"payload": "a", "signatures": []}), ["kind: a signature in JSON form (RFC 7515 section 7.2)"]),
    ("an introspection answer", json.dumps({"active": False}), ["kind: an answer of an introspection endpoint (RFC 7662): active is false"]),
    ("an error answer", json.dumps({"error": "invalid_grant"}), ["kind: an OAuth error answer: invalid_grant"]),
    ("claims that were decoded before", json.dumps(PERSON), ["kind: JSON, and no token"]),
    ("broken JSON", '{"access_token": ', ["kind: JSON that cannot be read"]),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), [case[1:] for case in PASTED], ids=[case[0] for case in PASTED])
def test_whatever_is_pasted_is_told_for_what_it_is(raw: str, expected: list[str]) -> None:
    found = list(lines(raw, Target(float(NOW))))
    for start in expected:
        assert any(line.startswith(start) for line in found), (start, found)
    whole = "\n".join(found)
    assert SECRET not in whole
    assert b64(b"signature" * 8) not in whole
    assert not any(char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in whole)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("", "This is nothing"),
        ("0123abcd", "it has 1 parts, not 3. Opaque text"),
        (ID_TOKEN.rpartition(".")[0], "it has 2 parts, not 3. It begins as one: it was cut"),
        (ID_TOKEN[3:], "its header is not a JSON object"),
        (f"Bearer {'x' * 20}", "it has 1 parts"),
    ],
)
def test_what_is_no_token_is_told_in_a_sentence(raw: str, sentence: str) -> None:
    with pytest.raises(NoToken, match=sentence):
        list(lines(raw, Target(float(NOW))))


def test_one_of_several_that_is_no_token_hides_no_other() -> None:
    found = list(lines(f"token=abc&assertion={GRANT}", Target(float(NOW))))
    assert found[0:2] == ["token:", "  This is no JSON Web Token: it has 1 parts, not 3. Opaque text tells nothing to anybody but its issuer."]  # fmt: skip
    assert "  kind: an ID-JAG: a grant, to be redeemed for an access token" in found


def test_so_many_are_told_and_no_more() -> None:
    assert len(tokens_in("&".join(f"token=a{number}" for number in range(50)))) == MOST


FAILING = [
    (ACCESS, {"client": "cli_other"}, "client", "cli_other", "cli_desk"),
    (ENTRA_ACCESS, {"client": "cli_other"}, "client", "cli_other", "cli_desk"),
    (OKTA_ACCESS, {"client": "cli_other"}, "client", "cli_other", "cli_desk"),
    (ASSERTION, {"client": "desk-agent"}, "client", "desk-agent", "robot"),
    (ASSERTION, {"audience": org.SERVER}, "audience", org.SERVER, org.GRANTS),
    (LOGOUT, {"client": "robot-sso"}, "client", "robot-sso", "desk-sso"),
    (GOOGLE_ID, {"client": "robot-sso"}, "client", "robot-sso", "desk-sso"),
    (PROOF, {"audience": org.OTHER_SERVER}, "htu", f"an address at {org.OTHER_SERVER}", f"{org.SERVER}/token"),
    (PROOF, {"now": float(NOW + 200)}, "iat age", "made at most 60 s ago", str(NOW)),
    (ACCESS, {"resource": org.WIKI}, "resource", org.WIKI, org.TICKETS),
]


@pytest.mark.parametrize(("raw", "target", "check", "expected", "got"), FAILING)
def test_what_is_wrong_for_the_target_is_told_by_what_the_kind_has(
    raw: str, target: dict[str, Any], check: str, expected: str, got: str
) -> None:
    found = list(lines(raw, Target(**{"now": float(NOW), **target})))
    at = found.index(f"  FAILED {check}")
    assert found[at + 1].strip().startswith(f"expected {expected}")
    assert found[at + 2].strip() == f"got      {got}"
    assert sum(line.startswith("  FAILED") for line in found) == 1


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        (ACCESS, {"client": "cli_desk", "resource": org.TICKETS}),
        (ENTRA_ACCESS, {"client": "cli_desk", "audience": "api://x"}),
        (LOGOUT, {"client": "desk-sso", "audience": "desk-sso"}),
        (PROOF, {"client": "cli_desk", "audience": org.SERVER, "resource": org.TICKETS}),
        (SET, {"client": "cli_desk"}),
    ],
)
def test_what_a_kind_does_not_name_is_not_missed(raw: str, target: dict[str, Any]) -> None:
    assert not any(line.startswith("  FAILED") for line in lines(raw, Target(float(NOW), **target)))


def verdicts(raw: str, **target: Any) -> tuple[list[str], str]:
    found = list(lines(raw, Target(float(NOW), **target)))
    return [line for line in found if line.startswith(("  ok     sig", "  FAILED sig"))], found[-1]


def certificate(name: str = "directory") -> tuple[Any, ...]:
    from grantd_server.subjects.saml.offline import certificates_in  # noqa: PLC0415 - an extra

    signatory = assertions_.signatory() if name == "directory" else assertions_.signatory(name)
    return tuple(certificates_in(signatory.certificate.encode()))


@pytest.mark.parametrize("raw", [SAML.decode(), SAML64, RESPONSE.decode()], ids=["bare", "base64", "in a response"])
def test_a_certificate_verifies_an_assertion_by_the_code_of_the_service(raw: str) -> None:
    checked, last = verdicts(raw, certificates=(*certificate("another"), *certificate()))
    assert checked == ["  ok     signature"]
    assert last == "VERIFIED with the key of a pinned certificate, by the code of the service."


@pytest.mark.parametrize(
    ("raw", "names", "check"),
    [
        (SAML.decode(), ["another"], "signature: signature"),
        (SAML.decode().replace("u-18f2", "u-admin"), ["directory"], "signature: signature"),
        (assertions_.xml(NOW), ["directory"], "signature: signature"),
        (RESPONSE.decode().replace("</samlp:Response>", f"{SAML.decode()}</samlp:Response>"), ["directory"], "signature: shape"),
    ],
)  # fmt: skip
def test_an_assertion_that_is_not_genuine_is_told_so(raw: str, names: list[str], check: str) -> None:
    checked, last = verdicts(raw, certificates=tuple(one for name in names for one in certificate(name)))
    assert checked == [f"  FAILED {check}"]
    assert last == "NOT VERIFIED: anybody could have written this. The signature does not hold."


@pytest.mark.hostile("S13")
@pytest.mark.parametrize("inside", ["<!-- x -->", "<?x y?>"])
def test_a_message_with_markup_that_parsers_read_differently_is_not_looked_into(inside: str) -> None:
    from grantd_server.subjects.saml.offline import signed_by  # noqa: PLC0415 - an extra

    assert signed_by(RESPONSE, certificate())
    with pytest.raises(Fault, match="markup"):
        signed_by(RESPONSE.replace(b"</samlp:", inside.encode() + b"</samlp:"), certificate())


FORGED = (
    f"<wrapper><saml:Subject xmlns:saml='{assertions_.SAML}'><saml:NameID>ceo</saml:NameID></saml:Subject>"
    f"<saml:Audience xmlns:saml='{assertions_.SAML}'>our-client</saml:Audience><saml:AttributeStatement"
    f" xmlns:saml='{assertions_.SAML}'><saml:Attribute Name='groups'><saml:AttributeValue>admins</saml:AttributeValue>"
    "</saml:Attribute></saml:AttributeStatement></wrapper>"
)


@pytest.mark.hostile("S15")
@pytest.mark.parametrize("certificates", [certificate(), ()], ids=["verified", "not verified"])
@pytest.mark.parametrize("before", ["</ds:KeyInfo>", "</ds:X509Data>", "</ds:SignatureValue>", "</ds:Signature>"])
def test_what_stands_in_a_signature_is_neither_told_nor_checked(before: str, certificates: tuple[Any, ...]) -> None:
    honest = assertions_.signed(assertions_.xml(NOW, name="alice", audiences=[["other-client"]])).decode()
    assert before in honest
    forged = honest.replace(before, FORGED + before)
    found = list(lines(forged, Target(float(NOW), audience="our-client", certificates=certificates)))
    assert "  NameID: alice" in found
    assert not [line for line in found if "ceo" in line or "admins" in line]
    assert "  FAILED audience" in found
    assert found[-1].startswith("NOT VERIFIED")


@pytest.mark.hostile("S13")
@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + SAML, "markup"),
        (SAML.replace(b"</saml:NameID>", b"<!-- x --></saml:NameID>"), "markup"),
        (b"<a>" + b"x" * MOST_BYTES + b"</a>", "encoding"),
    ],
    ids=["an entity", "a comment", "too much"],
)
def test_xml_that_is_not_looked_into_tells_nothing(data: bytes, check: str) -> None:
    from grantd_server.subjects.saml.outline import outline  # noqa: PLC0415 - an extra

    with pytest.raises(Fault, match=check):
        outline(data)


def test_what_is_told_of_a_verified_assertion_is_the_element_that_was_signed() -> None:
    from grantd_server.subjects.saml.offline import signed_by  # noqa: PLC0415 - an extra

    signed = signed_by(RESPONSE, certificate()).element
    assert signed.find(f"{{{assertions_.DS}}}Signature") is None
    told = list(lines(RESPONSE.decode(), Target(float(NOW), certificates=certificate())))
    assert [line for line in told if "NameID" in line] == ["  NameID: u-18f2"]
    assert f"  attribute {assertions_.GROUPS}: eng" in told
    assert "  signatures: 1" not in told, "it is told of what nobody verified only"
    assert "  signatures: 1" in lines(RESPONSE.decode(), Target(float(NOW)))


def test_an_audience_of_those_who_may_go_on_with_it_is_not_the_one_it_is_for() -> None:
    """ProxyRestriction, SAML core section 2.5.1.6."""
    proxies = "<saml:ProxyRestriction><saml:Audience>our-client</saml:Audience></saml:ProxyRestriction>"
    made = assertions_.signed(assertions_.xml(NOW, conditions=proxies)).decode()
    told = list(lines(made, Target(float(NOW), audience="our-client", certificates=certificate())))
    assert "  FAILED audience" in told
    assert told[-1].startswith("VERIFIED")


def test_without_keys_and_certificates_it_is_said_that_nothing_was_checked() -> None:
    assert verdicts(SAML64)[1].endswith("The signature was not checked: no certificate was named with --certificate.")
    assert "The signature was not checked: no key was named with --jwks." in verdicts(ID_TOKEN)[1]


def test_a_bundle_verifies_by_the_certificates_that_it_pins(tmp_path: Path) -> None:
    snapshot = snapshot_of(parse_directory(org.write(tmp_path, changed(org.bundle(), assertions_.shared()))))
    assert verdicts(SAML64, snapshot=snapshot)[1].startswith("VERIFIED")
    other = assertions_.signed(assertions_.xml(NOW), assertions_.signatory("another")).decode()
    assert verdicts(other, snapshot=snapshot)[1].endswith("The signature does not hold.")


def test_certificates_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "idp.pem").write_text(assertions_.signatory().certificate)
    (tmp_path / "none.pem").write_text("no certificate")
    done = CliRunner().invoke(app, ["decode", SAML64, "--certificate", str(tmp_path / "idp.pem")])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("VERIFIED with the key of a pinned certificate")
    done = CliRunner().invoke(app, ["decode", SAML64, "--certificate", str(tmp_path / "none.pem")])
    assert (done.exit_code, "--certificate" in done.output) == (2, True)


PIECES = st.lists(
    st.sampled_from(["token=", "&", " ", "Bearer ", "DPoP: ", "Basic ", "{", '"', "eyJ", ".", "~", "-----BEGIN ", "%", "grt_", "\x1b", "\u202e", ID_TOKEN, GRANT, SAML64, BASIC]),
    max_size=12,
).map("".join)  # fmt: skip


@settings(UNHURRIED, max_examples=150)
@given(PIECES)
def test_any_mixture_is_told_or_refused_in_a_sentence_and_no_secret_with_it(raw: str) -> None:
    try:
        found = list(lines(raw, Target(float(NOW), audience="a", client="c", resource="r")))
    except NoToken as nothing:
        found = [str(nothing)]
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for line in found for char in line)
    assert SECRET not in "\n".join(found)
    assert ID_TOKEN.rpartition(".")[2] not in "\n".join(found)
