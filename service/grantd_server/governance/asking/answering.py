"""Answers a question as the service would, leg by leg, with the rule that decided each
scope. Pure: the same rules and the same engine, no store and no key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.governance.asking.question import Legs, attributes_of
from grantd_server.governance.asking.ways import (
    Obstacle,
    Way,
    obstacle_to_grant,
    obstacle_to_redemption,
    server_of,
    trusted_at,
)
from grantd_server.model.bundle.governed import AuthorizationServer, SubjectRule
from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs
from grantd_server.policy.decide import decide_grant, decide_redemption
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.asking.question import Attributes, Person, Question
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import GrantIssuer, TrustedIssuer
    from grantd_server.model.bundle.rules import Decision

GRANTED = "granted"
CEILING = "ceiling_"
"""Before the reason of a scope that leg 2 refused."""


class Unanswerable(ValueError):
    """The question is about something that the bundle does not have."""


@dataclass(frozen=True, slots=True)
class ScopeAnswer:
    """What became of one scope, and by which rules: of both legs, or the deny."""

    reason: str
    rules: tuple[str, ...] = ()

    @property
    def granted(self) -> bool:
        return self.reason == GRANTED


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service would have answered."""

    issuer: str
    scopes: Mapping[str, ScopeAnswer]
    obstacle: Obstacle | None = None
    """Why no rule was asked, on the leg that it names."""
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    """By leg, of those that asked rules."""


def answer(snapshot: Snapshot, question: Question) -> Answer:
    """Answers for one resource.

    Raises:
        Unanswerable: a name leads nowhere, or it takes an issuer to know what is meant.
    """
    resource = snapshot.resources.get(question.resource)
    if resource is None:
        raise Unanswerable(f'there is no resource "{question.resource}"')
    person = question.person
    if person is not None and person.provider not in snapshot.identity_providers:
        raise Unanswerable(f'there is no identity provider "{person.provider}"')
    name, issuer = _issuer(snapshot, question)
    way = Way(name, person.provider if person else None, question.client, resource, _tenant(snapshot, question))
    scopes = question.scopes or resource.default_scopes
    if not scopes:
        raise Unanswerable(f"no scope is asked, and {resource.name} has no default scopes")
    server = server_of(snapshot, resource)
    if question.audience is not None and question.audience != server.name:
        sentence = f"{resource.name} is governed by {server.name}, not by {question.audience}"
        return _stopped(name, scopes, Obstacle(Reason.RESOURCE_NOT_GOVERNED, sentence, 1))
    found = Answer(name, {scope: ScopeAnswer(GRANTED) for scope in scopes})
    if issuer is not None and question.legs is not Legs.REDEMPTION:
        found = _leg_1(snapshot, question, issuer, way, scopes)
    if isinstance(server, AuthorizationServer) and question.legs is not Legs.GRANT:
        found = _leg_2(snapshot, question, server, way, found)
    return found


def _issuer(snapshot: Snapshot, question: Question) -> tuple[str, GrantIssuer | None]:
    """The issuer that is asked; where it is not said, the only one that accepts the
    person's sign-ins and knows the client."""
    ours = {issuer.name: issuer for issuer in snapshot.grant_issuers.values()}
    foreign = {
        trusted.name for server in snapshot.authorization_servers.values() for trusted in server.trusted.values()
    }
    if question.issuer is not None:
        if question.issuer not in ours and question.issuer not in foreign:
            raise Unanswerable(f'there is no grant issuer and no trusted issuer "{question.issuer}"')
        if question.person is None and question.issuer in ours and question.legs is not Legs.REDEMPTION:
            raise Unanswerable(f"{question.issuer} is a grant issuer of ours; it takes a person to ask it")
        return question.issuer, ours.get(question.issuer)
    if question.person is None:
        raise Unanswerable("it takes a person, or the issuer of a grant")
    accepting = [issuer for issuer in ours.values() if question.person.provider in issuer.identity_providers]
    knowing = [issuer for issuer in accepting if snapshot.registration_of(question.client, issuer.issuer)]
    fitting = knowing or accepting
    if len(fitting) != 1:
        names = ", ".join(issuer.name for issuer in fitting) or "none"
        raise Unanswerable(f"the issuer must be said; those that accept {question.person.provider}: {names}")
    return fitting[0].name, fitting[0]


def _tenant(snapshot: Snapshot, question: Question) -> str | None:
    """Of the issuer: what the provider fixes, or what is said."""
    if question.person is None:
        return question.tenant
    source = snapshot.identity_providers[question.person.provider].tenant
    return question.person.tenant if source is None or source.fixed is None else source.fixed


