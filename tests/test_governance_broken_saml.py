"""Broken bundles of SAML providers, one change each, and what a good one compiles to."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

import pytest

import assertions_
import organisation as org
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.model.bundle.governed import SubjectRule

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot

RSA = assertions_.signatory().certificate
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
ENCRYPTED = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"


def parsed(folder: Path, **changed: Any) -> Document:
    whole = org.bundle()
    whole["identity_providers"]["corp"]["saml"] = assertions_.sign_on(**changed)
    return parse_directory(org.write(folder, whole))


def compiled(document: Document) -> Snapshot:
    return compile_document(document.json, lambda _: b"", epoch=1, fingerprint_key=bytes(32))


def sentence(folder: Path, document: dict[str, Any]) -> str:
    with pytest.raises(BundleError) as caught:
        parse_directory(org.write(folder, document))
    return str(caught.value)


BROKEN = [
    ({"entity_id": None}, 'corp.saml: the key "entity_id" is missing'),
    ({"entity_id": "login"}, "is not an entity id"),
    ({"entity_id": "urn:a b"}, "is not an entity id"),
    ({"entity_id": "urn:" + "x" * 509}, "a text of 1 to 512 characters"),
    ({"certificates": None}, 'the key "certificates" is missing'),
    ({"certificates": []}, "a list of 1 to"),
    ({"certificates": ["x"]}, "saml.certificates: one PEM certificate is expected"),
    ({"certificates": [7]}, "one PEM certificate is expected"),
    ({"certificates": [RSA + RSA]}, "one PEM certificate is expected"),
    ({"certificates": [RSA + " " * 16_384]}, "one PEM certificate is expected"),
    ({"certificates": [RSA.replace("MII", "MIä", 1)]}, "no PEM certificate that can be read"),
    ({"certificates": [RSA[:200] + "\n-----END CERTIFICATE-----"]}, "no PEM certificate that can be read"),
    ({"certificates": [assertions_.signatory("weak", "rsa1024").certificate]}, "the key must be RSA of 2048"),
    ({"certificates": [assertions_.signatory("odd", "k1").certificate]}, "on P-256, P-384 or P-521"),
    ({"certificates": [assertions_.signatory(str(n), "p256").certificate for n in range(9)]}, "at most 8 certificates"),
    ({"service_providers": None}, 'the key "service_providers" is missing'),
    ({"service_providers": {}}, "at least one entry"),
    ({"service_providers": {"desk-sso": {"recipients": ["https://a.example"]}}}, 'the key "entity_id" is missing'),
    ({"service_providers": {"desk-sso": {"entity_id": "urn:a"}}}, 'the key "recipients" is missing'),
    ({"service_providers": {"desk-sso": {"entity_id": "urn:a", "recipients": ["http://a.example"]}}}, "use https"),
    (
        {"service_providers": {"desk": {"entity_id": "urn:a", "recipients": ["https://a.example"]}}},
        "identity_providers.corp.saml.service_providers: no client lists desk as its sso id at corp",
    ),
    (
        {
            "service_providers": {
                name: {"entity_id": "urn:a", "recipients": ["https://a.example"]} for name in ("desk-sso", "robot-sso")
            }
        },
        "desk-sso has this entity id already",
    ),
    ({"subject": None}, 'the key "subject" is missing'),
    (
        {"subject": "attribute"},
        '"passthrough", "qualified", "pairwise" or a mapping with the key "attribute" is expected',
    ),
    ({"subject": {"claim": "oid"}}, 'the key "attribute" is missing'),
    ({"name_id_format": EMAIL}, "an address changes hands; map the subject to an attribute that stays"),
    ({"name_id_format": TRANSIENT}, "a transient name is another one at the next sign-in"),
    ({"name_id_format": ENCRYPTED}, "encrypted names are not read"),
    ({"name_id_format": 7}, "a text is expected"),
    ({"attributes": []}, "a list of 1 to"),
    ({"groups": "groups"}, 'the key "groups" is not known here'),
]


@pytest.mark.parametrize(("changes", "expected"), BROKEN, ids=[expected[:40] for _, expected in BROKEN])
def test_a_broken_saml_provider_is_told(tmp_path, changes, expected):
    with pytest.raises(BundleError, match=expected.replace("(", r"\(")) as caught:
        parsed(tmp_path, **changes)
    assert "organisation.yaml:" in str(caught.value)


@pytest.mark.req("X-13")
@pytest.mark.parametrize("library", ["lxml", "signxml"])
def test_without_the_extra_a_bundle_with_saml_stops_and_says_which(tmp_path, monkeypatch, library):
    document = parsed(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    expected = rf"saml: {library} not installed: pip install 'grantd\[saml\]'"
    with pytest.raises(BundleError, match=expected):
        parsed(tmp_path)
    with pytest.raises(BundleError, match=expected):
        compiled(document)
    parse_directory(org.write(tmp_path, org.bundle()))


@pytest.mark.req("X-13")
def test_a_provider_may_have_both_protocols_or_either(tmp_path):
    both = compiled(parsed(tmp_path))
    issuer = both.grant_issuers[org.GRANTS]
    assert both.identity_provider_for(issuer, org.LOGIN) is both.identity_providers["corp"]
    assert both.saml_providers_of(issuer) == {assertions_.ENTITY: both.identity_providers["corp"]}

    only = org.bundle()
    only["identity_providers"]["corp"] = {"saml": assertions_.sign_on(), "email_domains": ["corp.example"]}
    snapshot = compiled(parse_directory(org.write(tmp_path, only)))
    corp = snapshot.identity_providers["corp"]
    assert (corp.issuer, corp.algorithms, corp.email_domains) == (assertions_.ENTITY, frozenset(), ("corp.example",))
    assert snapshot.identity_provider_for(issuer, assertions_.ENTITY) is None, "it signs no ID token"
    assert snapshot.saml_providers_of(issuer) == {assertions_.ENTITY: corp}

    neither = compiled(parse_directory(org.write(tmp_path, org.bundle())))
    assert neither.saml_providers_of(issuer) is None


def test_the_longest_things_that_fit_are_taken(tmp_path):
    certificates = [assertions_.signatory(str(n), "p256").certificate for n in range(8)]
    saml = compiled(parsed(tmp_path, certificates=certificates)).identity_providers["corp"].saml
    assert saml.certificates == tuple(certificates)


def test_where_an_attribute_names_people_any_format_of_the_name_is_taken_unless_said(tmp_path):
    saml = compiled(parsed(tmp_path, subject={"attribute": "oid"})).identity_providers["corp"].saml
    assert (saml.subject.rule, saml.subject.claim, saml.name_id_format) == (SubjectRule.CLAIM, "oid", None)
    said = (
        compiled(parsed(tmp_path, subject={"attribute": "oid"}, name_id_format=EMAIL)).identity_providers["corp"].saml
    )
    assert said.name_id_format == EMAIL
    assert compiled(parsed(tmp_path)).identity_providers["corp"].saml.name_id_format == assertions_.PERSISTENT


@pytest.mark.parametrize("part", ["issuer", "keys", "algorithms"])
def test_a_part_of_what_id_tokens_need_is_not_enough(tmp_path, part):
    whole = org.bundle()
    whole["identity_providers"]["corp"]["saml"] = assertions_.sign_on()
    del whole["identity_providers"]["corp"][part]
    assert f'the key "{part}" is missing' in sentence(tmp_path, whole)


def test_what_is_said_of_id_tokens_is_unknown_where_there_are_none(tmp_path):
    whole = org.bundle()
    whole["identity_providers"]["corp"] = {"saml": assertions_.sign_on(), "groups_claim": "groups"}
    assert 'the key "groups_claim" is not known here' in sentence(tmp_path, whole)


def test_rules_read_what_assertions_tell_and_nothing_else(tmp_path):
    whole = org.bundle()
    whole["identity_providers"]["corp"] = {"saml": assertions_.sign_on(groups_attribute=None)}
    assert "the groups of corp are never known" in sentence(tmp_path, whole)
    whole["identity_providers"]["corp"] = {"saml": assertions_.sign_on(roles_attribute="role")}
    rule = whole["grants"]["grants"][0]
    rule["subjects"] = {"roles": ["corp:lead"]}
    parse_directory(org.write(tmp_path, whole))
    whole["identity_providers"]["corp"] = {"saml": assertions_.sign_on()}
    assert "the roles of corp are never known" in sentence(tmp_path, whole)
    rule["subjects"] = {"claims": {"corp:department": ["x"]}}
    assert "corp does not declare the claim department" in sentence(tmp_path, whole)


def test_one_entity_id_is_one_provider_and_may_be_an_issuer_of_id_tokens_too(tmp_path):
    whole = org.bundle()
    whole["identity_providers"]["corp"]["saml"] = assertions_.sign_on(entity_id=org.LOGIN)
    parse_directory(org.write(tmp_path, whole))
    whole["identity_providers"]["twin"] = {"saml": assertions_.sign_on(entity_id=org.LOGIN)}
    assert f"identity_providers.corp has the entity id {org.LOGIN} already" in sentence(tmp_path, whole)


@pytest.mark.req("A-40", "A-56")
@pytest.mark.parametrize(
    ("id_tokens", "assertions"),
    [
        ("qualified", "passthrough"),
        ("passthrough", "qualified"),
        ("pairwise", "qualified"),
        ("passthrough", "pairwise"),
    ],
)
def test_a_person_of_both_protocols_is_one_person(tmp_path, id_tokens, assertions):
    whole = org.bundle()
    whole["identity_providers"]["corp"] |= {"saml": assertions_.sign_on(subject=assertions), "subject": id_tokens}
    assert "must be said of both protocols, or of neither" in sentence(tmp_path, whole)
    whole["identity_providers"]["corp"]["saml"]["subject"] = id_tokens
    parse_directory(org.write(tmp_path, whole))
    if id_tokens == "passthrough":
        whole["identity_providers"]["corp"]["saml"]["subject"] = {"attribute": "oid"}
        parse_directory(org.write(tmp_path, whole))


def test_behind_one_grant_issuer_assertions_say_whose_a_person_is(tmp_path):
    whole = org.bundle()
    whole["identity_providers"]["corp"] = {"saml": assertions_.sign_on()}
    second = {
        "issuer": "https://b.example",
        "keys": {"discovery": True},
        "algorithms": ["ES256"],
        "subject": "qualified",
    }
    whole["identity_providers"]["second"] = second
    whole["grant_issuers"]["grants"]["identity_providers"].append("second")
    assert "so that corp needs subject: qualified" in sentence(tmp_path, whole)


@pytest.mark.req("B-12", "G-40")
@pytest.mark.parametrize("shared", ["entity_id", "certificates"])
def test_two_trust_domains_share_no_entity_id_and_no_pinned_key(tmp_path, shared):
    whole = org.bundle()
    whole["identity_providers"]["corp"]["saml"] = assertions_.sign_on()
    other = assertions_.sign_on(
        entity_id="urn:other", certificates=[assertions_.signatory("other").certificate],
        service_providers={"desk-other": {"entity_id": "urn:sp", "recipients": ["https://a.example"]}},
    )  # fmt: skip
    other[shared] = copy.copy(whole["identity_providers"]["corp"]["saml"][shared])
    whole["identity_providers"]["other"] = {"saml": other}
    whole["grant_issuers"]["others"] = {
        "issuer": "https://others.example", "trust_domain": "others", "identity_providers": ["other"],
    }  # fmt: skip
    whole["clients"]["desk"]["at"]["others"] = {
        "client_id": "desk-others", "grant_types": ["token-exchange"], "sso": {"other": ["desk-other"]},
        "authentication": [org.secret("desk-at-others-9Xb2Nq5Lw8Tz1Hc4Vm7Kp3Js6Rd0Yf")],
    }  # fmt: skip
    what = {"entity_id": "the entity id", "certificates": "the key"}[shared]
    assert f"the trust domains corp and others share {what}" in sentence(tmp_path, whole)
