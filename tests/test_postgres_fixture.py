"""The PostgreSQL of the tests is a real one: it keeps data over a crash, and ends with its test."""

from __future__ import annotations

import signal

import psutil
import pytest

import postgres_


def test_it_is_the_release_asked_for_and_not_run_by_root(server: postgres_.Server) -> None:
    assert server.ask("SHOW server_version")[0][0].split(".")[0] == postgres_.RELEASE
    assert server.process is not None
    assert psutil.Process(server.process.pid).uids().effective != 0


def test_it_listens_on_loopback_only(server: postgres_.Server) -> None:
    assert server.process is not None
    listening = [c for c in psutil.Process(server.process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert [c.laddr for c in listening] == [("127.0.0.1", server.port)]


def test_databases_are_apart(server: postgres_.Server) -> None:
    one, two = server.new_database(), server.new_database()
    server.ask("CREATE TABLE t (n int)", database=one)
    assert server.ask("SELECT count(*) FROM pg_class WHERE relname = 't'", database=two) == [["0"]]
    for name in (one, two):
        server.drop_database(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_what_was_committed_survives_its_end(server_of_its_own: postgres_.Server, how: signal.Signals) -> None:
    server = server_of_its_own
    server.ask("DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT 7 AS n")
    before = server.process
    server.restart(how)
    assert server.ask("SELECT n FROM t") == [["7"]]
    assert before is not None
    assert before.returncode is not None


@pytest.fixture(scope="module")
def server_of_its_own(server: postgres_.Server) -> object:
    with postgres_.postgresql(server.folder.parent / "own") as running:
        yield running
