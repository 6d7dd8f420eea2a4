"""CPU per request of each RPC, over gRPC and HTTP, beside a no-op call of the same process.

`make bench [ROUNDS=7] [CALLS=1500]`. Each round measures everything once, interleaved;
a figure is the median over the rounds, and a share is the median of the paired ratios:
the no-op's CPU over the RPC's, that is, calls per core as a share of the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import yaml
from bench.load import GrpcLoad, HttpLoad

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK = os.sysconf("SC_CLK_TCK")
SERVICE = "/grantd.v1.AuthorizationService/"
NOOP = "/bench.Noop/Call"
BATCH = 64
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REDEEM = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def client(client_id: str, secret: str) -> ClientAuthentication:
    return ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))


def exchange_fields() -> dict[str, str]:
    return {
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "audience": org.SERVER,
        "resource": org.TICKETS,
        "scope": "tickets:read",
        "subject_token": org.id_token(int(time.time())),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }


class Work:
    """Bodies of requests, made before the clock runs."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.tokens: list[str] = []

    def noop(self) -> list[bytes]:
        return [bytes(1002)] * self.calls

    def exchange(self) -> list[bytes]:
        fields: dict[str, Any] = exchange_fields()
        fields |= {"audience": [fields["audience"]], "resource": [fields["resource"]]}
        request = pb.ExchangeIdentityRequest(issuer=org.GRANTS, client=client("desk-agent", org.DESK_SECRET), **fields)
        return [request.SerializeToString()] * self.calls

    def redeem(self) -> list[bytes]:
        desk = client("cli_desk", org.TOOLS_SECRET)
        return [
            pb.RedeemGrantRequest(issuer=org.SERVER, client=desk, assertion=grant).SerializeToString()
            for grant in self._grants()
        ]

    def introspect(self, *, fresh: bool) -> list[bytes]:
        asker = client("rs-tickets", org.RS_SECRET)
        return [
            pb.IntrospectTokenRequest(issuer=org.SERVER, client=asker, token=token).SerializeToString()
            for token in self._some(fresh)
        ]

    def batches(self, *, fresh: bool) -> list[bytes]:
        asker, tokens = client("rs-tickets", org.RS_SECRET), self._some(fresh)
        return [
            pb.IntrospectTokensRequest(
                issuer=org.SERVER, client=asker, tokens=tokens[start : start + BATCH]
            ).SerializeToString()
            for start in range(0, len(tokens) - BATCH + 1, BATCH)
        ]

    def exchange_forms(self) -> list[bytes]:
        form = {"grant_type": EXCHANGE, "client_id": "desk-agent", "client_secret": org.DESK_SECRET}
        return [urlencode(form | exchange_fields()).encode()] * self.calls

    def redeem_forms(self) -> list[bytes]:
        form = {"grant_type": REDEEM, "client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
        return [urlencode(form | {"assertion": grant}).encode() for grant in self._grants()]

    def introspect_forms(self) -> list[bytes]:
        form = {"client_id": "rs-tickets", "client_secret": org.RS_SECRET}
        return [urlencode(form | {"token": token}).encode() for token in self._some(fresh=False)]

    def _grants(self) -> list[str]:
        now = int(time.time())
        return [org.partner_grant(now, jti=secrets.token_hex(8)) for _ in range(self.calls)]

    def _some(self, fresh: bool) -> list[str]:
        """Tokens just issued and never seen by introspection, or ten that are known."""
        return self.tokens[-self.calls :] if fresh else self.tokens[:10] * (self.calls // 10)


class Server:
    """The measured process."""

    def __init__(self, process: asyncio.subprocess.Process, ports: dict[str, int]) -> None:
        self.process = process
        self.grpc = GrpcLoad(ports["grpc"])
        self.http = HttpLoad(ports["http"])

    def cpu(self) -> float:
        """User and system seconds of the process, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    async def over_grpc(self, path: str, bodies: Sequence[bytes], each: int = 1) -> tuple[float, list[bytes]]:
        """CPU microseconds a request (or a part of one), and the answers."""
        before = self.cpu()
        answers = await self.grpc.run(path, bodies)
        return (self.cpu() - before) * 1e6 / (len(bodies) * each), answers

    async def over_http(self, issuer: str, path: str, bodies: Sequence[bytes]) -> tuple[float, list[bytes]]:
        before = self.cpu()
        answers = await self.http.run(urlsplit(issuer).netloc, path, bodies)
        return (self.cpu() - before) * 1e6 / len(bodies), answers


async def one_round(server: Server, work: Work) -> dict[str, float]:
    """Everything once; each answer is checked to be the honest one."""
    found: dict[str, float] = {}
    found["no-op"], _ = await server.over_grpc(NOOP, work.noop())
    found["ExchangeIdentity, gRPC"], answers = await server.over_grpc(SERVICE + "ExchangeIdentity", work.exchange())
    check(all(pb.ExchangeIdentityResponse.FromString(answer).token for answer in answers))
    found["RedeemGrant, gRPC"], answers = await server.over_grpc(SERVICE + "RedeemGrant", work.redeem())
    tokens = [pb.RedeemGrantResponse.FromString(answer).access_token for answer in answers]
    check(all(tokens))
    work.tokens += tokens
    path = SERVICE + "IntrospectToken"
    found["IntrospectToken verifying, gRPC"], answers = await server.over_grpc(path, work.introspect(fresh=True))
    check(all(pb.IntrospectTokenResponse.FromString(answer).active for answer in answers))
    found["IntrospectToken cached, gRPC"], answers = await server.over_grpc(path, work.introspect(fresh=False))
    check(all(pb.IntrospectTokenResponse.FromString(answer).active for answer in answers))
    await batches(server, work, found)
    found["ExchangeIdentity, HTTP"], answers = await server.over_http(org.GRANTS, "/token", work.exchange_forms())
    check(all(b"access_token" in answer for answer in answers))
    found["RedeemGrant, HTTP"], answers = await server.over_http(org.SERVER, "/token", work.redeem_forms())
    check(all(b"access_token" in answer for answer in answers))
    found["IntrospectToken cached, HTTP"], answers = await server.over_http(
        org.SERVER, "/introspect", work.introspect_forms()
    )
    check(all(b'"active":true' in answer for answer in answers))
    return found


async def batches(server: Server, work: Work, found: dict[str, float]) -> None:
    path = SERVICE + "IntrospectTokens"
    more = await server.grpc.run(SERVICE + "RedeemGrant", work.redeem())
    work.tokens += [pb.RedeemGrantResponse.FromString(answer).access_token for answer in more]
    for name, fresh in (("verifying", True), ("cached", False)):
        cost, answers = await server.over_grpc(path, work.batches(fresh=fresh), BATCH)
        found[f"IntrospectTokens {name}, a token of {BATCH}"] = cost
        check(all(r.active for answer in answers for r in pb.IntrospectTokensResponse.FromString(answer).results))


def check(honest: bool) -> None:
    if not honest:
        raise RuntimeError("an answer was not the honest one; nothing was measured")


async def measure(rounds: int, calls: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = await started(folder)
        try:
            work = Work(calls)
            await one_round(server, Work(200))  # warm
            found = [await one_round(server, work) for _ in range(rounds)]
        finally:
            server.process.terminate()
            await server.grpc.close()
            await server.process.wait()
    print(f"CPU of the server process, {rounds} rounds of {calls} calls, 16 in flight\n")
    print(f"{'':42}{'us a call':>10}{'calls/s/core':>14}{'share of the no-op [min..max]':>32}")
    for name in found[0]:
        cost = statistics.median(each[name] for each in found)
        shares = sorted(each["no-op"] / each[name] for each in found)
        share = f"{statistics.median(shares):.2f} [{shares[0]:.2f}..{shares[-1]:.2f}]"
        print(f"{name:42}{cost:10.0f}{1e6 / cost:14.0f}{share:>32}")


async def started(folder: Path) -> Server:
    settings = {
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "http": {"listen": "127.0.0.1:0"},
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": f"{folder}/keys", "auto_create": True},
        "governance": {"directory": str(org.write(folder / "governance", org.bundle()))},
    }
    (folder / "grantd.yaml").write_text(yaml.safe_dump(settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.server", str(folder), stdout=asyncio.subprocess.PIPE, stderr=sys.stderr
    )
    assert process.stdout is not None
    return Server(process, json.loads(await process.stdout.readline()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1500)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.rounds, chosen.calls))


if __name__ == "__main__":
    main()
