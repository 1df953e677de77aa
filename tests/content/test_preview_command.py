"""``connector flows preview``: a message of files as somebody would get it, before anything is published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.flows import flows as command
from flows.content.preview import unpictured, unstyled
from flows.starters import folder
from tests.content.mailbox import elements

WELCOME, CART = folder("welcome"), folder("cart-every-channel")


def asked(place: Path, *words: str, fails: bool = False) -> str:
    answer = CliRunner().invoke(command, ["preview", str(place), *words])
    assert (answer.exit_code != 0) is fails, answer.output
    return answer.output


@pytest.mark.row("S2-36")
def test_an_email_is_read_and_looked_at_without_a_shop(tmp_path: Path) -> None:
    page = tmp_path / "hello.html"
    said = asked(WELCOME, "hello", "--out", str(page))
    assert said.startswith("Subject: Welcome to Fern & Fjord") and "\nPreview: " in said
    assert "Welcome, Ada!" in said and "Unsubscribe: https://connector.example/u/token" in said
    html = page.read_text("utf-8")
    frames = [each for tag, each in elements(html) if tag == "iframe"]
    assert [each["width"] for each in frames] == ["640", "360", "360", "640", "360", "360"]
    assert all("sandbox" in each and "Welcome, Ada!" in (each["srcdoc"] or "") for each in frames)
    # Everything is in the one file, and nothing of it runs.
    assert not [tag for tag, _ in elements(html) if tag in ("script", "link", "img")]
    assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html


@pytest.mark.row("S5-217")
def test_it_is_shown_as_mail_programs_do_that_show_less_of_it(tmp_path: Path) -> None:
    page = tmp_path / "reminder.html"
    asked(CART, "reminder", "--out", str(page))
    frames = [each["srcdoc"] or "" for tag, each in elements(page.read_text("utf-8")) if tag == "iframe"]
    desk, _, night, _, without_styles, without_pictures = frames
    assert "@media not all" in desk and "@media all" in night
    assert "<style" in desk and "<style" not in without_styles
    pictures = [each for tag, each in elements(without_pictures) if tag == "img"]
    assert pictures and all(each["alt"] and "src" not in each for each in pictures)
    # The control: the email itself has both.
    assert [each for tag, each in elements(desk) if tag == "img" and each.get("src")]
    assert unstyled(desk) != desk and unpictured(desk) != desk


def test_a_text_says_what_it_is_billed_as_and_where_it_leads(tmp_path: Path) -> None:
    page = tmp_path / "text.html"
    said = asked(CART, "cart-text", "--out", str(page))
    assert "Length: 113 places of the GSM alphabet, billed as 1 message" in said
    assert "Leads to: https://shop.example/checkouts/recover" in said and "https://go.shop.example/c/" in said
    html = page.read_text("utf-8")
    assert '<div class="phone sms"><p>Fern &amp; Fjord: your cart' in html and "iframe" not in html.split("</style>")[1]
    assert "Ada, your cart is waiting" in asked(CART, "cart-waiting")


def test_it_is_tried_on_others(tmp_path: Path) -> None:
    place = tmp_path / "hi"
    shutil.copytree(WELCOME, place)
    message = place / "messages" / "hello.liquid"
    (place / "messages" / "hello.de.liquid").write_text(message.read_text("utf-8").replace("Thank you", "Danke"))
    assert "Danke for signing" in asked(place, "hello", "--locale", "de-AT") and "Abmelden:" in asked(place, "hello.de")
    assert "Welcome, Ada!" in asked(place, "hello", "--locale", "fr")
    assert "Ada" not in asked(place, "hello", "--unknown")
    message.write_text(message.read_text("utf-8").replace("Thank you", "{{ person.shoe_size }}"))
    refused = asked(place, "hello", fails=True)
    assert "It would not be sent. welcome/hello, line" in refused and "person.shoe_size" in refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["goodbye"], "welcome has no message goodbye. It has: favourites, guide, hello"),
        (["hello", "--person", "7"], "Name the shop with --shop"),
        (["hello", "--shop", "a.myshopify.com", "--unknown"], "without a shop"),
    ],
)
def test_what_cannot_be_shown_is_said(words: list[str], said: str) -> None:
    assert said in asked(WELCOME, *words, fails=True)
    assert "There is no flow.yaml" in asked(WELCOME / "messages", "hello", fails=True)