def _leg_1(snapshot: Snapshot, question: Question, issuer: GrantIssuer, way: Way, scopes: tuple[str, ...]) -> Answer:
    person = question.person
    if person is None:
        raise AssertionError("an issuer of ours is asked by a person")
    attributes = attributes_of(snapshot, person)
    obstacle = obstacle_to_grant(snapshot, issuer, way)
    if obstacle is None and not attributes.active:
        sentence = f"the directory of {person.provider} does not list them as active"
        obstacle = Obstacle(Reason.SUBJECT_DISABLED, sentence, 1)
    if obstacle is not None:
        return _stopped(issuer.name, scopes, obstacle)
    decision = decide_grant(snapshot.grant_rules(issuer.name), _grant_inputs(question, attributes, way, scopes))
    return Answer(issuer.name, _by_scope(scopes, decision, {}), decisions={1: decision})


def _grant_inputs(question: Question, attributes: Attributes, way: Way, scopes: tuple[str, ...]) -> GrantInputs:
    return GrantInputs(
        identity_provider=way.provider or "",
        users=attributes.users,
        groups=attributes.groups,
        roles=attributes.roles,
        claims=attributes.claims,
        client=question.client,
        resource=question.resource,
        scopes=scopes,
        sign_in=question.sign_in,
        address=question.address,
        now=question.now,
        tenant=way.tenant,
    )


def _leg_2(snapshot: Snapshot, question: Question, server: AuthorizationServer, way: Way, before: Answer) -> Answer:
    """The ceiling, over what leg 1 granted."""
    asked = tuple(scope for scope, found in before.scopes.items() if found.granted)
    if not asked:
        return before
    obstacle = obstacle_to_redemption(snapshot, server, way) or _stranger(snapshot, question, server, way)
    if obstacle is not None:
        stopped = _stopped(before.issuer, asked, obstacle).scopes
        return Answer(before.issuer, {**before.scopes, **stopped}, obstacle, before.decisions)
    inputs = RedemptionInputs(
        issuer=way.issuer,
        client=question.client,
        resource=question.resource,
        scopes=asked,
        sign_in=question.sign_in,
        tenant=way.tenant,
        now=question.now,
    )
    decision = decide_redemption(snapshot.redemption_rules(server.name), inputs)
    scopes = {**before.scopes, **_by_scope(asked, decision, before.scopes)}
    return Answer(before.issuer, scopes, None, {**before.decisions, 2: decision})


def _by_scope(scopes: tuple[str, ...], decision: Decision, before: Mapping[str, ScopeAnswer]) -> dict[str, ScopeAnswer]:
    found = {}
    for scope in scopes:
        earlier = before[scope].rules if scope in before else ()
        if scope in decision.granted:
            found[scope] = ScopeAnswer(GRANTED, (*earlier, decision.granted[scope]))
        else:
            why, rule = decision.refused[scope]
            found[scope] = ScopeAnswer((CEILING if before else "") + why.value, (rule,) if rule else ())
    return found


def _stopped(issuer: str, scopes: tuple[str, ...], obstacle: Obstacle) -> Answer:
    reason = obstacle.reason.name.lower()
    return Answer(issuer, {scope: ScopeAnswer(reason) for scope in scopes}, obstacle)


def _stranger(snapshot: Snapshot, question: Question, server: AuthorizationServer, way: Way) -> Obstacle | None:
    """Whether the server knows accounts one by one and this person is not among them, as
    far as the bundle alone can tell: it can where names are passed through."""
    trusted, person = trusted_at(server, way.issuer), question.person
    if trusted is None or trusted.known_subjects is None or person is None or person.sub is None:
        return None
    sub = _passed_through(snapshot, trusted, person)
    account = sub if way.tenant is None else f"{way.tenant}|{sub}"
    if sub is None or account in trusted.known_subjects:
        return None
    return Obstacle(Reason.ASSERTION_SUBJECT, f"{server.name} knows no such account", 2)


def _passed_through(snapshot: Snapshot, trusted: TrustedIssuer, person: Person) -> str | None:
    if trusted.subject.rule is not SubjectRule.PASSTHROUGH:
        return None
    rule = snapshot.identity_providers[person.provider].subject.rule
    if rule is SubjectRule.QUALIFIED:
        return f"{person.provider}:{person.sub}"
    return None if rule is SubjectRule.PAIRWISE else person.sub
