from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from connector.errors import ConfigurationError
from connector.runtime import account, binaries, postgres
from tests.runtime.conftest import eventually, processes_naming

SOURCES = pytest.mark.parametrize(
    "embedded", [False, pytest.param(True, marks=pytest.mark.long)], ids=["machine first", "wheel"]
)


def ask(dsn: str, question: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question).fetchone()
        return row[0] if row else None


@SOURCES
def test_starts_serves_durably_and_leaves_nothing(folder: Path, embedded: bool) -> None:
    server = postgres.start(folder, embedded=embedded)
    try:
        assert server.url.startswith("postgresql+psycopg://")
        assert int(str(ask(server.dsn, "SHOW server_version_num"))) >= binaries.OLDEST_POSTGRES * 10_000
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "max_connections": "200",
            "idle_in_transaction_session_timeout": "1min",
            "listen_addresses": "",
            "data_checksums": "on",
        }.items():
            assert ask(server.dsn, f"SHOW {setting}") == value
        assert processes_naming(folder)
    finally:
        server.stop()
    assert not processes_naming(folder)


@pytest.mark.skipif(not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")), reason="no PostgreSQL here")
def test_the_machine_s_own_programs_go_first_unless_the_wheel_is_asked_for() -> None:
    owner = account.unprivileged()
    assert not binaries.postgres(owner).wheel
    assert binaries.postgres(owner, embedded=True).wheel


@pytest.mark.long
def test_data_is_opened_by_the_version_that_wrote_it(folder: Path) -> None:
    postgres.start(folder, embedded=True).stop()
    home = account.home(folder / "postgres", account.unprivileged())
    written_by = int((home / "data/PG_VERSION").read_text())
    server = postgres.start(folder)
    try:
        assert int(str(ask(server.dsn, "SHOW server_version_num"))) // 10_000 == written_by
    finally:
        server.stop()
    with pytest.raises(ConfigurationError, match="PostgreSQL 9, which wrote the data"):
        binaries.postgres(account.unprivileged(), major=9)


def test_nobody_comes_in_without_the_password(folder: Path) -> None:
    server = postgres.start(folder)
    try:
        password_file = folder / "postgres-password"
        assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
        password = password_file.read_text()
        assert ask(server.dsn, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn.replace(password, "wrong"))
        rules = "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"
        assert ask(server.dsn, rules) == 0
        home = account.home(folder / "postgres", account.unprivileged())
        assert stat.S_IMODE((home / "sockets").stat().st_mode) == 0o700
        assert not (home / "password").exists()
    finally:
        server.stop()


@pytest.mark.long
def test_a_port_listens_on_loopback_only(folder: Path, free_port: int) -> None:
    server = postgres.start(folder, port=free_port)
    try:
        assert f"@127.0.0.1:{free_port}/" in server.url
        assert ask(server.dsn, "SHOW listen_addresses") == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://{postgres.USER}:wrong@127.0.0.1:{free_port}/{postgres.DATABASE}")
    finally:
        server.stop()


@pytest.mark.parametrize(
    "how", ["kill", *(pytest.param(one, marks=pytest.mark.long) for one in ("immediate", "clean"))]
)
def test_what_was_committed_survives_and_what_was_not_does_not(folder: Path, how: str) -> None:
    server = postgres.start(folder)
    try:
        url = server.url
        open_transaction = psycopg.connect(server.dsn)
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        open_transaction.execute("INSERT INTO kept VALUES (2)")
        if how == "kill":
            server.kill()
            assert server.ended()
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(server.dsn)
        server.restart(immediate=how == "immediate")
        assert server.url == url
        assert ask(server.dsn, "SELECT sum(n) FROM kept") == 1
        with pytest.raises(psycopg.OperationalError):
            open_transaction.execute("SELECT 1")
        open_transaction.close()
    finally:
        server.stop()


def test_a_folder_has_one_owner(folder: Path) -> None:
    server = postgres.start(folder)
    try:
        with pytest.raises(ConfigurationError, match="Another process uses"):
            postgres.start(folder)
        assert ask(server.dsn, "SELECT 1") == 1
    finally:
        server.stop()
    postgres.start(folder).stop()


@pytest.mark.long
def test_a_setting_it_does_not_know_is_reported_in_its_own_words(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="unrecognized configuration parameter"):
        postgres.start(folder, settings={"no_such_setting": "1"})
    assert not processes_naming(folder)
    postgres.start(folder).stop()


SERVES = """
import sys, time
from pathlib import Path
from connector.runtime import postgres, redis
folder = Path(sys.argv[1])
server, bells = postgres.start(folder), redis.start(folder)
print("up", server.pid, bells.pid)
time.sleep(60)
"""


def test_killing_the_parent_leaves_nothing_and_the_next_start_works(folder: Path, python) -> None:
    parent = python(SERVES, folder)
    assert parent.stdout.readline().startswith("up")
    assert len(processes_naming(folder)) >= 3
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    # At once, while the old one may still be writing: start waits for it.
    server = postgres.start(folder)
    try:
        assert ask(server.dsn, "SELECT 1") == 1
    finally:
        server.stop()
    assert eventually(lambda: not processes_naming(folder))


@pytest.mark.long
def test_control_a_child_without_the_leash_outlives_its_parent(folder: Path, python) -> None:
    sleeps = "import sys, time; time.sleep(30)"
    starts = "import subprocess as s, sys; print(s.Popen([sys.executable, '-c', *sys.argv[1:]]).pid); input()"
    parent = python(starts, sleeps, folder, stdin=subprocess.PIPE)
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    time.sleep(1)
    assert eventually(lambda: orphan in processes_naming(folder))
    os.kill(orphan, signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_the_server_runs_under_another_account(folder: Path) -> None:
    server = postgres.start(folder, embedded=True)
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid == account.unprivileged().uid
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@SOURCES
@pytest.mark.long
def test_below_a_closed_folder_it_works_and_opens_nothing(folder: Path, embedded: bool) -> None:
    closed = folder / "closed"
    checkout = closed / "checkout"
    checkout.mkdir(parents=True)
    closed.chmod(0o700)
    server = postgres.start(checkout, embedded=embedded)
    elsewhere = Path((checkout / "postgres/location").read_text().strip())
    try:
        assert ask(server.dsn, "SELECT 1") == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        assert elsewhere.stat().st_uid == account.unprivileged().uid
        assert (checkout / "postgres-password").exists()
        assert not (elsewhere / "postgres-password").exists()
    finally:
        server.stop()
        subprocess.run(["rm", "-rf", elsewhere], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_folder_that_somebody_else_put_there_is_not_used(folder: Path, monkeypatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    owner = account.unprivileged()
    first = account.home(closed / "postgres", owner)
    first.rmdir()
    first.mkdir(mode=0o777)
    try:
        with pytest.raises(ConfigurationError, match="not ours"):
            account.home(closed / "postgres", owner)
    finally:
        first.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
@pytest.mark.long
def test_the_wheel_s_programs_are_copied_where_the_account_cannot_read_them(folder: Path) -> None:
    found = binaries.postgres(account.unprivileged(), embedded=True)
    copy = postgres._copy_out(found.folder.parent, folder / "programs")
    answer = subprocess.run(
        [copy / "initdb", "--version"], capture_output=True, text=True, user=account.unprivileged().uid,
        env={}, check=True,
    )  # fmt: skip
    assert f" {found.major}." in answer.stdout


ORDINARY = """
import os, sys
from pathlib import Path
from connector.runtime import postgres
import psycopg
assert os.geteuid() != 0
folder = Path(os.environ["HOME"])
server = postgres.start(folder, embedded=sys.argv[1] == "True")
with psycopg.connect(server.dsn) as connection:
    print("answer", connection.execute("SELECT 41 + 1").fetchone()[0])
server.stop()
"""


@SOURCES
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests of this file already run as an ordinary user")
def test_as_an_ordinary_user(folder: Path, python, embedded: bool) -> None:
    owner = account.unprivileged()
    # Ours may lie below a home that is closed to others; another of the same version reads the same packages.
    interpreters = (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
    usable = [i for i in interpreters if Path(i).exists() and account.can_reach(Path(i), owner)]
    readable = all(account.can_reach(Path(p), owner) for p in (postgres.__file__, psycopg.__file__))
    if not usable or not readable:
        pytest.skip("the interpreter or the packages lie where an ordinary user cannot read them")
    home = folder / "home"
    home.mkdir()
    os.chown(home, owner.uid, owner.gid)
    process = python(
        ORDINARY, embedded, interpreter=usable[0], env={"HOME": str(home)}, cwd=home, user=owner.uid,
        group=owner.gid, extra_groups=[],
    )  # fmt: skip
    said, _ = process.communicate(timeout=60)
    assert "answer 42" in said
    assert process.returncode == 0
    assert not processes_naming(home)
