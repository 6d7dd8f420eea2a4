"""The body of a request: its kind, its size, its time; driven as an ASGI server would."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim import Shim, ShimLimits
from shim_fakes import FORM, REDEEM, fronted

VALID = f"grant_type={REDEEM}&assertion=x".encode()


async def drive(shim: Shim, *chunks: bytes, path: str = "/as/token", **headers: str) -> list[dict[str, Any]]:
    """Posts a body in chunks; a chunk that is None means that the client left."""
    raw = [(b"host", b"h"), (b"content-type", FORM.encode()), (b"transfer-encoding", b"chunked")]
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "http_version": "1.1", "headers": raw + named}
    waiting = list(chunks)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        chunk = waiting.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await shim(scope, receive, send)
    return sent


def closes(sent: list[dict[str, Any]]) -> bool:
    return (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.req("F-02", "F-32")
@pytest.mark.hostile("H03")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, application/json",
        "application/x-www-form-urlencodedx",
        None,
    ],
)
async def test_another_content_type_is_refused(content_type):
    async with fronted() as front:
        headers = {} if content_type is None else {"content-type": content_type}
        answer = await front.client.post("/as/token", content=VALID, headers=headers)
        sent = front.only("RefuseRequest")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_FORM, "Content-Type")


@pytest.mark.req("F-02")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded ;charset=UTF-8",
        'application/x-www-form-urlencoded; charset="utf-8"; x=y',
    ],
)
async def test_a_form_in_utf_8_is_read(content_type):
    async with fronted() as front:
        answer = await front.client.post("/as/token", content=VALID, headers={"content-type": content_type})
    assert answer.status_code == 200


@pytest.mark.req("F-02")
async def test_two_content_types_are_refused():
    async with fronted() as front:
        headers = [("content-type", FORM), ("content-type", FORM)]
        answer = await front.client.post("/as/token", content=VALID, headers=headers)
    assert answer.status_code == 400


@pytest.mark.req("F-02")
@pytest.mark.parametrize("raw", [b"grant_type=%zz", b"grant_type=\xff", b"grant_type=a%00", b"a=1&" * 64])
async def test_a_damaged_form_is_refused(raw):
    async with fronted() as front:
        answer = await front.post("/as/token", raw)
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_FORM
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.req("F-08")
async def test_a_body_over_the_limit_is_413_before_it_is_read():
    async with fronted() as front:
        sent = await drive(front.shim, b"never read", content_length=str(96 * 1024 + 1))
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_BODY_TOO_LARGE
    assert sent[0]["status"] == 413
    assert orjson.loads(sent[1]["body"])["error"] == "invalid_request"
    assert closes(sent)


@pytest.mark.req("F-08")
@pytest.mark.parametrize("length", [None, "5", "junk", "9" * 5000])
async def test_a_body_that_grows_over_the_limit_is_413_whatever_its_length_said(length):
    async with fronted(ShimLimits(body_bytes=1000)) as front:
        headers = {} if length is None else {"content_length": length}
        sent = await drive(front.shim, b"a" * 600, b"a" * 600, b"never read", **headers)
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_BODY_TOO_LARGE
    assert sent[0]["status"] == 413
    assert closes(sent)


@pytest.mark.req("F-08")
async def test_a_body_of_exactly_the_limit_is_read():
    async with fronted() as front:
        body = VALID + b"&x=" + b"y" * (96 * 1024 - len(VALID) - 3)
        sent = await drive(front.shim, body[:70_000], body[70_000:], b"", content_length=str(len(body)))
    assert sent[0]["status"] == 200
    assert not closes(sent)


@pytest.mark.hostile("H13")
async def test_a_body_that_stops_coming_is_408():
    async with fronted(ShimLimits(body_seconds=0.05)) as front:
        sent = await drive(front.shim, VALID[:10])
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_BODY_TOO_SLOW
    assert sent[0]["status"] == 408
    assert closes(sent)


async def test_a_client_that_leaves_early_is_no_call_and_gets_no_answer():
    async with fronted() as front:
        assert await drive(front.shim, VALID, None) == []
        assert [name for name, _ in front.service.got] == ["ListIssuers"]


async def test_a_client_that_leaves_after_its_request_does_not_stop_the_call():
    async with fronted() as front:
        await drive(front.shim, VALID, b"", None)
        assert front.only("RedeemGrant")


async def test_a_body_that_nobody_reads_ends_the_connection():
    async with fronted() as front:
        sent = await drive(front.shim, b"a", path="/nowhere")
    assert (sent[0]["status"], closes(sent)) == (404, True)


@pytest.mark.hostile("H16")
async def test_the_text_of_a_fault_stays_out_of_the_log(caplog):
    class Faulty:
        def unary_unary(self, *_, **__):
            async def fail(_message, **_kwargs):
                raise ValueError("canary")

            return fail

    sent = await drive(Shim(Faulty(), ShimLimits()), VALID, b"")
    assert (sent[0]["status"], orjson.loads(sent[1]["body"])["error"]) == (500, "server_error")
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text
