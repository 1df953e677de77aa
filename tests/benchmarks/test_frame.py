"""``python -m benchmarks``: one JSON object, whatever happens, and an exit status that says what did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import __main__ as frame
from benchmarks.__main__ import Size


def broken(size: Size) -> dict[str, Any]:
    raise RuntimeError("no such luck")


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        frame,
        "BENCHMARKS",
        {
            "good": lambda size: {"per_second": 7, "seconds": size.seconds, "met": True},
            "slow": lambda size: {"per_second": 1, "met": False},
            "broken": broken,
        },
    )


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, Any]:
    monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])
    # It would outlive the test.
    monkeypatch.setattr("signal.signal", lambda *ignored: None)
    status = frame.main()
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("good",), 0),
        (("good", "slow"), 0),
        (("good", "slow", "--strict"), 1),
        (("good", "--strict"), 0),
        (("good", "broken"), 2),
    ],
)
def test_the_status_says_what_happened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int
) -> None:
    found, _ = run(capsys, monkeypatch, *arguments)
    assert found == status


@pytest.mark.usefixtures("three")
def test_the_others_are_told_when_one_breaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = run(capsys, monkeypatch, "--seconds", "5")
    assert told["machine"]["cores"] >= 1
    assert list(told["benchmarks"]) == ["good", "slow", "broken"]
    assert told["benchmarks"]["good"]["per_second"] == 7 and told["benchmarks"]["good"]["seconds"] == 5.0
    assert told["benchmarks"]["broken"]["error"] == "RuntimeError: no such luck"


@pytest.mark.usefixtures("three")
def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "godo"])
    with pytest.raises(SystemExit) as refused:
        frame.main()
    assert refused.value.code == 2
