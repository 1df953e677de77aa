"""Variants of a message: which file is whose."""

from __future__ import annotations

import pytest

from flows.content import names, variants
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource, parse
from flows.content.variants import Variant
from flows.core.problems import DefinitionError
from flows.definition_files import compile_texts
from tests.content.samples import message

HEAD = "---\nsubject: Hello\npurpose: marketing\n---\n"
FLOW = "flow: f\nname: F\ntrigger: {on: order_placed}\nsteps: [{email: hello}]\n"


def sources(*names: str) -> dict[str, MessageSource]:
    return {name: parse(f"f/{name}", f"{HEAD}<p>Hello</p>") for name in names}


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("hello", Variant("hello")),
        ("hello.de", Variant("hello", None, "de")),
        ("hello.pt-br", Variant("hello", None, "pt-br")),
        ("hello.vip", Variant("hello", "vip")),
        ("hello.bought_lately.de-at", Variant("hello", "bought_lately", "de-at")),
    ],
)
def test_what_a_name_says(name: str, variant: Variant) -> None:
    assert variants.named(name) == variant
    assert variants.of_file(f"flow/messages/{name}.liquid") == variant


@pytest.mark.parametrize("name", ["hello.VIP", "hello.de.vip", "hello.vip.de.at", "hello.", "hello.vip.gold"])
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(ContentProblem, match=r"hello\.vip\.de\.liquid for both"):
        variants.named(name)


EVERY = sources("hello", "hello.de", "hello.de-at", "hello.vip", "hello.men", "hello.vip.de", "other", "other.fr")


@pytest.mark.row("S5-209")
@pytest.mark.parametrize(
    ("locales", "members", "name"),
    [
        ([], [], "hello"),
        (["de-AT"], [], "hello.de-at"),
        (["de_CH"], [], "hello.de"),
        (["de-CH"], ["vip"], "hello.vip.de"),
        # The language before the segment.
        (["de-AT"], ["vip"], "hello.de-at"),
        (["ja"], ["vip"], "hello.vip"),
        (["ja"], ["vip", "men"], "hello.men"),
        (["ja", "de"], [], "hello.de"),
        # English is what the message itself is written in.
        (["en-GB", "de"], [], "hello"),
        (["en", "de"], ["vip"], "hello.vip"),
        (["fr"], [], "hello"),
        (["ja"], ["strangers"], "hello"),
    ],
)
def test_who_gets_which(locales: list[str], members: list[str], name: str) -> None:
    assert variants.chosen(EVERY, "hello", locales, members) == name


def test_a_message_in_another_language_is_its_own_variant() -> None:
    german = {**EVERY, "hello": parse("f/hello", HEAD.replace("subject", "locale: de\nsubject") + "<p>Hallo</p>")}
    assert variants.chosen(german, "hello", ["de"], ()) == "hello"
    assert (EVERY["hello.de-at"].locale, german["hello"].locale, EVERY["hello"].locale) == ("de-at", "de", "en")
    with pytest.raises(ContentProblem, match="locale is a language"):
        parse("f/hello", HEAD.replace("subject", "locale: german\nsubject"))


def test_a_flow_is_published_with_its_variants() -> None:
    coupon = f"{HEAD}<p>{{{{ coupon.gift.code }}}}</p>"
    texts = {"hello": f"{HEAD}<p>Hello</p>", "hello.de": f"{HEAD}<p>Hallo</p>", "unused": f"{HEAD}<p>x</p>"}
    read = compile_texts(FLOW, texts)
    assert sorted(read.texts) == ["hello", "hello.de"] and sorted(read.flow.messages) == ["hello"]
    # A code that only a variant shows is one that the flow must make.
    with pytest.raises(DefinitionError, match="gift"):
        compile_texts(FLOW, {**texts, "hello.de": coupon})


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("hallo.de", HEAD, "hallo.liquid, which is not there"),
        ("hello.de", HEAD.replace("marketing", "transactional"), "Its purpose is transactional"),
        ("hello.de", "---\nchannel: sms\npurpose: marketing\n---\n", "Its channel is sms"),
    ],
)
def test_a_variant_that_is_none_is_named(name: str, head: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        compile_texts(FLOW, {"hello": f"{HEAD}<p>Hello</p>", name: f"{head}Hallo"})


# --- what a message names


def test_what_a_message_names_is_read_from_its_liquid() -> None:
    body = """{% assign first = products.viewed | first %}
{% render 'product', product: first %}
{% render 'points' %}
{% for one in products.bought %}
{% render 'product', product: one %}
{% endfor %}
<p>{% if person.last_order.name %}{{ person["city"] }}{% endif %}</p>
"""
    source = message(body, subject="{{ order.name }}", preview="{{ profile.size }}")
    for path in (("products", "viewed"), ("products", "bought"), ("loyalty", "points"), ("order",), ("order", "name"),
                 ("person", "last_order"), ("person", "city"), ("profile",)):  # fmt: skip
        assert names.names(source, *path), path
    for path in (("products", "new"), ("reviews",), ("tracking",), ("person", "segments"), ("order", "items")):
        assert not names.names(source, *path), path


def test_a_whole_names_all_its_parts() -> None:
    source = message("{% assign all = products %}\n{% render 'products', list: all.new %}")
    assert names.names(source, "products", "new") and names.names(source, "products", "viewed")


def test_liquid_that_cannot_be_read_names_nothing() -> None:
    assert not names.names(message("{% render 'nonsense' %}"), "order")
