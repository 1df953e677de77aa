"""The gallery: every message of the library on one page, and its pictures."""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.content.preview import WIDTHS, looks
from flows.core.problems import DefinitionError
from flows.gallery import __main__ as gallery
from flows.gallery import chromium, page
from flows.gallery.chromium import Camera, Photographs, look_name
from flows.gallery.exhibits import Room, rooms
from flows.gallery.files import INDEX, MOST_KEPT, SHEETS, emails, kept, missing, photograph, sweep
from flows.starters import folder
from tests.architecture.project import PROJECT
from tests.content.mailbox import elements

LIBRARY = folder("welcome").parent
SHIPPED = PROJECT / "docs" / "gallery"
FLOW = """flow: greeting
name: Greeting
about: {purpose: Say hello}
trigger: {on: newsletter_subscribed}
steps: [{email: hello}, {wait: 3h}, {whatsapp: ping}, {wait: 1d}, {sms: text}]
"""
HELLO = """---
subject: Hello
preview: A word to begin with.
purpose: marketing
---
<p>Hello {{ person.first_name }}, from {{ shop.name }}: {{ 5 | money }}</p>
"""
PING = """---
channel: whatsapp
purpose: marketing
template: 7
params: {NAME: "{{ person.first_name }}"}
---
Hi {{ params.NAME }}, look: {{ shop.url }}
"""
TEXT = "---\nchannel: sms\npurpose: marketing\n---\nHi {{ person.shoe_size }}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of flows, of which one has variants, a WhatsApp message, and a text that cannot be written."""
    messages = tmp_path / "flows" / "greeting" / "messages"
    messages.mkdir(parents=True)
    (messages.parent / "flow.yaml").write_text(FLOW)
    files = {
        "hello": HELLO,
        "hello.de": HELLO.replace("Hello {{", "Hallo {{"),
        "hello.vip": HELLO,
        "ping": PING,
        "text": TEXT,
    }
    for name, text in files.items():
        (messages / f"{name}.liquid").write_text(text)
    return tmp_path / "flows"


def written(place: Path, to: Path, *words: str) -> Result:
    return CliRunner().invoke(gallery.main, [str(place), "--to", str(to), *words])


def test_the_page_has_every_message_of_a_flow_with_what_tells_it_apart(place: Path, tmp_path: Path) -> None:
    answer = written(place, tmp_path / "gallery", "--no-pictures")
    # One of them cannot be written: that is said, at the end and on the page.
    assert answer.exit_code == 1 and "greeting/text, line 5: There is no person.shoe_size" in answer.output
    html = (tmp_path / "gallery" / INDEX).read_text("utf-8")
    assert re.findall("<h3>(.*?)</h3>", html) == ["hello", "hello (in de)", "hello (for vip)", "ping", "text"]
    assert html.count("<dt>Leaves</dt><dd>at once</dd>") == 3 and "<dd>after 3h</dd>" in html
    assert "Hallo Ada, from Fern &amp; Fjord: 5,00\xa0€" in html and "Hello Ada, from Fern &amp; Fjord: €5.00" in html
    assert "<dt>Subject</dt><dd>Hello</dd><dt>Preview</dt><dd>A word to begin with.</dd>" in html
    assert '<div class="phone whatsapp"><p>Hi Ada, look: https://shop.example</p></div>' in html
    assert "<dt>Filled in, NAME</dt><dd>Ada</dd>" in html and "whatsapp ping" in html
    assert html.count('class="missing"') == 1


def test_the_same_library_gives_the_same_page(tmp_path: Path) -> None:
    names = ["welcome", "cart-every-channel"]
    first, again = (page.index(rooms(LIBRARY, names)) for _ in range(2))
    assert first == again
    assert str(tmp_path.parent) not in first and str(PROJECT) not in first and str(Path.home()) not in first
    shown = [each["src"] for tag, each in elements(first) if tag == "img"]
    assert len(shown) == len(emails(rooms(LIBRARY, names))) == len(set(shown))
    assert "billed as 1 message" in first and 'class="phone push"' in first
    assert "if shop.offers.welcome.percent" in first, "the steps are told in words"


def test_an_invented_person_is_told_what_the_flow_means() -> None:
    texts = {
        one.name: one.proof.text
        for room in rooms(LIBRARY, ["win-back", "tier-up", "b2b-webinar"])
        for one in room.exhibits
        if one.proof is not None
    }
    # The code of its own step, the words of its own event, the properties of the shop's own events.
    assert "BACK-7YQK4MTR9X (20% off)" in texts["twenty-off"] and "until May 15, 2026" in texts["twenty-off"]
    assert "from Bronze to Silver" in texts["you-moved-up"]
    assert "Aprons for a whole team" in texts["tomorrow"] and "May 12, 2026" in texts["tomorrow"]


