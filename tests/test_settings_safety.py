"""Unsafe settings stop the start, one sentence each. A safe set plus one change each."""

import copy

import pytest
from pydantic import ValidationError

from grantd_server.settings import Serving, Settings, SettingsError, check, issuer_problems, store_safety


@pytest.fixture
def safe(tmp_path):
    for name in ("chain.pem", "clients.pem", "key.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "keys").mkdir()
    pair = {"certificate": tmp_path / "chain.pem", "key": tmp_path / "key.pem"}
    return {
        "grpc": {
            "listen": "0.0.0.0:7443",
            "tls": pair | {"client_ca": tmp_path / "clients.pem"},
            "callers": {"spiffe://corp.example/gw": "service"},
        },
        "http": {"listen": "0.0.0.0:8443", "tls": dict(pair)},
        "http_upstream": {"address": "grantd.internal:7443", "tls": pair | {"ca": tmp_path / "clients.pem"}},
        "store": {"url": f"sqlite:///{tmp_path}/grantd.db"},
        "keys": {"directory": tmp_path / "keys"},
    }


@pytest.fixture
def develop(tmp_path):
    return {
        "development": True,
        "grpc": {"plaintext": "admin"},
        "http_upstream": {"address": "127.0.0.1:7443"},
        "store": {"url": f"sqlite:///{tmp_path}/grantd.db"},
        "keys": {"directory": tmp_path / "keys", "auto_create": True},
    }


def _problems(values, serving=Serving.BOTH, environ=None):
    try:
        check(Settings.model_validate(values), serving, environ or {})
    except SettingsError as refused:
        return list(refused.problems)
    return []


def _changed(values, name, value):
    changed = copy.deepcopy(values)
    *above, last = name.split(".")
    section = changed
    for part in above:
        section = section.setdefault(part, {})
    if value is None:
        section.pop(last, None)
    else:
        section[last] = value
    return changed


@pytest.mark.parametrize("serving", [Serving.RPC, Serving.HTTP, Serving.BOTH])
def test_safe_settings_start(safe, develop, serving):
    assert _problems(safe, serving) == []
    assert _problems(develop, serving) == []


def test_nothing_set_tells_all_that_is_missing():
    problems = "\n".join(_problems({}))
    for name in ("grpc.tls is missing", "http.tls is missing", "keys.directory is missing", "store.url is missing"):
        assert name in problems


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("grpc.tls", None, "grpc.listen: 0.0.0.0:7443 is reached from other machines and has no TLS"),
        ("grpc.callers", None, "grpc.callers is empty"),
        ("grpc.callers", {"https://corp.example": "shim"}, "is neither a spiffe:// id nor a DNS name"),
        ("grpc.callers", {" a.example": "shim"}, "is neither a spiffe:// id nor a DNS name"),
        ("grpc.plaintext", "shim", "grpc.plaintext is for a listener without TLS"),
        ("http.tls", None, "http.listen: 0.0.0.0:8443 is reached from other machines and has no TLS"),
        ("http.trusted_proxies", ["0.0.0.0/0"], "http.trusted_proxies: 0.0.0.0/0 is everybody"),
        ("http.trusted_proxies", ["::/0"], "http.trusted_proxies: ::/0 is everybody"),
        ("http.certificate_header", "client-cert", "http.certificate_header and http.certificate_proxies go together"),
        (
            "http.certificate_proxies",
            ["10.0.0.7/32"],
            "http.certificate_header and http.certificate_proxies go together",
        ),
        ("http.tls.client_ca", "/nowhere", "http.tls: /nowhere cannot be read"),
        ("keys.directory", None, "keys.directory is missing"),
        ("keys.directory", "/nowhere/keys", "keys.directory: /nowhere/keys does not exist"),
        ("keys.auto_create", True, "keys.auto_create makes keys that nobody governs"),
        ("audit.checkpoints.directory", "/nowhere", "audit.checkpoints.directory: /nowhere does not exist"),
        ("governance.directory", "/nowhere", "governance.directory: /nowhere does not exist"),
        ("store.url", None, "store.url is missing"),
        ("store.url", "mysql://u:hunter2@h/d", "store.url must be sqlite:///path or postgresql://user@host/database"),
        ("store.url", "postgresql+psycopg://u:hunter2@h/d", "store.url must be sqlite:///path or postgresql://"),
        ("store.pooled", True, "store.pooled is for PostgreSQL"),
        ("store.wake_url", "postgresql://u:hunter2@h/d", "store.wake_url is for PostgreSQL"),
        ("store.url", "sqlite:////nowhere/grantd.db", "store.url: the folder /nowhere does not exist"),
        ("workers", 2, "workers: 2 processes cannot share SQLite"),
        ("grpc.tls.certificate", "/nowhere", "grpc.tls: /nowhere cannot be read"),
        ("grpc.tls.client_ca", "/nowhere", "grpc.tls: /nowhere cannot be read"),
        ("grpc.tls.key", "/nowhere", "grpc.tls.key: /nowhere cannot be read"),
        ("http.tls.key", "/nowhere", "http.tls.key: /nowhere cannot be read"),
        ("http.tls.certificate", "/nowhere", "http.tls: /nowhere cannot be read"),
    ],
)
def test_one_unsafe_setting_is_one_sentence(safe, name, value, sentence):
    (problem,) = _problems(_changed(safe, name, value))
    assert sentence in problem
    assert problem.endswith(".")
    assert "hunter2" not in problem


