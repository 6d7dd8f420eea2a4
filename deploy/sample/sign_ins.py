"""ID tokens as each provider of the sample company makes them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from deploy.sample.stand_in import StandIn
    from grantd_server.governance.asking.question import Question

LIFETIME: Final = 3600


def id_token(company: StandIn, question: Question, age: int | None, now: int) -> str:
    """The sign-in of the person who asks, with the client that asks. What is not said of
    them is left out."""
    person = question.person
    if person is None:
        raise ValueError("nobody asks")
    provider = company.content["identity_providers"][person.provider]
    registered = company.content["clients"][question.client]["at"][_issuer(company, question)]
    sign_in = question.sign_in
    claims: dict[str, Any] = {
        "iss": provider["issuer"],
        "sub": person.sub,
        "aud": registered["sso"][person.provider][0],
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_hex(8),
        "auth_time": None if age is None else now - age,
        "acr": sign_in.acr,
        "amr": None if sign_in.amr is None else list(sign_in.amr),
        "groups": None if person.groups is None else sorted(person.groups),
        "email": person.email,
        "email_verified": True if person.email else None,
        **{name: sorted(values) for name, values in (person.claims or {}).items()},
        **_OF_SOFTWARE.get(provider.get("profile", ""), {}),
    }
    roles = None if person.roles is None else sorted(person.roles)
    claims |= {"realm_access": {"roles": roles}} if provider.get("profile") == "keycloak" else {"roles": roles}
    if "tenant" in provider:
        claims[provider["tenant"]["claim"]] = person.tenant
    if provider.get("profile") == "entra":
        claims["oid"] = person.sub
    return company.keys[person.provider].sign({name: value for name, value in claims.items() if value is not None})


_OF_SOFTWARE: Final = {"entra": {"ver": "2.0"}, "keycloak": {"typ": "ID"}}


def _issuer(company: StandIn, question: Question) -> str:
    """The grant issuer that accepts the person's provider: here each has one."""
    provider = question.person.provider if question.person else ""
    issuers: dict[str, Any] = company.content["grant_issuers"]
    return next(name for name, issuer in issuers.items() if provider in issuer["identity_providers"])


def issuer_of(company: StandIn, question: Question) -> tuple[str, str]:
    """Its name, and its identifier."""
    name = _issuer(company, question)
    return name, str(company.content["grant_issuers"][name]["issuer"])
