"""Who opens every email is known in the store: the shipped flow, played beside the welcome flow, which writes."""

from __future__ import annotations

import pytest

from tests.library.playing import Done, Played, at, play, shopper


def opens(*opened: str) -> Played:
    """Somebody gets emails on days 0, 2, 4, 6 and 8, and opens those an hour later."""
    happened = [at("0h", "newsletter_subscribed")]
    for day, message in ((0, "hello"), (2, "story"), (4, "favourites"), (6, "guide"), (8, "last-call")):
        about = {"flow": "welcome", "message": message}
        happened.append(at(f"{day * 24 + 1}h", "message_delivered", **about))
        if message in opened:
            happened.append(at(f"{day * 24 + 2}h", "message_opened", **about))
    return play(["welcome", "highly-engaged"], *happened, shopper=shopper(email=False), until="9d")


def acts(played: Played) -> list[Done]:
    return [one for one in played.done if one.flow == "highly-engaged"]


@pytest.mark.row("S5-003")
def test_whoever_opens_three_emails_in_a_row_is_tagged_once() -> None:
    played = opens("hello", "story", "favourites", "guide", "last-call")
    (tagged,) = acts(played)
    assert (tagged.after.days, tagged.action, tagged.data["add"]) == (4, "tag", ["highly engaged"])
    assert "highly engaged" in played.shopper.row["tags"]
    assert ("highly-engaged", "completed") in played.outcomes


@pytest.mark.parametrize("opened", [("hello", "story"), ("hello", "story", "guide", "last-call")])
def test_one_that_is_not_opened_in_between_begins_the_row_anew(opened: tuple[str, ...]) -> None:
    assert not acts(opens(*opened))
