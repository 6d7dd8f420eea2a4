"""CPU per request of each RPC, over gRPC and HTTP, beside a no-op call of the same process.

`make bench [ROUNDS=7] [CALLS=1500]`. Each round measures everything once, interleaved;
a figure is the median over the rounds, and a share is the median of the paired ratios:
the no-op's CPU over the RPC's, that is, calls per core as a share of the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bench.measured import Server, started
from bench.work import BATCH, SERVICE, Work, check

import organisation as org
from grantd.v1 import authorization_pb2 as pb

NOOP = "/bench.Noop/Call"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1500)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.rounds, chosen.calls))


if __name__ == "__main__":
    main()