VERIFIED = "sslmode=verify-full"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@127.0.0.1/d",
        "postgresql://u:hunter2@[::1]:5433/d",
        "postgresql://u@/d?host=/run/postgresql",
        f"postgresql://u:hunter2@db.corp.example/d?{VERIFIED}",
        f"postgresql://u:hunter2@db1.corp.example,db2.corp.example:5433/d?{VERIFIED}&sslrootcert=/etc/ca.pem",
    ],
)
def test_a_postgresql_of_this_machine_or_one_that_proves_who_it_is_is_safe_for_many_workers(safe, url):
    values = _changed(_changed(safe, "store.url", url), "workers", 4)
    assert _problems(values) == []
    assert _problems(_changed(_changed(values, "store.pooled", True), "store.wake_url", url)) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:hunter2@db.corp.example/d", ": db.corp.example is another machine"),
        ("postgresql://u:hunter2@db.corp.example/d?sslmode=require", ": db.corp.example is another machine"),
        ("postgresql://u:hunter2@127.0.0.1,10.0.0.7/d?sslmode=verify-ca", ": 10.0.0.7 is another machine"),
        ("postgresql://u:hunter2@localhost/d", ": localhost is another machine"),
        ("postgresql://u:hunter2@127.0.0.1/d?ssl_mode=verify-full", " has parameters that are not known: ssl_mode"),
        ("postgresql://u:hunter2@127.0.0.1/d?sslmode=require&sslmode=disable", " names a parameter twice"),
        ("postgresql://u:hunter2@127.0.0.1/d?sslmode", " is no address"),
        ("postgresql://u:hunter2@127.0.0.1", " names no database"),
        ("postgresql://u:hunter2@/d", " names no host"),
        ("postgresql://u:hunter2@127.0.0.1:port/d", " names a host or port that is none"),
        ("postgresql://u:hunter2@127.0.0.1:0/d", " names a host or port that is none"),
        ("postgresql://u:hunter2@127.0.0.1:65536/d", " names a host or port that is none"),
        ("postgresql://u:hunter2@[::1/d", " is no address"),
        ("postgresql://u:hunter2@,127.0.0.1/d", " names a host or port that is none"),
        ("postgresql://u:hunter2@127.0.0.1/d?host=/run/postgresql", " has a host= that is no folder"),
        ("postgresql://u:hunter2@/d?host=db.corp.example", " has a host= that is no folder"),
    ],
)
def test_a_postgresql_that_anybody_could_pose_as_stops_the_start(safe, url, sentence):
    (problem,) = _problems(_changed(safe, "store.url", url))
    assert problem.startswith(f"store.url{sentence}")
    assert problem.endswith(".")
    assert "hunter2" not in problem
    beside = _changed(_changed(safe, "store.url", "postgresql://u@127.0.0.1/d"), "store.wake_url", url)
    (problem,) = _problems(beside)
    assert problem.startswith(f"store.wake_url{sentence}")


def test_in_development_a_postgresql_of_another_machine_is_believed(develop):
    assert _problems(_changed(develop, "store.url", "postgresql://u@db.corp.example/d")) == []


def test_a_driver_that_is_not_installed_is_named_with_its_extra(safe, monkeypatch):
    monkeypatch.setattr(store_safety, "find_spec", lambda name: None if name == "asyncpg" else name)
    (problem,) = _problems(_changed(safe, "store.url", "postgresql://u@127.0.0.1/d"))
    assert problem.endswith("pip install 'grantd[postgres]'.")


@pytest.mark.req("D-12")
def test_everybody_is_no_terminator_whose_certificates_are_believed(safe):
    told = _changed(safe, "http.certificate_header", "client-cert")
    (problem,) = _problems(_changed(told, "http.certificate_proxies", ["::/0"]))
    assert problem == "http.certificate_proxies: ::/0 is everybody, who could then claim any certificate."
    assert _problems(_changed(told, "http.certificate_proxies", ["10.0.0.7/32"])) == []


