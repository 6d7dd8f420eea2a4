"""Test support: grants presented many times at once to several replicas, and what became of
each, by the answers and by the database."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from leg_two import DESK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_CUT_OFF = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE})


@dataclass
class Answers:
    """What came back: the jti of each token by the grant it was given for, and the rest."""

    tokens: dict[str, list[str]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """By public reason."""
    failed: Counter[str] = field(default_factory=Counter)
    """By gRPC status: what is no answer to the question."""
    seconds: list[float] = field(default_factory=list)
    cut_off: int = 0
    """Calls that were made again."""

    def __iadd__(self, more: Answers) -> Self:
        for jti, tokens in more.tokens.items():
            self.tokens.setdefault(jti, []).extend(tokens)
        self.refused += more.refused
        self.failed += more.failed
        self.seconds += more.seconds
        self.cut_off += more.cut_off
        return self

    @property
    def granted(self) -> int:
        return sum(map(len, self.tokens.values()))

    @property
    def doubles(self) -> list[str]:
        """Grants that were redeemed more than once."""
        return [jti for jti, tokens in self.tokens.items() if len(tokens) > 1]


def new_grants(count: int) -> dict[str, str]:
    """Grants of the foreign issuer, by their jti."""
    now = int(time.time())
    names = [secrets.token_hex(16) for _ in range(count)]
    return {jti: org.partner_grant(now, jti=jti) for jti in names}


async def redeem(stub: AuthorizationServiceStub, jti: str, grant: str, answers: Answers, turns: int = 1) -> None:
    """Presents a grant, waiting for a connection. With more `turns` it calls again when the
    call was cut off, as a client does that reconnects: what was begun is finished, so a call
    that was cut off while a worker drains was never begun."""
    request = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant)
    began = time.monotonic()
    try:
        answer = await stub.RedeemGrant(request, timeout=20, wait_for_ready=True)
    except grpc.aio.AioRpcError as fault:
        if turns > 1 and fault.code() in _CUT_OFF:
            answers.cut_off += 1
            return await redeem(stub, jti, grant, answers, turns - 1)
        reason = reason_of(fault)
        (answers.refused if fault.code() is grpc.StatusCode.FAILED_PRECONDITION else answers.failed)[reason] += 1
    else:
        answers.tokens.setdefault(jti, []).append(claims_of(answer.access_token)["jti"])
    answers.seconds.append(time.monotonic() - began)
    return None


async def redeem_all(
    stubs: Sequence[AuthorizationServiceStub], grants: dict[str, str], calls: int, at_once: int = 4
) -> Answers:
    """Presents each grant `calls` times at the same moment, spread over all stubs; `at_once`
    grants are under way together. A connection takes 64 calls, and fewer when they end fast."""
    answers, left = Answers(), iter(grants.items())

    async def presenting(first: int) -> None:
        turn = cycle(range(len(stubs)))
        for _ in range(first):
            next(turn)
        for jti, grant in left:
            await asyncio.gather(*(redeem(stubs[next(turn)], jti, grant, answers) for _ in range(calls)))

    await asyncio.gather(*(presenting(number) for number in range(at_once)))
    return answers


@dataclass(frozen=True)
class Kept:
    """What the database holds of some grants."""

    granted: int
    """Records of a token."""
    refused: int
    tokens: frozenset[str]
    """Hashes of the jti of each token that a record says was issued."""
    writers: frozenset[str]


async def kept(database: str) -> Kept:
    """Reads what all redemptions left behind."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("SELECT outcome, writer, body FROM records WHERE rpc = 'RedeemGrant'")
    finally:
        await connection.close()
    issued = [json.loads(row["body"]) for row in rows if row["outcome"] == "granted"]
    return Kept(
        granted=len(issued),
        refused=sum(row["outcome"] == "refused" for row in rows),
        tokens=frozenset(body["token_hash"] for body in issued),
        writers=frozenset(row["writer"] for row in rows),
    )


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def reason_of(fault: grpc.aio.AioRpcError) -> str:
    """The public reason of a refusal, else the status."""
    status = rpc_status.from_call(fault)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return f"{fault.code().name}: {fault.details()}"


def spread(seconds: Iterable[float]) -> str:
    """Median, 99 of 100, and the worst, in milliseconds."""
    ordered = sorted(seconds)
    return " ".join(
        f"{name} {ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1000:.0f} ms"
        for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))
    )
