"""A morning of the sample company: people ask for what its policy tests ask for, and the
service decides and records, over both legs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deploy.sample.sign_ins import id_token, issuer_of
from grantd.errors import Refused

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from deploy.sample.stand_in import StandIn
    from grantd.client import Client
    from grantd_server.governance.asking.question import Question
    from grantd_server.governance.testing.suites import Case, Suite


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was asked, and what came of both legs."""

    question: Question
    """As it was asked: with the time, and nothing that a caller over gRPC does not tell."""
    granted: frozenset[str] = frozenset()
    """On leg 1."""
    redeemed: frozenset[str] | None = None
    """On leg 2; None where it was not tried."""
    refusal: str = ""
    """The reason's name, of either leg."""
    decision_id: str = ""


def askable(suites: Iterable[Suite], company: StandIn) -> list[Case]:
    """The tests that somebody with an ID token and a secret of ours can ask: not those about
    the grants of other issuers, about one leg alone, or with a client of other credentials."""
    return [case for suite in suites for case in suite.cases if _askable(case.question, company)]


def _askable(question: Question, company: StandIn) -> bool:
    if question.person is None or question.person.provider not in company.keys:
        return False
    issuer, _ = issuer_of(company, question)
    known = (question.client, issuer) in company.secrets and question.person.provider in _sso(company, question)
    return known and question.issuer in {None, issuer}


def _sso(company: StandIn, question: Question) -> dict[str, Any]:
    name, _ = issuer_of(company, question)
    found: dict[str, Any] = company.content["clients"][question.client]["at"].get(name, {}).get("sso", {})
    return found


def drawn(cases: list[Case], count: int, chance: random.Random) -> Iterator[Case]:
    """So many questions; what is granted is asked more often, as people learn what they may."""
    weights = [4 if any(expected.granted for expected in case.expected.values()) else 1 for case in cases]
    yield from chance.choices(cases, weights, k=count)


def ask(client: Client, company: StandIn, case: Case) -> Asked:
    """Signs in, asks for a grant, and redeems it where the server is ours."""
    now = int(time.time())
    sign_in = replace(case.question.sign_in, auth_time=None if case.age is None else now - case.age)
    question = replace(case.question, now=now, sign_in=sign_in, address=None)
    name, issuer = issuer_of(company, question)
    resource = company.content["resources"][question.resource]
    server = company.content["authorization_servers"][resource["authorization_server"]]
    try:
        grant = client.exchange_identity(
            issuer=issuer,
            credentials=company.secrets[question.client, name],
            subject_token=id_token(company, question, case.age, now),
            audience=server["issuer"],
            resource=[resource["uri"]],
            scope=" ".join(question.scopes),
        )
    except Refused as refusal:
        return Asked(question, refusal=refusal.reason or "", decision_id=refusal.decision_id or "")
    asked = Asked(question, frozenset(grant.scope), decision_id=grant.decision_id or "")
    place = resource["authorization_server"]
    if "tenants" in server and question.person is not None:
        place = f"{place}/{question.person.tenant}"
    registered = company.content["clients"][question.client]["at"]
    if server.get("foreign") or registered[place].get("dpop_bound_access_tokens"):
        return asked  # theirs to redeem, or with a key, which a caller over gRPC cannot prove
    credentials = company.secrets[question.client, place]
    try:
        token = client.redeem_grant(issuer=server["issuer"], credentials=credentials, assertion=grant.token)
    except Refused as refusal:
        return replace(asked, redeemed=frozenset(), refusal=refusal.reason or "")
    return replace(asked, redeemed=frozenset(token.scope))
