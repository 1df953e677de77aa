"""Who may not see people whole sees neither names nor addresses nor telephone numbers, on any page and by no key."""

from __future__ import annotations

import re

import pytest

from connector.admin import shown
from connector.admin.acts.act import View
from connector.admin.shown import Eyes, masked_name, masked_text
from tests.admin.office import Office
from tests.admin.programs import everything, path_of, program
from tests.admin.routes import shown as shown_to

# As tests.admin.office furnishes a shop, and in the payload of its delivery.
WHOLE = ("ann.bell1@example.com", "ann.cole1@example.com", "+49151234567001", "Bell", "Cole")


def seen(text: str) -> set[str]:
    return {value for value in WHOLE if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)}


def test_no_page_shows_somebody_whole_to_whom_may_not_see_it(office: Office) -> None:
    """To support: who may only read sees no more of the same pages."""
    (mine, _) = office.desks
    browser = office.browser(office.hire("support"))
    found = {path: seen(answer.get_data().decode(errors="replace")) for path, answer in shown_to(office, mine, browser)}
    assert len(found) > 15 and {path: values for path, values in found.items() if values} == {}


def test_no_view_of_the_api_tells_a_key_more_than_its_role_sees(office: Office) -> None:
    (mine, _) = office.desks
    told: dict[str, set[str]] = {"support": set(), "owner": set()}
    for role, values in told.items():
        asking = program(office, mine, role)
        for one in everything():
            if isinstance(one, View):
                answer = asking.ask(one, path_of(one, mine, mine), mine)
                values |= {f"{one.name}: {value}" for value in seen(answer.text)}
    assert told["support"] == set()
    # The control: there is something to be masked.
    assert told["owner"] != set()


def test_who_may_see_people_whole_does(office: Office) -> None:
    """The control of the masks: the same pages, with the names in them."""
    (mine, _) = office.desks
    browser = office.browser(office.hire("editor"))
    text = browser.get(f"{mine.path}/people/{mine.person}").text
    assert {"ann.bell1@example.com", "+49151234567001", "Bell"} <= seen(text)


@pytest.mark.parametrize(
    ("name", "masked"),
    [("Ann Bell", "A••• B•••"), ("", ""), (" Jean-Luc  de la Tour ", "J••• d••• l••• T•••"), ("李", "李•••")],
)
def test_names_keep_their_first_letters(name: str, masked: str) -> None:
    assert masked_name(name) == Eyes(False).name(name) == masked
    assert Eyes(True).name(name) == name


def test_a_message_is_masked_as_templates_write_names_and_leads_nowhere() -> None:
    page = (
        '<p>Dear Si&#x27;obhan O&#x27;Brien &amp; co</p><img alt="O&#x27;Brien" src="x">'
        "<style>p > b {color: red}</style>"
        '<a title="For O&#x27;Brien" href="https://shop.example/u/7">Stop</a> https://shop.example/u/7 3 &lt; 4'
    )
    assert shown.harmless(page, Eyes(False), "Si'obhan", "O'Brien") == (
        "<p>Dear S••• O••• &amp; co</p><img src=\"x\"><style>p > b {color: red}</style>"
        "<a>Stop</a> https://shop.example/… 3 &lt; 4"
    )
    text = "Dear Ann, https://shop.example/u/7?again=1 or https://shop.example?x#y (http://x.example) https://X.example/"
    cut = "Dear {}, https://shop.example/… or https://shop.example/… (http://x.example) https://X.example/…"
    assert shown.harmless_text(text, Eyes(False), "Ann") == cut.format("A•••")
    assert shown.harmless_text(text, Eyes(True), "Ann") == cut.format("Ann")
    # The control: whoever sees all of it reads what was written.
    assert "O&#x27;Brien" in shown.harmless(page, Eyes(True), "O'Brien") and "u/7" not in page[:9]


def test_names_are_masked_inside_sentences_as_whole_words() -> None:
    told = "Ann, your cart waits. ANN BELL (Bellman, Hannah) wrote to ann@x.example"
    assert masked_text(told, ("Ann", "Bell")) == (
        "A•••, your cart waits. A••• B••• (Bellman, Hannah) wrote to a•••@x•••.example"
    )
    # A name that is a pattern, and one that stands inside another.
    assert masked_text("A.B met Anna Maria and Anna", ("A.B", "Anna Maria", None)) == "A••• met A••• M••• and A•••"
    assert Eyes(False).name("Ann", None, "Bell") == "A••• B•••" and Eyes(True).name("Ann", None, "Bell") == "Ann Bell"
    assert Eyes(False).identity("name", "Ann Bell") == "A••• B•••"
    assert shown.masked_email("ann@x.example") in masked_text("ann@x.example")


def test_somebody_is_called_by_what_is_known_of_them_and_may_be_seen() -> None:
    whole, masked = Eyes(True), Eyes(False)
    known = {"email": "ann@example.com", "phone": "+4915112345678"}
    assert whole.called(7, "Ann", None, **known) == "Ann"
    assert masked.called(7, "Ann", "Bell", **known) == masked.name("Ann", "Bell") != "Ann Bell"
    assert whole.called(7, None, "", **known) == "ann@example.com"
    assert masked.called(7, **known) == masked.email("ann@example.com") != "ann@example.com"
    assert whole.called(7, phone="+4915112345678") == "+4915112345678"
    assert whole.called(7) == masked.called(7, None, None, email=None) == "Person 7"
