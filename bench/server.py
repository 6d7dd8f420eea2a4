"""The service under measurement, in a process of its own: both listeners and a no-op.

`python bench/server.py FOLDER [memory]` prints its gRPC, administrators' and HTTP ports. The no-op is a
raw handler outside the chain, in the same process, with the same channel options.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvloop

from grantd_server.model.caller import Role
from grantd_server.rpc.limits import Limits
from grantd_server.rpc.server import Listener, RpcServer
from grantd_server.rpc.server.aio import Peers, add_raw_unary
from grantd_server.settings import load
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from grantd_server.wiring.build import build, telemetry_of
from grantd_server.wiring.service import Service

NOOP = "/bench.Noop/Call"
ANSWER = bytes(971)


async def main(folder: Path) -> None:
    settings = load(folder / "grantd.yaml", os.environ)
    telemetry = telemetry_of(settings)
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    await service.start()
    # Long-lived connections, as the measured clients keep theirs.
    limits = Limits(connection_age=3600)
    server = RpcServer(parts.endpoints, Peers({}, Role.SERVICE), [Listener("127.0.0.1:0")], limits)

    async def noop(_raw: bytes, _context: Any) -> bytes:
        return ANSWER

    add_raw_unary(server.grpc, NOOP, noop)
    # Administrators, apart: what they do beside the calls is measured, too.
    desk = RpcServer(parts.endpoints, Peers({}, Role.ADMIN), [Listener("127.0.0.1:0")], limits)
    await server.start()
    await desk.start()
    http = HttpServer(server_config(Shim(parts.channel(), ShimLimits()), ShimLimits(), host="127.0.0.1", port=0))
    serving = asyncio.create_task(http.serve())
    while not http.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    sys.stdout.write(json.dumps({"grpc": server.ports[0], "admin": desk.ports[0], "http": http.port}) + "\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
