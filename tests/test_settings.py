"""Settings: where they come from, and that a typo in any of them stops the start."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.model.caller import Role
from grantd_server.settings import SettingsError, load
from grantd_server.settings.leaves import leaves
from grantd_server.settings.values import ROLES
from grantd_server.telemetry.logs import Level
from settings_table import BEGIN, END, settings_table

DOCS = Path(__file__).parent.parent / "docs" / "configuration.md"


@pytest.fixture
def write(tmp_path):
    def _write(text):
        file = tmp_path / "grantd.yaml"
        file.write_text(text)
        return file

    return _write


def _problems(file, environ=None):
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    return caught.value.problems


def _outcome(file, environ):
    try:
        load(file, environ)
    except SettingsError as refused:
        return refused.problems
    return ()


def test_an_empty_file_sets_nothing(write):
    assert load(write(""), {}) == load(None, {})


def test_a_file_sets_what_it_names(write):
    settings = load(write("limits: {skew: 45}\ngrpc: {callers: {ledger.example: resource_server}}\n"), {})
    assert settings.limits.skew == 45
    assert settings.grpc.callers == {"ledger.example": Role.RESOURCE_SERVER}
    assert settings.telemetry.log_level is Level.INFO


def test_a_variable_wins_over_the_file(write):
    file = write("limits: {skew: 45}\ntelemetry: {sample_ratio: 0.5}\n")
    settings = load(file, {"GRANTD__LIMITS__SKEW": "50"})
    assert settings.limits.skew == 50
    assert settings.telemetry.sample_ratio == 0.5


def test_lists_and_mappings_are_json_in_variables():
    environ = {
        "GRANTD__GRPC__CALLERS": '{"spiffe://corp.example/gw": "shim"}',
        "GRANTD__HTTP__TRUSTED_PROXIES": '["10.0.0.0/8", "fd00::/8"]',
    }
    settings = load(None, environ)
    assert settings.grpc.callers == {"spiffe://corp.example/gw": Role.SHIM}
    assert [str(each) for each in settings.http.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load(None, {}).development = True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("grpc: {lisen: 'x:1'}", ":1: grpc.lisen is no setting; did you mean grpc.listen?"),
        ("\ngrcp: {}", ":2: grcp is no setting; did you mean grpc?"),
        ("zzzzzz: 1", ":1: zzzzzz is no setting."),
        ("keys:\n  directory: k\n  rotat: false", ":3: keys.rotat is no setting; did you mean keys.rotate?"),
        ("grpc:\n  tls:\n    certificate: c\n    client_ca: a", ":2: grpc.tls.key is missing."),
        ("grpc: {callers: {a.example: root}}", "grpc.callers.a.example: a role is expected"),
        ("grpc: {callers: {a.example: unknown}}", "grpc.callers.a.example: a role is expected"),
        ("grpc: {plaintext: everything}", "grpc.plaintext: a role is expected"),
        ("http: {listen: '8080'}", "http.listen: an address is host:port or unix:/path."),
        ("http: {listen: 'h:99999'}", "http.listen: an address is host:port"),
        ("http: {listen: 'unix:run/x'}", "http.listen: a Unix socket is unix:/absolute/path."),
        ("http: {trusted_proxies: [10.0.0.1/8]}", "http.trusted_proxies.0: a network such as 10.0.0.0/8"),
        ("http: {certificate_header: Authorization}", "http.certificate_header: the name of a header of its own"),
        ("http: {certificate_header: 'client cert'}", "http.certificate_header: the name of a header of its own"),
        ("http: {trust_traceparent: always}", "http.trust_traceparent: "),
        ("limits: {skew: 61}", "limits.skew: "),
        ("limits: {skew: 29}", "limits.skew: "),
        ("limits: {skew: many}", "limits.skew: "),
        ("telemetry: {sample_ratio: 1.5}", "telemetry.sample_ratio: "),
        ("telemetry: {log_level: loud}", "telemetry.log_level: debug, info, warning or error"),
        ("telemetry: {log_level: [info]}", "telemetry.log_level: debug, info, warning or error"),
        ("development: perhaps", "development: "),
        ("workers: 0", "workers: "),
        ("store: {url: [a]}", "store.url: a text, {file: path} or {env: NAME}"),
        ("store: {url: {file: a, env: b}}", "store.url is a text, {file: path} or {env: NAME}."),
        ("- grpc", "sections are expected"),
        ("grpc: {", "not YAML"),
        ("grpc: {listen: 'a:1', listen: 'b:2'}", "is repeated"),
        ("grpc: &all {}\nhttp: *all", "anchors"),
    ],
)
def test_one_fault_is_one_sentence_that_names_it(write, text, sentence):
    (problem,) = _problems(write(text))
    assert sentence in problem
    assert problem.startswith(str(write(text)))


def test_every_problem_is_told_at_once(write):
    assert len(_problems(write("grcp: {}\nworkers: 0\nlimits: {skew: 99}\n"))) == 3


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("GRANTD__GRPC__LISEN", "GRANTD__GRPC__LISTEN"),
        ("GRANTD__GRPC", None),
        ("GRANTD_GRPC__LISTEN", "GRANTD__GRPC__LISTEN"),
        ("GRANTD_GRPC_LISTEN", "GRANTD__GRPC__LISTEN"),
        ("GRANTD__KEYS__AUTOCREATE", "GRANTD__KEYS__AUTO_CREATE"),
        ("grantd__grpc__listen", "GRANTD__GRPC__LISTEN"),
        ("GRANTD__ZZZZZZZZZZZZZZZZ", None),
    ],
)
def test_a_mistyped_variable_is_named_and_corrected(variable, near):
    (problem,) = _problems(None, {variable: "value-1"})
    assert problem.startswith(f"{variable} is no setting")
    assert near is None or f"did you mean {near}?" in problem
    assert "value-1" not in problem


@pytest.mark.parametrize("variable", ["GRANTD_CONFIG", "GRANTD_CLIENT_TARGET", "PATH", "OTEL_SERVICE_NAME"])
def test_variables_of_others_are_left_alone(variable):
    assert load(None, {variable: "x"}) == load(None, {})


def test_a_variable_that_is_broken_json_is_named_without_its_value():
    (problem,) = _problems(None, {"GRANTD__GRPC__CALLERS": "{hunter2"})
    assert problem == "GRANTD__GRPC__CALLERS begins like JSON and is none."


def test_a_wrong_value_names_its_variable_and_is_not_repeated():
    (problem,) = _problems(None, {"GRANTD__WORKERS": "hunter2"})
    assert problem.startswith("GRANTD__WORKERS: workers: ")
    assert "hunter2" not in problem


def test_a_missing_file_is_one_sentence(tmp_path):
    (problem,) = _problems(tmp_path / "none.yaml")
    assert problem == f"{tmp_path / 'none.yaml'}: the file cannot be read: No such file or directory."


def test_relative_paths_are_relative_to_the_file(write, tmp_path):
    settings = load(write("keys: {directory: keys}\nstore: {url: 'sqlite:///a.db'}\n"), {})
    assert settings.keys.directory == tmp_path / "keys"
    assert settings.sqlite_path == tmp_path / "a.db"
    settings = load(write("keys: {directory: /k}\nstore: {url: 'sqlite:////b.db'}\n"), {})
    assert settings.keys.directory == Path("/k")
    assert settings.sqlite_path == Path("/b.db")


def test_a_secret_comes_from_a_file_or_a_variable_and_is_never_shown(write, tmp_path):
    secret = tmp_path / "url"
    secret.write_text("sqlite:////hidden.db\n")
    secret.chmod(0o600)
    for text, environ in [("{file: url}", {}), ("{env: DB_URL}", {"DB_URL": "sqlite:////hidden.db"})]:
        settings = load(write(f"store: {{url: {text}}}"), environ)
        assert settings.sqlite_path == Path("/hidden.db")
        assert "hidden" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("mode", "content", "sentence"),
    [
        (0o644, "x", "is open to everybody"),
        (0o604, "x", "is open to everybody"),
        (0o602, "x", "is open to everybody"),
        (0o620, "x", "is open to everybody"),
        (0o600, "", "is empty"),
        (0o600, "x" * 70_000, "is larger than"),
    ],
)
def test_an_unfit_secret_file_stops_the_start_without_showing_it(write, tmp_path, mode, content, sentence):
    (tmp_path / "url").write_text(content)
    (tmp_path / "url").chmod(mode)
    problems = _problems(write("store: {url: {file: url}}"))
    assert sentence in problems[0]
    assert "store.url" in problems[0]


def test_a_secret_file_may_be_read_by_the_group(write, tmp_path):
    # Mounted secrets belong to root and to a group of the process.
    (tmp_path / "url").write_text("sqlite:////b.db")
    (tmp_path / "url").chmod(0o640)
    assert load(write("store: {url: {file: url}}"), {}).sqlite_path == Path("/b.db")


@pytest.mark.parametrize("text", ["{file: nowhere}", "{file: .}", "{env: UNSET}"])
def test_a_secret_that_is_not_there_stops_the_start(write, text):
    assert "store.url: " in _problems(write(f"store: {{url: {text}}}"))[0]


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@h/d", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?mode=ro"]
)
def test_a_store_that_is_no_file_is_refused_without_its_url(write, url):
    settings = load(write(f'store: {{url: "{url}"}}'), {})
    with pytest.raises(ValueError, match=r"store\.url is not") as caught:
        _ = settings.sqlite_path
    assert "hunter2" not in str(caught.value)


def test_roles_are_those_of_callers():
    assert set(ROLES) == {role.value for role in Role} - {"unknown"}


def test_every_setting_has_a_variable_of_its_own_and_a_description():
    found = list(leaves())
    assert len({leaf.variable for leaf in found}) == len(found)
    assert all(leaf.field.description.endswith(".") for leaf in found)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_problems(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("s") / "grantd.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert all(problem.endswith((".", "?")) for problem in _outcome(file, {}))


@given(st.sampled_from([leaf.variable for leaf in leaves() if not leaf.in_optional]), st.text(max_size=40))
def test_any_value_of_any_variable_is_settings_or_problems_that_name_it(variable, value):
    assert all(problem.startswith(variable) for problem in _outcome(None, {variable: value}))


def test_the_documentation_lists_every_setting():
    text = DOCS.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}{settings_table()}{END}{after}"
    if os.environ.get("REGENERATE"):
        DOCS.write_text(made)
    assert DOCS.read_text() == made, "run with REGENERATE=1 and review the difference"


def test_the_examples_of_the_documentation_are_settings(tmp_path):
    examples = [part.split("```")[0] for part in DOCS.read_text().split("```yaml\n")[1:]]
    assert len(examples) == 3
    for example in examples:
        file = tmp_path / "grantd.yaml"
        file.write_text(example)
        assert load(file, {}).model_fields_set == yaml.safe_load(example).keys()
