"""A chain as a tree: from the sign-in over grant, tokens and introspections to the
revocation, each with its time. A pure function of what is on record."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.explaining.explanation import Explanation, Place, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that happened on a chain."""

    name: str = ""
    """Of the node: the decision id, where it is a decision."""
    parent: str = ""
    """The node it hangs below; empty for the first."""
    kind: str = ""
    """`sign-in`, `session`, `renewal`, `grant`, `token`, `introspection`, `revocation`, `refusal`."""
    time: float = 0.0
    last: float = 0.0
    """When it was seen last, where it is a sum."""
    count: int = 1
    expires: int = 0
    outcome: str = ""
    asker: str = ""
    """Of an introspection: the resource server."""
    provider: str = ""
    """Of a sign-in: the identity provider, or the issuer of a grant that is not ours."""
    acr: str = ""
    amr: tuple[str, ...] = ()
    decision: Explanation = field(default_factory=Explanation)


@dataclass(frozen=True, slots=True)
class Buried:
    """A revoked digest, as the store has it."""

    digest: str
    expires: int
    written: int


@dataclass(frozen=True, slots=True)
class Trail:
    """What the store has of a chain."""

    chain: str
    bodies: Sequence[Mapping[str, Any]]
    """Records, oldest first."""
    introspections: Sequence[Mapping[str, Any]] = ()
    """Rows of class 2: minute, token, asker, outcome, count, decision_id."""
    buried: Sequence[Buried] = ()
    cut: bool = False
    """Whether there is more than was read."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A chain, told."""

    chain: str
    nodes: tuple[Node, ...] = ()
    """Each after its parent."""
    revoked: int = 0
    """When the chain itself was revoked, seconds since the epoch; 0 where it was not."""
    cut: bool = False


@dataclass(slots=True)
class _Tree:
    nodes: dict[str, Node] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    """Node of the grant, by chain."""
    sessions: dict[str, str] = field(default_factory=dict)
    """Newest node of a family of refresh tokens."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Node that issued a token, by the digest of its jti."""
    signed_in: str = ""

    def add(self, node: Node) -> str:
        self.nodes[node.name] = node
        return node.name


SIGN_IN: Final = "sign-in"


def journey(trail: Trail) -> Journey:
    """Makes the tree of a chain."""
    tree = _Tree()
    decisions = [explained(body) for body in trail.bodies]
    _sign_in(tree, decisions)
    for decision in decisions:
        tree.add(_node(tree, decision))
    for node in _sums(tree, trail.introspections):
        tree.add(node)
    for buried in trail.buried:
        _bury(tree, trail.chain, buried)
    revoked = max((one.written for one in trail.buried if one.digest == trail.chain), default=0)
    return Journey(trail.chain, tuple(_in_order(tree.nodes)), revoked, trail.cut)


def places(found: Journey) -> tuple[Place, ...]:
    """The decisions of a chain, oldest first: where one of them stands."""
    mine = [node for node in found.nodes if node.decision.id]
    ordered = sorted(mine, key=lambda node: (node.time, node.name))
    return tuple(Place(node.name, node.time, node.kind, node.outcome) for node in ordered)


def _sign_in(tree: _Tree, decisions: Sequence[Explanation]) -> None:
    """The event before everything: recorded with the first policy input that knows it."""
    for decision in decisions:
        for read in decision.inputs:
            amr = read.get("amr")
            provider = read.get("identity_provider") or read.get("issuer")
            tree.signed_in = tree.add(
                Node(
                    name=SIGN_IN,
                    kind=SIGN_IN,
                    time=_seconds(read.get("auth_time")),
                    provider=str(provider or ""),
                    acr=str(read.get("acr") or ""),
                    amr=tuple(str(method) for method in amr) if isinstance(amr, list) else (),
                    outcome="signed in",
                )
            )
            return


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 2**53 else 0.0


def _node(tree: _Tree, decision: Explanation) -> Node:
    kind, parent = _hung(tree, decision)
    node = Node(
        name=decision.id or f"record {len(tree.nodes)}",
        parent=parent,
        kind=kind,
        time=decision.time,
        expires=decision.expires,
        outcome=decision.outcome,
        decision=decision,
    )
    if kind in {"session", "renewal"}:
        tree.sessions[decision.family] = node.name
    if kind == "grant":
        tree.grants[decision.chain] = node.name
    if kind == "token":
        tree.tokens[decision.token_hash] = node.name
    return node


def _hung(tree: _Tree, decision: Explanation) -> tuple[str, str]:
    """What a decision is, and the node it hangs below."""
    session = tree.sessions.get(decision.family, tree.signed_in)
    grant = tree.grants.get(decision.chain, session)
    token = tree.tokens.get(decision.token_hash, grant)
    granted = decision.outcome == "granted"
    match decision.rpc:
        case "ExchangeIdentity" if granted and decision.family and decision.family == decision.chain:
            return "session", tree.signed_in
        case "RefreshToken" if granted:
            return "renewal", session
        case "ExchangeIdentity" if granted:
            return "grant", session
        case "RedeemGrant" if granted:
            return "token", grant
        case "RevokeToken" | "RevokeChain" if decision.outcome in {"revoked", "applied"}:
            return "revocation", token
        case "RedeemGrant":
            return "refusal", grant
        case _:
            return "refusal", session


def _sums(tree: _Tree, rows: Iterable[Mapping[str, Any]]) -> Iterator[Node]:
    """Introspections of one token by one asker with one outcome, over all minutes."""
    sums: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        sums[row["token"], row["asker"], row["outcome"]].append(row)
    for number, ((token, asker, outcome), mine) in enumerate(sums.items(), 1):
        minutes = [row["minute"] for row in mine]
        yield Node(
            name=f"introspection {number}",
            parent=tree.tokens.get(token, ""),
            kind="introspection",
            time=min(minutes) * MINUTE,
            last=max(minutes) * MINUTE,
            count=sum(row["count"] for row in mine),
            asker=asker,
            outcome=outcome,
        )


def _bury(tree: _Tree, chain: str, buried: Buried) -> None:
    """A tombstone that no decision of the chain accounts for: the token went with its
    chain, or the chain with its session."""
    place = {**tree.tokens, **tree.sessions, **tree.grants}.get(buried.digest, "")
    if buried.digest == chain and not place:
        place = tree.signed_in
    told = any(node.kind == "revocation" and node.decision.token_hash == buried.digest for node in tree.nodes.values())
    if not told:
        tree.add(
            Node(
                name=f"revocation {len(tree.nodes)}",
                parent=place,
                kind="revocation",
                time=buried.written,
                expires=buried.expires,
                outcome="revoked",
            )
        )


def _in_order(nodes: Mapping[str, Node]) -> Iterator[Node]:
    """Each node after its parent, siblings by time; what hangs nowhere is a root."""
    below: dict[str, list[Node]] = defaultdict(list)
    for node in nodes.values():
        below[node.parent if node.parent in nodes else ""].append(node)
    waiting = _by_time(below[""])
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _by_time(below[node.name])


def _by_time(nodes: list[Node]) -> list[Node]:
    """Last first. A revocation is known to the second only, and is the end of its branch."""
    return sorted(nodes, key=lambda node: (node.kind == "revocation", node.time, node.name), reverse=True)
