"""Exporters: a slow, broken or absent collector costs spans, which are counted."""

import threading
import time
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from grantd_server.audit.record import Record
from grantd_server.refusals import Reason
from grantd_server.telemetry import Options, Telemetry, export
from grantd_server.telemetry.export import BoundedExport


class Exporter(SpanExporter):
    """An exporter that does as it is told, once it is let go."""

    def __init__(self, does):
        self.go = threading.Event()
        self.seen = []
        self._does = does

    def export(self, spans):
        self.go.wait(10)
        self.seen += spans
        return self._does()


def _fails():
    raise RuntimeError("collector text with hunter2")


def _telemetry(processor):
    return Telemetry(Options(sample_ratio=1.0), {}, processors=[processor])


def _calls(telemetry, count):
    for _ in range(count):
        record = Record(rpc="RedeemGrant", time=0, outcome="granted")
        telemetry.entered(record)
        telemetry.call_finished(record, 0.001, "OK")


@pytest.mark.hostile("F13")
def test_a_blocked_collector_delays_no_call_and_what_it_does_not_take_is_counted():
    dropped = []
    exporter = Exporter(lambda: SpanExportResult.SUCCESS)
    processor = BoundedExport(exporter, lambda cause, count: dropped.append((cause, count)), largest=8)
    telemetry = _telemetry(processor)
    started = time.perf_counter()
    _calls(telemetry, 200)
    spent = (time.perf_counter() - started) / 200
    assert spent < 0.005
    assert dropped == [("queue", 1)] * 192
    exporter.go.set()
    telemetry.shutdown()
    assert len(exporter.seen) == 8


@pytest.mark.hostile("F13")
@pytest.mark.parametrize("does", [_fails, lambda: SpanExportResult.FAILURE])
def test_a_failing_collector_is_counted_and_its_queue_is_free_again(does):
    dropped = []
    exporter = Exporter(does)
    exporter.go.set()
    processor = BoundedExport(exporter, lambda cause, count: dropped.append((cause, count)), largest=8)
    telemetry = _telemetry(processor)
    for _ in range(3):
        _calls(telemetry, 8)
        processor.force_flush()
    assert sum(count for _, count in dropped) == 24
    assert {cause for cause, _ in dropped} == {"export"}
    telemetry.shutdown()


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, 0, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, 1, 1),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"}, 1, 0),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"}, 0, 1),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"}, 0, 1),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_METRICS_EXPORTER": "none"}, 1, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, 0, 0),
    ],
)
def test_an_exporter_exists_only_where_an_endpoint_is_configured(environ, traces, metrics, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
    processors = export.span_processors(environ, lambda _cause, _count: None)
    readers = export.metric_readers(environ)
    assert (len(processors), len(readers)) == (traces, metrics)
    for each in processors:
        each.shutdown()
    for each in readers:
        each._exporter.shutdown()
        each._shutdown_event.set()


class _Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.spans = []

    def Export(self, request, context):  # noqa: N802 - named by the protocol
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


def test_a_collector_gets_the_spans_of_a_failed_call_over_otlp(monkeypatch):
    collector = _Collector()
    server = grpc.server(futures.ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}"}
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{port}")
    try:
        telemetry = Telemetry(Options(sample_ratio=0.0), environ)
        record = Record(rpc="RedeemGrant", time=0, reason=Reason.BUG, outcome="failed")
        telemetry.entered(record)
        record.step("redeem.verify")
        record.finish()
        telemetry.call_finished(record, 0.1, "INTERNAL")
        telemetry.shutdown()
    finally:
        server.stop(0).wait()
    assert {span.name for span in collector.spans} == {
        "grantd.v1.AuthorizationService/RedeemGrant",
        "redeem.verify",
    }
    assert {span.trace_id for span in collector.spans} == {record.trace_id.to_bytes(16, "big")}