class Sketches(Camera):
    """Takes no photographs, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def take(self, html: str) -> Photographs:
        self.asked.append(html)
        return Photographs({look_name(width, light): b"png" for width, light, _ in looks(html)}, b"webp")


def test_only_what_has_changed_is_photographed_again(place: Path, tmp_path: Path) -> None:
    def visit(found: list[Room]) -> list[str]:
        camera = Sketches()
        sweep(tmp_path, emails(found))
        for exhibit in missing(tmp_path, emails(found)):
            photograph(tmp_path, exhibit, camera)
        return camera.asked

    assert len(visit(rooms(place))) == 3
    assert visit(rooms(place)) == []
    before = {file.name for file in (tmp_path / SHEETS).iterdir()}
    (place / "greeting" / "messages" / "hello.de.liquid").write_text(HELLO.replace("Hello {{", "Servus {{"))
    (changed,) = visit(rooms(place))
    after = {file.name for file in (tmp_path / SHEETS).iterdir()}
    assert "Servus Ada" in changed and len(before) == len(after) == 3 and len(before - after) == 1
    assert len(list((tmp_path / "pictures").iterdir())) == 12


@pytest.mark.parametrize("lacks", ["browser", "package"])
def test_without_a_browser_it_says_what_to_install(
    lacks: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacks == "browser":
        monkeypatch.setattr(chromium, "program", lambda: None)
    else:
        monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    answer = written(place, tmp_path / "gallery")
    assert answer.exit_code == 1 and "apt-get install chromium" in answer.output and "make setup" in answer.output
    assert "--no-pictures" in answer.output and not (tmp_path / "gallery" / INDEX).exists()


def test_the_gallery_of_the_library_is_not_written_over_in_part(place: Path) -> None:
    answer = CliRunner().invoke(gallery.main, ["--flow", "welcome"])
    assert answer.exit_code == 2 and "--to" in answer.output


def test_a_broken_flow_is_said(place: Path, tmp_path: Path) -> None:
    (place / "greeting" / "flow.yaml").write_text(FLOW.replace("3h", "soon"))
    answer = written(place, tmp_path / "gallery", "--no-pictures")
    assert answer.exit_code == 1 and "“soon”" in answer.output
    with pytest.raises(DefinitionError):
        rooms(place)


def test_what_the_repository_keeps_of_it_is_small() -> None:
    assert 0 < kept(SHIPPED) < MOST_KEPT
    names = {file.name for file in (SHIPPED / SHEETS).iterdir()}
    assert names and {name.rsplit(".", 1)[-1] for name in names} == {"webp"}
    assert "/docs/gallery/pictures/" in (PROJECT / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.long
def test_the_kept_gallery_is_that_of_the_library() -> None:
    """``make gallery`` brings it up to date."""
    found = rooms(LIBRARY)
    assert (SHIPPED / INDEX).read_text("utf-8") == page.index(found)
    shown = [each["src"] for tag, each in elements(page.index(found)) if tag == "img"]
    assert {f"{SHEETS}/{file.name}" for file in (SHIPPED / SHEETS).iterdir()} == set(shown)


@pytest.mark.browser
def test_photographs_are_as_wide_as_they_say(place: Path) -> None:
    if chromium.program() is None:
        assert not os.environ.get("CI_BROWSER"), "this run has promised a browser, and there is none"
        pytest.skip("there is no chromium on this machine")
    (shown,) = [one for one in emails(rooms(place)) if one.name == "hello"]
    assert shown.proof is not None
    with chromium.camera() as camera:
        taken = camera.take(shown.proof.html)
        again = camera.take(shown.proof.html)
    assert set(taken.looks) == {"640-day", "640-night", "360-day", "360-night"}
    for name, png in taken.looks.items():
        assert png.startswith(b"\x89PNG") and struct.unpack(">I", png[16:20])[0] == int(name.split("-")[0])
    assert len(set(taken.looks.values())) == 4, "each look is another"
    assert taken.sheet.startswith(b"RIFF") and taken.sheet[8:12] == b"WEBP" and taken == again
    assert {int(name.split("-")[0]) for name in taken.looks} == set(WIDTHS)
