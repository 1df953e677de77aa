"""Flows and messages that are right, and what an author may do to them: each fault with the lint that has to say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Texts = Mapping[str, str]
Folders = dict[str, tuple[str, dict[str, str]]]
"""Flow -> its file and its messages."""

CART = """flow: cart
name: Cart
trigger: {on: checkout_abandoned, after: 1h, key: event.checkout_token}
audience: {person.country: {in: [FR, BE]}}
reentry: {after: 1d}
tags: [cart]
goal: {on: order_placed, match: event.checkout_token, within: 72h}
exit: [order_placed, unsubscribed]
steps:
  - email: reminder
  - wait: {until: +24h from trigger}
  - coupon: {as: offer, percent: 10, valid: 3d}
  - split:
      name: words
      shares: {one: 50, other: 50}
      arms:
        one:
          - email: incentive
        other:
          - email: incentive-other
  - wait: {until: +72h from trigger}
  - email: last
"""
THANKS = """flow: thanks
name: Thanks
trigger: {on: order_placed, key: event.order_id}
audience: {person.country: {in: [FR, BE]}}
exit:
  - {on: order_cancelled, match: event.order_id}
steps:
  - email: thanks
  - wait: 3d
  - sms: how-was-it
    only_for: {person.consent.sms: subscribed}
"""
_CODE = "{% render 'offer', offer: coupon.offer %}"
_ITEMS = "{% render 'cart_items' %}"
_BUTTON = "{% render 'button', label: \"Back to my cart\", url: checkout.recovery_url %}"


def mail(subject: str, body: str, *, preview: str = "We kept everything for you.", more: str = "") -> str:
    return f"---\nsubject: {subject!r}\npreview: {preview!r}\npurpose: marketing\ndeadline: 12h\n{more}---\n{body}\n"


def body(first: str, *parts: str) -> str:
    return "\n\n".join(["<h1>Hello</h1>", f'<p>Hi {{{{ person.first_name | default: "there" }}}}, {first}</p>', *parts])


MESSAGES: Mapping[str, Mapping[str, str]] = {
    "cart": {
        "reminder": mail("Your cart is here", body("you left something behind, and we kept it.", _ITEMS, _BUTTON)),
        "incentive": mail("A code for your cart", body("here is some help with the decision.", _CODE, _ITEMS, _BUTTON)),
        "incentive-other": mail("A code for you", body("here is some help with the decision.", _CODE, _ITEMS, _BUTTON)),
        "last": mail("The last word", body("after this one we leave you alone.", _CODE, _ITEMS, _BUTTON)),
    },
    "thanks": {
        "thanks": mail("Thank you", body("thank you. This is how it goes on.", '<p><a href="https://shop.example/a">'
                       "The guide</a> says how to begin.</p>")),
        "how-was-it": "---\nchannel: sms\npurpose: marketing\n---\n{{ shop.name }}: how is {{ event.order_name }}?"
                      " {{ shop.url }}\n",
    },
}  # fmt: skip


def flows() -> Folders:
    """Nothing is wrong with these."""
    return {"cart": (CART, dict(MESSAGES["cart"])), "thanks": (THANKS, dict(MESSAGES["thanks"]))}


@dataclass(frozen=True)
class Fault:
    """`lint`: what has to find it. `plant`: changes `flows()`."""

    name: str
    lint: str
    plant: Callable[[Folders], None]


def _in_flow(flow: str, old: str, new: str) -> Callable[[Folders], None]:
    def plant(found: Folders) -> None:
        text, messages = found[flow]
        assert old in text, old
        found[flow] = (text.replace(old, new, 1), messages)

    return plant


def _in_message(name: str, old: str, new: str) -> Callable[[Folders], None]:
    flow, message = name.split("/")

    def plant(found: Folders) -> None:
        messages = found[flow][1]
        assert old in messages[message], old
        messages[message] = messages[message].replace(old, new, 1)

    return plant


def _message(name: str, text: str) -> Callable[[Folders], None]:
    flow, message = name.split("/")

    def plant(found: Folders) -> None:
        found[flow][1][message] = text

    return plant


def _flow(name: str, text: str, messages: Texts) -> Callable[[Folders], None]:
    def plant(found: Folders) -> None:
        found[name] = (text, dict(messages))

    return plant


def _both(*plants: Callable[[Folders], None]) -> Callable[[Folders], None]:
    def plant(found: Folders) -> None:
        for one in plants:
            one(found)

    return plant


_WORDS = "you left something behind, and we kept it."
_TWIN = CART.replace("flow: cart\n", "flow: twin\n").replace("tags: [cart]\n", "")
_FULL_PRICE = """flow: looked-at
name: Looked at
trigger: {on: browse_abandoned}
audience: {person.country: FR}
exit: [order_placed]
steps:
  - email: looked-at