@pytest.mark.parametrize(
    ("serving", "name", "problems"),
    [
        (Serving.HTTP, "http", 1),
        (Serving.HTTP, "grpc", 0),
        (Serving.RPC, "grpc", 1),
        (Serving.RPC, "http", 0),
    ],
)
def test_several_workers_need_addresses_that_can_be_shared(develop, serving, name, problems):
    listening = _changed(develop, f"{name}.listen", "unix:/run/grantd.sock")
    assert _problems(listening, serving) == []
    found = [each for each in _problems(_changed(listening, "workers", 3), serving) if "SQLite" not in each]
    assert found == [f"workers: 3 processes cannot share a Unix socket; set {name}.listen to host:port."] * problems


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a" * 65, "a b", "ä"])
def test_a_replica_has_a_plain_name(develop, name):
    with pytest.raises(ValidationError):
        Settings.model_validate(_changed(develop, "replica", name))
    assert Settings.model_validate(_changed(develop, "replica", "eu-1.grantd_a")).replica == "eu-1.grantd_a"


def test_a_development_switch_does_not_reach_beyond_the_machine(safe):
    problems = _problems(_changed(safe, "development", True))
    assert [each.split(";")[1] for each in problems] == [
        " grpc.listen is 0.0.0.0:7443.",
        " http.listen is 0.0.0.0:8443.",
    ]


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:7443", "unix:/run/grantd.sock"])
def test_without_tls_this_machine_is_served_only_in_development(develop, listen):
    values = _changed(_changed(develop, "grpc.listen", listen), "http.listen", listen)
    assert _problems(values) == []
    problems = _problems(_changed(values, "development", False))
    assert len([each for each in problems if "tls is missing" in each]) == 2
    assert any("grpc.plaintext gives a role to everybody" in each for each in problems)


@pytest.mark.req("F-31", "G-39")
@pytest.mark.parametrize("listen", ["0.0.0.0:7443", "[::]:7443", "10.0.0.7:7443", "localhost:7443", "127.0.0.1.evil:1"])
def test_without_tls_nothing_else_is_served_even_in_development(develop, listen):
    for name in ("grpc.listen", "http.listen"):
        assert any("has no TLS" in each for each in _problems(_changed(develop, name, listen)))


def test_http_on_loopback_behind_a_proxy_needs_to_say_so(safe):
    values = _changed(_changed(safe, "http.tls", None), "http.listen", "127.0.0.1:8080")
    (problem,) = _problems(values)
    assert "http.behind_proxy: true" in problem
    assert _problems(_changed(values, "http.behind_proxy", True)) == []
    beyond = _changed(_changed(values, "http.behind_proxy", True), "http.listen", "0.0.0.0:8080")
    assert len(_problems(beyond)) == 1


def test_each_part_is_asked_only_for_what_it_serves(safe):
    assert _problems({"http": safe["http"], "http_upstream": safe["http_upstream"]}, Serving.HTTP) == []
    assert _problems({name: safe[name] for name in ("grpc", "store", "keys")}, Serving.RPC) == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("http_upstream.address", None, "http_upstream.address is missing"),
        ("http_upstream.tls", None, "is another machine; set http_upstream.tls"),
        ("http_upstream.tls.ca", "/nowhere", "http_upstream.tls: /nowhere cannot be read"),
        ("http_upstream.tls.key", "/nowhere", "http_upstream.tls.key: /nowhere cannot be read"),
    ],
)
def test_the_way_to_the_service_is_as_safe_as_the_service(safe, name, value, sentence):
    (problem,) = _problems(_changed(safe, name, value), Serving.HTTP)
    assert sentence in problem


def test_an_upstream_on_this_machine_without_tls_needs_development(safe):
    values = _changed(_changed(safe, "http_upstream.tls", None), "http_upstream.address", "127.0.0.1:7443")
    assert "http_upstream.tls is missing" in _problems(values, Serving.HTTP)[0]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660])
def test_a_tls_key_that_everybody_can_read_stops_the_start(safe, tmp_path, mode):
    (tmp_path / "key.pem").chmod(mode)
    problems = _problems(safe)
    assert [each.split(":")[0] for each in problems] == ["grpc.tls.key", "http.tls.key"]
    assert all("chmod 600" in each for each in problems)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:hunter2@c:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT must not hold"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "u:hunter2@c:4317"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must not"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "OTEL_EXPORTER_OTLP_PROTOCOL must be grpc"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER must be otlp or none"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE must be a number"),
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, "OTEL_TRACES_SAMPLER must be one of"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "OTEL_TRACES_SAMPLER_ARG must be"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, "OTEL_TRACES_SAMPLER_ARG must be"),
    ],
)
def test_a_wrong_exporter_setting_stops_the_start_without_its_value(safe, environ, sentence):
    (problem,) = _problems(safe, environ=environ)
    assert sentence in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("issuer", "development", "sentence"),
    [
        ("https://as.example", False, None),
        ("http://127.0.0.1:7080/as", True, None),
        ("http://localhost:7080/as", True, None),
        ("http://127.0.0.1:7080/as", False, "needs development: true"),
        ("http://as.example", True, "needs https"),
        ("http://127.0.0.1.evil.example", True, "needs https"),
    ],
)
def test_plain_http_issuers_are_for_developing_on_one_machine(issuer, development, sentence):
    problems = issuer_problems([issuer], development=development)
    assert len(problems) == (sentence is not None)
    assert all(sentence in each and issuer in each for each in problems)
