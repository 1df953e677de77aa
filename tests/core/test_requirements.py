"""What the flows of the library need of a shop."""

from __future__ import annotations

from connector.capabilities import NAMES
from flows import starters
from flows.core import requirements
from flows.core.vocabulary import event_named
from flows.definition_files import compile_texts, read_folder
from flows.engine.publish import library

MAIL = "---\nsubject: Hi\npurpose: marketing\ndeadline: 2d\n{}---\n<p>Hi</p>\n"


def needs(flow: str) -> dict[str, bool]:
    """{capability: whether the flow is nothing without it}"""
    found = requirements.requirements(read_folder(starters.folder(flow)).flow)
    assert [one.vital for one in found] == sorted((one.vital for one in found), reverse=True)
    return {one.capability: one.vital for one in found}


def test_needs_are_told_from_triggers_channels_and_steps() -> None:
    assert needs("thank-you") == {"email": True}
    assert needs("browse-abandonment") == {"email": True, "outside": True}
    assert needs("cart-recovery") == {"email": False, "sms": False, "codes": False, "offers": False}
    assert (
        needs("tier-up")["loyalty"]
        and needs("birthday")["birthdays"]
        and needs("subscription-renewal")["subscriptions"]
    )
    # What it reads besides is no reason to leave it alone.
    assert needs("post-purchase") == {"email": True, "loyalty": False}


def test_an_event_of_ones_own_is_told_from_outside() -> None:
    text = "flow: trial\nname: Trial\ntrigger: {on: 'custom:trial_started'}\nsteps: [{email: hello}]\n"
    flow = compile_texts(text, {"hello": MAIL.format("")}).flow
    assert {one.capability for one in requirements.requirements(flow)} == {"email", "outside"}


def test_everything_that_is_needed_is_something_that_a_shop_is_told_of() -> None:
    named = {*requirements._STARTS.values(), *requirements._DOES.values(), "email", "sms", "whatsapp", "push", "offers"}
    assert named <= NAMES
    assert all(event_named(event) is not None for event in requirements._STARTS)
    assert {name for flow in library() for name in needs(flow)} <= NAMES