"""
_LOOKED_AT = {
    "looked-at": mail(
        "Seen before", body("you looked at these.", "{% render 'products', list: products.viewed %}", _BUTTON)
    )
}
_CONFIRMATION = """flow: confirmation
name: Confirmation
trigger: {on: order_placed, key: event.order_id}
steps:
  - email: confirmation
"""
_CONFIRMED = {
    "confirmation": "---\nsubject: Your order\npreview: It is here.\npurpose: transactional\n---\n"
    '<p>Hi {{ person.first_name | default: "there" }}, we got {{ order.name }}.</p>\n\n'
    "{% render 'button', label: \"See it\", url: order.status_url %}\n"
}
FAULTS: tuple[Fault, ...] = (
    # Messages.
    Fault("a name in brackets", "placeholder", _in_message("cart/reminder", _WORDS, "[FirstName], it is here.")),
    Fault("a name in braces", "placeholder", _in_message("cart/reminder", _WORDS, "{first_name}, it is here.")),
    Fault("a merge tag", "placeholder", _in_message("cart/reminder", _WORDS, "*|FNAME|*, it is here.")),
    Fault("another merge tag", "placeholder", _in_message("cart/reminder", _WORDS, "%FIRSTNAME%, it is here.")),
    Fault("filler text", "placeholder", _in_message("cart/reminder", _WORDS, "lorem ipsum dolor.")),
    Fault("a note in the subject", "placeholder", _in_message("cart/reminder", "Your cart is here", "TODO subject")),
    Fault("a label to be written", "placeholder", _in_message("cart/last", "Back to my cart", "[Button text]")),
    Fault("a text to be written", "placeholder", _in_message("cart/last", _WORDS[:0] + "after this", "your copy here")),
    Fault("no button", "no_links", _message("cart/reminder", mail("Your cart", body("it is here.")))),
    Fault("a text that leads nowhere", "no_links", _message("thanks/how-was-it", "---\nchannel: sms\npurpose:"
          " transactional\n---\n{{ event.order_name }} is on its way.\n")),
    Fault("no preview", "no_preview", _in_message("cart/reminder", "preview: 'We kept everything for you.'\n", "")),
    Fault("a long subject", "too_long", _in_message("cart/reminder", "Your cart is here", "Your cart " + "is " * 20)),
    Fault("a long preview", "too_long", _in_message("cart/reminder", "We kept everything", "We kept " * 12)),
    Fault("a long message", "too_long", _in_message("cart/reminder", _WORDS, "we kept it for you. " * 45)),
    Fault("a long text", "several_segments", _in_message("thanks/how-was-it", "how is", "how is, " + "well, " * 25)),
    Fault("a text in another alphabet", "unicode", _in_message("thanks/how-was-it", "how is", "“how” is")),
    Fault("a name without fallback", "missing_fallback", _in_message("cart/reminder", ' | default: "there"', "")),
    Fault("a city without fallback", "may_be_missing", _in_message("cart/reminder", _WORDS, "in {{ person.city }}.")),
    Fault("a field of the shop's", "may_be_missing", _in_message("cart/reminder", _WORDS, "{{ profile.size }}.")),
    Fault("a field that nobody has", "missing_value", _in_message("cart/reminder", _WORDS, "{{ person.shoe }}.")),
    Fault("a field of another event", "event_field", _in_message("thanks/thanks", "thank you.", "{{ event.new }}.")),
    Fault("a picture in the text", "left_out", _in_message("cart/reminder", "<h1>", '<img src="https://a.b/c.png"><h1>')),
    Fault("a style in the text", "left_out", _in_message("cart/reminder", "<h1>", '<h1 style="color:red">')),
    Fault("a small link", "small_target", _in_message("thanks/thanks", " says how to begin.", "")),
    Fault("an example's address", "dead_link", _in_message("thanks/thanks", "shop.example/a", "www.example.com/a")),
    Fault("a builder's address", "dead_link", _in_message("thanks/thanks", "shop.example/a", "yourshop.com/a")),
    Fault("an address of this machine", "dead_link", _in_message("thanks/thanks", "shop.example/a", "localhost/a")),
    Fault("an address with a hole", "dead_link", _in_message("thanks/thanks", "example/a", "example/products/null")),
    Fault("an address twice", "dead_link", _in_message("thanks/thanks", "https://shop.example/a", "https://https://a.b")),
    Fault("no address of mail", "dead_link", _in_message("thanks/thanks", "https://shop.example/a", "mailto:ada")),
    Fault("a script", "left_out", _in_message("thanks/thanks", "https://shop.example/a", "javascript:go()")),
    Fault("a block that is gone", "not_allowed", _in_message("cart/reminder", "'cart_items'", "'basket'")),
    Fault("a filter that is gone", "not_allowed", _in_message("cart/reminder", "| default:", "| fallback:")),
    Fault("broken Liquid", "syntax", _in_message("cart/reminder", "<h1>Hello</h1>", "<p>{% if %}</p>")),
    Fault("an offer in what needs no consent", "promotion_in_transactional",
          _both(*(_in_message(f"cart/{name}", "purpose: marketing", "purpose: transactional")
                  for name in MESSAGES["cart"]))),
    Fault("an offer that may be missing", "no_variant_without_offer",
          _in_message("cart/reminder", _WORDS, "use {{ shop.offers.cart.code }}.")),
    Fault("a general letter", "same_for_everybody", _message("thanks/thanks", mail(
        "News", "<p>We have news.</p>\n\n{% render 'button', label: \"Read\", url: shop.url %}"))),
    # One flow.
    Fault("no end at an order", "missing_exit", _in_flow("cart", "[order_placed, unsubscribed]", "[unsubscribed]")),
    Fault("an end for one cart only", "missing_exit", _in_flow("cart", "[order_placed,",
          "[{on: order_placed, match: event.checkout_token},")),
    Fault("no end at a cancellation", "missing_exit", _both(
        _in_flow("thanks", "exit:\n  - {on: order_cancelled, match: event.order_id}\n", "exit: [unsubscribed]\n"),
        _in_message("thanks/how-was-it", "{{ shop.url }}", "{{ order.status_url }}"))),
    Fault("a condition that cannot hold", "unreachable", _in_flow("cart", "  - wait: {until: +24h from trigger}\n",
          "  - when: {event.total: {gt: 50}}\n    then:\n      - when: {event.total: {lt: 20}}\n        then:\n"
          "          - score: {lead: 5}\n  - wait: {until: +24h from trigger}\n")),
    Fault("a case that an earlier one takes", "unreachable", _in_flow("cart", "  - wait: {until: +24h from trigger}\n",
          "  - cases:\n      - when: {event.total: {gt: 20}}\n        then: []\n"
          "      - when: {event.total: {gt: 50}}\n        then:\n          - score: {lead: 5}\n"
          "  - wait: {until: +24h from trigger}\n")),
    Fault("steps behind the limit", "unreachable", _in_flow("cart", "steps:", "limit: 2d\nsteps:")),
    Fault("a code for hours", "code_ends_early", _both(
        _in_flow("cart", "valid: 3d", "valid: 6h"), _in_message("cart/last", _CODE, ""),
        _in_message("cart/last", _ITEMS, ""))),
    Fault("a code of the settings, days later", "code_ends_early", _both(
        _in_message("cart/reminder", _WORDS, "{% if shop.offers.cart %}use {{ shop.offers.cart.code }}{% endif %}"),
        _in_message("cart/last", "after this", "{% if shop.offers.cart %}{{ shop.offers.cart.code }}{% endif %}"))),
    Fault("the full price after a code", "full_price_after_code", _in_message("cart/last", _CODE, "")),
    Fault("another per cent in words", "percent_differs", _in_message("cart/incentive", "some help", "20% off")),
    Fault("a message that may be overtaken", "overtaken", _in_message("cart/reminder", "e: 12h", "e: 2d")),
    Fault("the same message again", "alike", _in_flow("cart", "  - email: last", "  - email: reminder")),
    Fault("nearly the same message", "alike", _in_message("cart/last", "after this one we leave you alone.", _WORDS)),
    Fault("arms that differ in two things", "one_thing_at_a_time", _in_message("cart/incentive", "some", "a bit of")),
    # Flows side by side.
    Fault("more than the shop's cap", "over_cap", _in_flow("cart", "  - email: last",
          "  - email: last\n  - wait: 13h\n  - email: reminder")),
    Fault("more than its own cap", "over_cap", _in_flow("cart", "exit:", "caps: {email: {count: 1, days: 3}}\nexit:")),
    Fault("two channels on one day", "channels_same_day", _in_flow("thanks", "wait: 3d", "wait: 3h")),
    Fault("the same flow twice", "overlap", _flow("twin", _TWIN, MESSAGES["cart"])),
    Fault("a discount in one flow, none in another", "price_clash", _flow("looked-at", _FULL_PRICE, _LOOKED_AT)),
    Fault("an order confirmed twice", "doubles", _flow("confirmation", _CONFIRMATION, _CONFIRMED)),
)  # fmt: skip
