"""The three kinds of time of the sandbox."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from sandbox.clock import Clock, iso_utc, write_clock_file


def test_a_clock_file_is_seen_at_once_and_rewritten_in_place(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    write_clock_file(file, 1000.5)
    inode = file.stat().st_ino
    clock = Clock.from_env({"CLOCK_FILE": str(file)})
    assert clock.now() == 1000.5
    write_clock_file(file, 2000.25)
    assert clock.now() == 2000.25
    assert file.stat().st_ino == inode
    assert file.read_bytes() == struct.pack("<d", 2000.25)


def test_a_moved_clock_starts_where_told_and_runs_at_its_rate() -> None:
    epoch = time.time() - 10
    env = {"CLOCK_EPOCH": str(epoch), "CLOCK_START": "5000", "CLOCK_RATE": "3600"}
    assert 5000 + 36_000 <= Clock.from_env(env).now() < 5000 + 36_000 + 3600 * 5
    del env["CLOCK_START"]
    assert epoch + 36_000 <= Clock.from_env(env).now() < epoch + 36_000 + 3600 * 5


def test_without_settings_business_time_is_real_time() -> None:
    assert abs(Clock.from_env({}).now() - time.time()) < 5


def test_wire_time_runs_at_its_own_rate(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    write_clock_file(file, 1.0)
    clock = Clock.from_env({"CLOCK_FILE": str(file), "WIRE_RATE": "1000"})
    before, began = clock.wire(), time.time()
    clock.pause(0.02)
    assert 20 <= clock.wire() - before <= (time.time() - began) * 1000 + 1
    assert clock.now() == 1.0


def test_half_settings_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="CLOCK_EPOCH"):
        Clock.from_env({"CLOCK_RATE": "60"})
    with pytest.raises(ValueError, match="WIRE_RATE"):
        Clock.from_env({"WIRE_RATE": "-1"})
    with pytest.raises(OSError, match="none"):
        Clock.from_env({"CLOCK_FILE": str(tmp_path / "none")})
    (tmp_path / "short").write_bytes(b"123")
    with pytest.raises(ValueError, match="8 bytes"):
        Clock.from_env({"CLOCK_FILE": str(tmp_path / "short")})


def test_iso_times_have_whole_seconds() -> None:
    assert iso_utc(1_790_000_000.9) == "2026-09-21T14:13:20Z"
