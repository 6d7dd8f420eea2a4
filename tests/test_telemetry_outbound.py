"""Nothing of a caller's trace context travels to the parties whose keys we fetch."""

import asyncio

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from grantd_server.keys.foreign.fetch import Fetcher


@pytest.mark.hostile("L10")
async def test_baggage_and_tracestate_are_not_passed_on_to_a_key_server():
    heads = []

    async def answer(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"keys":[]}')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    caller = SpanContext(
        1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "hunter2")])
    )
    within = baggage.set_baggage("secret", "hunter2", set_span_in_context(NonRecordingSpan(caller)))
    token = context.attach(within)
    fetcher = Fetcher(allow_loopback=True)
    try:
        assert trace.get_current_span().get_span_context().trace_id == 1
        assert (await fetcher.get(f"http://127.0.0.1:{port}/jwks")).body == b'{"keys":[]}'
    finally:
        context.detach(token)
        await fetcher.aclose()
        server.close()
        await server.wait_closed()
    (head,) = heads
    for part in ("hunter2", "traceparent", "tracestate", "baggage"):
        assert part not in head
