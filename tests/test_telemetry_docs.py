"""docs/telemetry.md lists what the code publishes, and the code publishes only that."""

import os
from pathlib import Path

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from grantd.v1 import authorization_pb2, decision_pb2, governance_pb2, metadata_pb2
from grantd_server.audit.record import Record
from grantd_server.refusals import Reason
from grantd_server.telemetry import Options, Telemetry, names

DOCS = Path(__file__).parent.parent / "docs" / "telemetry.md"

LABELS = {
    names.CALL_DURATION: "`rpc.method`, `rpc.response.status_code`, `rpc.system.name`, on faults `error.type`",
    names.CALLS: "`rpc`, `outcome`: " + ", ".join(f"`{each}`" for each in names.OUTCOMES),
    names.REFUSED: "`rpc`, `reason`",
    names.SPANS_DROPPED: "`cause`: " + ", ".join(f"`{each}`" for each in names.DROP_CAUSES),
    names.LOG_DROPPED: "none",
    names.CHECKPOINTS: "`outcome`: " + ", ".join(f"`{each}`" for each in names.CHECKPOINT_OUTCOMES),
    names.LEDGER_OVERFLOW: "`class`: " + ", ".join(f"`{each}`" for each in names.LEDGER_CLASSES),
}


def _metrics():
    reader = InMemoryMetricReader()
    telemetry = Telemetry(Options(), {}, readers=[reader])
    for gauge in names.Gauge:
        telemetry.metrics.watch(gauge, lambda: [({}, 1.0)])
    telemetry.metrics.call_finished(Record(rpc="RedeemGrant", time=0, reason=Reason.BUG), 0.1, "INTERNAL")
    (resource,) = reader.get_metrics_data().resource_metrics
    (scope,) = resource.scope_metrics
    return sorted(scope.metrics, key=lambda metric: metric.name)


def _tables():
    gauges = {gauge.metric: ", ".join(f"`{label}`" for label in gauge.labels) or "none" for gauge in names.Gauge}
    labels = LABELS | gauges
    return {
        "spans": ["| span | RPC |", "| --- | --- |"]
        + [f"| `{method}` | {rpc} |" for rpc, method in names.METHODS.items()],
        "attributes": ["| attribute | meaning |", "| --- | --- |"]
        + [f"| `{name}` | {meaning} |" for name, meaning in names.ATTRIBUTES.items()],
        "metrics": ["| metric | unit | labels | meaning |", "| --- | --- | --- | --- |"]
        + [f"| `{each.name}` | {each.unit} | {labels[each.name]} | {each.description} |" for each in _metrics()],
    }


def test_the_documentation_lists_every_published_name():
    text = DOCS.read_text()
    for section, rows in _tables().items():
        begin, end = f"<!-- {section}: begin -->\n", f"<!-- {section}: end -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(rows) + "\n" + end + rest.split(end)[1]
    if os.environ.get("REGENERATE"):
        DOCS.write_text(text)
    assert DOCS.read_text() == text, "run with REGENERATE=1 and review the difference"


def test_every_method_of_every_service_has_a_name():
    modules = (authorization_pb2, metadata_pb2, governance_pb2, decision_pb2)
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    methods = {f"{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert set(names.METHODS.values()) == methods
    assert all(method.endswith(f"/{rpc}") for rpc, method in names.METHODS.items())


def test_every_outcome_of_a_record_is_a_label():
    source = Path(names.__file__).parent.parent / "audit" / "record.py"
    described = source.read_text().split('outcome: str = ""\n')[1].split("reason:")[0]
    assert all(f"`{each}`" in described for each in set(names.OUTCOMES) - {names.ANSWERED})
