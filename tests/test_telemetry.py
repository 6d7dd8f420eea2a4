"""Telemetry of calls: each of span, metric and log line is a projection of the record."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from grantd_server.audit.record import Record, Step
from grantd_server.refusals import Reason
from grantd_server.telemetry import Options, Telemetry, attributes, names
from grantd_server.telemetry.logs import Level, LogLines
from grantd_server.telemetry.trace_context import Trust, parse
from strict_spans import StrictSpans

WALL = 1_700_000_000_000_000_000
MONOTONIC = 5_000_000_000
MS = 1_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


class World:
    """Telemetry on given clocks, with everything it shows."""

    def __init__(self, environ=None, **options):
        self.now = 0
        self.spans = StrictSpans()
        self.reader = InMemoryMetricReader()
        self.stream = io.StringIO()
        self.telemetry = Telemetry(
            Options(**options),
            environ or {},
            processors=[self.spans],
            readers=[self.reader],
            stream=self.stream,
            wall=lambda: WALL + self.now,
            monotonic=lambda: MONOTONIC + self.now,
        )

    def call(self, traceparent=None, observed=None, seconds=0.01, **fields):
        record = Record(**({"rpc": "RedeemGrant", "time": WALL / 1e9} | fields))
        self.telemetry.entered(record, traceparent)
        self.telemetry.observed(record, observed)
        status = "OK" if record.reason is None else record.reason.public.status
        self.telemetry.call_finished(record, seconds, status)
        return record

    def series(self, metric):
        data = self.reader.get_metrics_data()
        points = [
            (dict(point.attributes), point)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]
        return {tuple(sorted(labels.items())): point for labels, point in points}

    def count(self, metric, **labels):
        return self.series(metric)[tuple(sorted(labels.items()))].value

    @property
    def lines(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def world():
    return World(sample_ratio=0.0)


def test_every_reason_of_every_rpc_exists_at_zero_from_the_start(world):
    found = world.series(names.REFUSED)
    apart = names.METHODS.keys() - names.ADMINISTRATIVE
    assert len(found) == (len(apart) + 2) * len(Reason) < 2000
    assert {point.value for point in found.values()} == {0}
    assert {point.value for point in world.series(names.CALLS).values()} == {0}
    assert world.count(names.SPANS_DROPPED, cause="bucket") == 0
    assert world.count(names.LEDGER_OVERFLOW, **{"class": "refusals"}) == 0


def test_a_refused_call_is_counted_under_its_rpc_and_reason(world):
    world.call(reason=Reason.ASSERTION_REPLAYED, outcome="refused")
    assert world.count(names.REFUSED, rpc="RedeemGrant", reason="ASSERTION_REPLAYED") == 1
    assert world.count(names.CALLS, rpc="RedeemGrant", outcome="refused") == 1
    assert sum(point.value for point in world.series(names.REFUSED).values()) == 1


def test_refusals_of_administrators_are_counted_under_one_name(world):
    for rpc in ("Block", "ExplainDecision"):
        world.call(rpc=rpc, reason=Reason.CALLER_NOT_ALLOWED, outcome="refused")
        assert world.count(names.CALLS, rpc=rpc, outcome="refused") == 1
    assert world.count(names.REFUSED, rpc="administration", reason="CALLER_NOT_ALLOWED") == 2


def test_the_duration_has_the_buckets_of_the_conventions(world):
    world.call(outcome="granted", seconds=0.03)
    ((labels, point),) = world.series(names.CALL_DURATION).items()
    assert dict(labels)["rpc.method"] == "grantd.v1.AuthorizationService/RedeemGrant"
    assert dict(labels)["rpc.response.status_code"] == "OK"
    assert "error.type" not in dict(labels)
    assert point.explicit_bounds == names.CALL_DURATION_BUCKETS
    assert len(names.CALL_DURATION_BUCKETS) == 14
    assert point.bucket_counts[3] == 1


def test_a_fault_of_ours_has_an_error_type(world):
    world.call(reason=Reason.STORE_UNAVAILABLE, outcome="failed")
    ((labels, _),) = world.series(names.CALL_DURATION).items()
    assert dict(labels)["error.type"] == "UNAVAILABLE"


@pytest.mark.hostile("L05")
def test_what_a_client_sends_never_becomes_a_label(world):
    before = len(world.series(names.REFUSED)), len(world.series(names.CALLS))
    for place in range(50):
        world.call(
            rpc=f"Made{place}", outcome=f"up{place}", client_id=f"c{place}", subject=f"s{place}", jti_hash=f"j{place}",
            reason=Reason.CLIENT_UNKNOWN, audience=f"a{place}", resources=(f"r{place}",),
        )  # fmt: skip
        world.telemetry.metrics.call_finished(Record(rpc="x", time=0), 0.1, f"STATUS{place}")
    assert (len(world.series(names.REFUSED)), len(world.series(names.CALLS))) == before
    assert world.count(names.REFUSED, rpc="other", reason="CLIENT_UNKNOWN") == 50
    assert world.count(names.CALLS, rpc="other", outcome="other") == 50
    assert world.count(names.CALLS, rpc="other", outcome="answered") == 50
    assert len(world.series(names.CALL_DURATION)) == 2


def test_unknown_causes_and_classes_fold_to_other(world):
    world.telemetry.metrics.spans_dropped("made up")
    world.telemetry.metrics.ledger_overflowed("made up", 3)
    assert world.count(names.SPANS_DROPPED, cause="other") == 1
    assert world.count(names.LEDGER_OVERFLOW, **{"class": "other"}) == 3


def test_a_gauge_is_read_at_each_collection(world):
    ages = [10.0]
    world.telemetry.metrics.watch(
        names.Gauge.KEY_AGE, lambda: [({"issuer": "https://i", "purpose": "grant_signing", "kid": "x"}, ages[0])]
    )
    assert world.count("grantd.key.age", issuer="https://i", purpose="grant_signing") == 10
    ages[0] = 20.0
    assert world.count("grantd.key.age", issuer="https://i", purpose="grant_signing") == 20


def test_spans_are_built_afterwards_from_the_steps_with_the_ids_drawn_at_entry():
    world = World(sample_ratio=1.0)
    steps = [
        Step("redeem.client", MONOTONIC - 9 * MS, MONOTONIC - 6 * MS),
        Step("redeem.verify", MONOTONIC - 6 * MS, MONOTONIC - 1 * MS),
    ]
    record = world.call(outcome="granted", steps=steps, seconds=0.01)
    root = world.spans.root
    assert (root.context.trace_id, root.context.span_id) == (record.trace_id, record.span_id)
    assert (root.start_time, root.end_time) == (WALL - 10 * MS, WALL)
    assert root.parent is None
    children = [span for span in world.spans.spans if span is not root]
    assert [(each.name, each.start_time, each.end_time) for each in children] == [
        ("redeem.client", WALL - 9 * MS, WALL - 6 * MS),
        ("redeem.verify", WALL - 6 * MS, WALL - 1 * MS),
    ]
    assert {(each.parent.span_id, each.context.trace_id) for each in children} == {(record.span_id, record.trace_id)}
    assert len({each.context.span_id for each in world.spans.spans}) == 3


def test_each_call_has_ids_of_its_own():
    world = World(sample_ratio=1.0)
    records = [world.call(outcome="granted") for _ in range(3)]
    assert [span.context.span_id for span in world.spans.spans] == [record.span_id for record in records]
    assert len({record.trace_id for record in records}) == 3


def test_a_granted_call_is_kept_only_when_the_sampler_says_so(world):
    world.call(outcome="granted")
    assert world.spans.spans == []
    assert world.count(names.SPANS_DROPPED, cause="bucket") == 0


@pytest.mark.parametrize(
    "reason",
    [Reason.BUG, Reason.STORE_UNAVAILABLE, Reason.OUTCOME_UNKNOWN, Reason.KEYS_UNAVAILABLE, Reason.OUT_OF_TIME],
)
def test_every_fault_of_ours_is_kept(world, reason):
    for _ in range(100):
        world.call(reason=reason, outcome="failed")
    assert len(world.spans.spans) == 100
    assert {span.status.status_code.name for span in world.spans.spans} == {"ERROR"}


def test_a_refusal_is_an_outcome_and_no_span_error(world):
    world.call(reason=Reason.POLICY_NO_RULE, outcome="refused")
    assert world.spans.root.status.status_code.name == "UNSET"
    assert "error.type" not in world.spans.root.attributes


def test_a_flood_of_one_refusal_is_bounded_counted_and_crowds_out_no_other(world):
    for _ in range(100):
        world.call(reason=Reason.CLIENT_UNKNOWN, outcome="refused")
    assert len(world.spans.spans) == 10
    assert world.count(names.SPANS_DROPPED, cause="bucket") == 90
    world.call(reason=Reason.POLICY_NO_RULE, outcome="refused")
    assert world.spans.spans[-1].attributes["grantd.reason"] == "POLICY_NO_RULE"
    world.now += 3_000_000_000
    for _ in range(100):
        world.call(reason=Reason.CLIENT_UNKNOWN, outcome="refused")
    assert len(world.spans.spans) == 14


def test_always_off_is_off():
    world = World({"OTEL_TRACES_SAMPLER": "always_off"})
    world.call(reason=Reason.BUG, outcome="failed")
    assert world.spans.spans == []


def test_a_disabled_sdk_builds_no_spans():
    world = World({"OTEL_SDK_DISABLED": "true"}, sample_ratio=1.0)
    world.call(reason=Reason.BUG, outcome="failed")
    assert world.spans.spans == []


@pytest.mark.parametrize(
    ("environ", "traceparent", "kept"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_on"}, None, True),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, f"00-{TRACE}-{SPAN}-01", False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, None, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, None, False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, f"00-{TRACE}-{SPAN}-01", True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, f"00-{TRACE}-{SPAN}-00", False),
        ({}, f"00-{TRACE}-{SPAN}-01", True),
        ({}, None, False),
    ],
)
def test_the_standard_samplers_decide(environ, traceparent, kept):
    world = World(environ, sample_ratio=0.0)
    world.call(traceparent, outcome="granted")
    assert bool(world.spans.spans) == kept


def test_the_trace_of_a_grpc_caller_is_continued():
    world = World(sample_ratio=1.0)
    record = world.call(f"00-{TRACE}-{SPAN}-01", outcome="granted")
    assert f"{record.trace_id:032x}" == TRACE
    assert world.spans.root.context.trace_id == record.trace_id
    assert f"{world.spans.root.parent.span_id:016x}" == SPAN
    assert world.spans.root.context.span_id == record.span_id


@pytest.mark.hostile("H18")
def test_an_http_client_is_linked_to_and_cannot_join_a_trace_or_force_sampling(world):
    record = world.call(observed=f"00-{TRACE}-{SPAN}-01", outcome="granted")
    assert world.spans.spans == []
    assert f"{record.trace_id:032x}" != TRACE
    record = world.call(observed=f"00-{TRACE}-{SPAN}-01", reason=Reason.BUG, outcome="failed")
    assert world.spans.root.parent is None
    assert world.spans.root.context.trace_id == record.trace_id
    (link,) = world.spans.root.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE, SPAN)


@pytest.mark.parametrize(("trust", "joined", "links"), [(Trust.PARENT, True, 0), (Trust.IGNORE, False, 0)])
def test_an_operator_may_trust_http_clients_more_or_less(trust, joined, links):
    world = World(sample_ratio=1.0, trust_traceparent=trust)
    record = world.call(observed=f"00-{TRACE}-{SPAN}-01", outcome="granted")
    assert (f"{record.trace_id:032x}" == TRACE) == joined
    assert len(world.spans.root.links) == links


@pytest.mark.hostile("H18")
@pytest.mark.parametrize(
    "raw",
    [
        "", "00", "x" * 10_240, f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0\u0661", f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n", None,
    ],
)  # fmt: skip
def test_a_malformed_traceparent_starts_a_trace_of_its_own(world, raw):
    assert parse(raw) is None
    record = world.call(raw, observed=raw, outcome="granted")
    assert record.trace_id
    assert record.linked is None
    assert not record.parent_span_id


@given(st.text(max_size=70))
def test_any_text_is_a_traceparent_or_none(raw):
    found = parse(raw)
    assert found is None or (found.trace_id and found.span_id)


def test_attributes_come_from_the_allow_list_and_are_cut():
    record = Record(
        rpc="ExchangeIdentity", time=0, outcome="granted", client="hr", subject="h" * 200,
        resources=("https://mcp.example/" + "x" * 60, "https://mcp.example/" + "y" * 60), address="198.51.100.7",
        scopes_granted=("a", "b"), rules={"a": "r1", "b": "r1"}, inputs=[{"groups": ["x"]}], facts={"sub": "anna"},
    )  # fmt: skip
    found = attributes.of(record, "OK")
    assert found.keys() <= names.ATTRIBUTES.keys()
    assert len(found["user.hash"]) == attributes.LONGEST
    assert found["grantd.resources"] == (record.resources[0], "…")
    assert found["grantd.rules"] == ("r1",)
    assert "198.51.100.7" not in str(found)
    assert "anna" not in str(found)


@pytest.mark.req("F-49", "G-38")
def test_what_a_refused_client_sent_is_not_in_span_or_log(world):
    secret = "hunter2-hunter2"
    world.call(
        reason=Reason.AUDIENCE_UNKNOWN, audience=secret, resources=(secret,), client="hr", client_id=secret,
        facts={"aud": secret}, client_method="private_key_jwt",
    )  # fmt: skip
    world.call(reason=Reason.ISSUER_UNKNOWN, issuer=secret, client_method=secret)
    assert all(secret not in str(dict(span.attributes)) for span in world.spans.spans)
    assert len(world.spans.spans) == 2
    assert secret not in world.stream.getvalue()


@pytest.mark.req("F-49", "G-38")
@pytest.mark.parametrize("field", ["issuer", "audience", "client", "error_id", "chain", "subject"])
def test_a_token_in_the_wrong_field_is_cut_out(world, field):
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"
    world.call(reason=Reason.POLICY_NO_RULE, **{field: f"x {token}"})
    assert "eyJ" not in world.stream.getvalue()
    assert "eyJ" not in str(dict(world.spans.root.attributes))


def test_a_refused_call_is_one_json_line_at_the_level_of_its_row(world):
    record = world.call(reason=Reason.ASSERTION_REPLAYED, outcome="refused", client="hr", rpc="RedeemGrant")
    world.call(reason=Reason.STORE_UNAVAILABLE, outcome="failed")
    world.call(outcome="granted")
    refused, failed = world.lines
    assert refused["level"] == "warning"
    assert refused["reason"] == "ASSERTION_REPLAYED"
    assert refused["decision_id"] == record.id
    assert refused["trace_id"] == f"{record.trace_id:032x}"
    assert refused["client"] == "hr"
    assert refused["time"] == "2023-11-14T22:13:20.000+00:00"
    assert (failed["level"], failed["status"]) == ("error", "UNAVAILABLE")


def test_the_level_and_successes_are_the_operators_choice():
    world = World(log_level=Level.WARNING)
    world.call(reason=Reason.POLICY_NO_RULE, outcome="refused")
    assert world.lines == []
    world = World(log_successes=True)
    world.call(outcome="granted")
    assert world.lines[0]["outcome"] == "granted"


def test_the_text_form_is_for_a_person():
    world = World(log_json=False)
    world.call(reason=Reason.POLICY_NO_RULE, outcome="refused", client="hr\nforged")
    (line,) = world.stream.getvalue().splitlines()
    assert line.startswith("2023-11-14T22:13:20.000+00:00 info    call ")
    assert 'client="hr\\nforged"' in line


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Zl", "Zp"])))
def test_no_value_can_start_a_line_of_its_own(value):
    stream = io.StringIO()
    LogLines(stream, lambda: WALL, lambda: None).event(Level.INFO, "note", fact=value)
    raw = stream.getvalue()
    assert raw.count("\n") == 1
    assert not any(ord(char) < 32 for char in raw[:-1])


@pytest.mark.req("G-38")
def test_a_fault_is_logged_by_type_and_frames_and_never_by_its_text(world):
    def broken():
        try:
            raise KeyError("secret-1")
        except KeyError as cause:
            raise ValueError("secret-2") from cause

    try:
        broken()
    except ValueError as fault:
        world.telemetry.log.fault("e1", fault)
    (line,) = world.lines
    assert [each["type"] for each in line["chain"]] == ["ValueError", "KeyError"]
    assert any("broken" in frame for frame in line["chain"][0]["frames"])
    assert line["error_id"] == "e1"
    assert "secret-" not in world.stream.getvalue()


class _Broken(io.StringIO):
    def write(self, _):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [_Broken(), io.StringIO()])
def test_a_log_that_cannot_be_written_is_counted_and_harms_no_call(stream):
    if not isinstance(stream, _Broken):
        stream.close()
    reader = InMemoryMetricReader()
    telemetry = Telemetry(Options(), {}, readers=[reader], stream=stream)
    telemetry.call_finished(Record(rpc="RedeemGrant", time=0, reason=Reason.BUG), 0.1, "INTERNAL")
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    (dropped,) = [each for each in metrics if each.name == names.LOG_DROPPED]
    assert dropped.data.data_points[0].value == 1


@pytest.mark.req("G-38")
def test_the_lines_of_libraries_are_kept_without_their_text(world):
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        world.telemetry.adopt_library_logs()
        logging.getLogger("opentelemetry.exporter").error("cannot reach http://u:%s@host", "hunter2")
        try:
            raise ValueError("hunter2")
        except ValueError:
            logging.getLogger("uvicorn").exception("hunter2")
        logging.getLogger("uvicorn").warning("hunter2")
    finally:
        root.handlers[:] = before
    assert [(line["level"], line["logger"], line["exception"]) for line in world.lines] == [
        ("error", "opentelemetry.exporter", ""),
        ("error", "uvicorn", "ValueError"),
        ("warning", "uvicorn", ""),
    ]
    assert "hunter2" not in world.stream.getvalue()


def test_the_service_name_is_set_by_option_and_by_the_standard_variable():
    for environ, wanted in [({}, "sso"), ({"OTEL_SERVICE_NAME": "other"}, "other")]:
        world = World(environ, sample_ratio=1.0, service_name="sso")
        world.call(outcome="granted")
        assert world.spans.root.resource.attributes["service.name"] == wanted
