"""Bells are rung beside the requests: a bell that hangs, fails or has too much to do costs the sender nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from connector.clock import monotonic, pause
from tests.intake.senders import Counted
from webhooks import ringer
from webhooks.ringer import Ringer


def _until(true: Callable[[], bool]) -> None:
    end = monotonic() + 3
    while not true() and monotonic() < end:
        pause(0.005)
    assert true()


def test_a_bell_that_hangs_holds_nobody_and_is_asked_once_per_shop() -> None:
    rung: list[tuple[str, int]] = []
    going_on = threading.Event()

    def hang(kind: str, shop_id: int) -> bool:
        rung.append((kind, shop_id))
        return going_on.wait(10)

    counted = Counted()
    bells = Ringer(hang, counted)
    bells.start()
    bells.hand_off("intake", 1)
    _until(lambda: rung == [("intake", 1)])
    started = monotonic()
    for _ in range(1000):
        bells.hand_off("intake", 1)
        bells.hand_off("intake", 2)
    assert monotonic() - started < 1
    going_on.set()
    bells.stop()
    assert rung == [("intake", 1), ("intake", 1), ("intake", 2)]
    assert counted.bells == ["rung"] * 3


def test_a_bell_that_fails_does_not_silence_the_next() -> None:
    rung: list[int] = []

    def fail(kind: str, shop_id: int) -> bool:
        rung.append(shop_id)
        raise RuntimeError

    counted = Counted()
    bells = Ringer(fail, counted)
    bells.start()
    for shop_id in (1, 2):
        bells.hand_off("intake", shop_id)
        _until(lambda shop_id=shop_id: rung[-1:] == [shop_id])
    bells.stop()
    assert counted.bells == ["silent", "silent"]


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    counted = Counted()
    bells = Ringer(lambda kind, shop_id: True, counted)
    for shop_id in range(ringer.CAPACITY + 5):
        bells.hand_off("intake", shop_id)
    assert counted.bells == ["dropped"] * 5
    # What waits is rung before the end.
    bells.start()
    bells.stop()
    assert counted.bells.count("rung") == ringer.CAPACITY
