"""Every planted fault is found by its lint, and nothing is found where nothing is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from connector.frequency_caps import shop_caps
from flows import linting
from flows.content.context import example
from flows.content.lints import LINTS as OF_MESSAGES
from flows.core.conflicts import CONFLICTS
from flows.core.lints import LINTS as OF_FLOWS
from flows.core.permission import OWN
from flows.definition_files import FlowFolder, compile_texts
from flows.linting import Context, Said
from tests.content.planted_faults import FAULTS, Fault, Folders, flows

CAPS = {name: shop_caps({"marketing_cap": {"count": 3, "days": 7}, "caps": {}}, name) for name in OWN}
CONTEXTS = [example(offers=offers) for offers in (True, False)]


def read(folders: Folders) -> list[FlowFolder]:
    return [compile_texts(text, messages, f"{name}/flow.yaml") for name, (text, messages) in folders.items()]


def found(folders: Folders, only: Collection[str] = (), contexts: Sequence[Context] = CONTEXTS) -> list[Said]:
    """`only`: the flows that are looked at by themselves. `contexts`: what messages are tried with, if they are."""
    flows = read(folders)
    mine = [folder for folder in flows if not only or folder.flow.flow in only]
    return linting.look(mine, contexts, CAPS, beside=flows)


@pytest.mark.row("S1-41", "S5-026", "S5-032", "S5-207", "S5-214", "S5-215")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_planted_fault_is_found(fault: Fault) -> None:
    right, folders = flows(), flows()
    fault.plant(folders)
    planted_in = {name for name, texts in folders.items() if texts != right.get(name)}
    # Messages that are as they were have nothing to say, as the control below shows.
    of_messages = any(folders[name][1] != right[name][1] for name in planted_in & right.keys())
    said = found(folders, planted_in, CONTEXTS if of_messages else ())
    assert fault.lint in {one.lint for one in said}, said
    one = next(one for one in said if one.lint == fault.lint)
    assert one.problem.sentence and one.problem.file.partition("/")[0] in folders
    assert one.problem.line or one.problem.file.endswith(".liquid")
    # What was to be filled in reaches nobody.
    assert fault.lint != "placeholder" or one.level == "error"


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    """The control: without a fault planted, no lint says anything."""
    assert found(flows()) == []


def test_a_variant_may_be_what_shows_it() -> None:
    """The German message gives a code away that the others do not have."""
    folders = flows()
    messages = folders["cart"][1]
    messages["last"] = messages["last"].replace("{% render 'offer', offer: coupon.offer %}", "")
    messages["reminder.de"] = messages["reminder"].replace("left something", "{{ shop.offers.cart.code }}")
    messages["last.de"] = messages["last"].replace("after this", "{{ shop.offers.cart.code }}")
    said = {one.lint: one.problem.sentence for one in found(folders)}
    assert "“last” shows the cart code again after" in said["code_ends_early"]
    assert said["no_variant_without_offer"], "each file is looked at by itself, too"


def test_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 40
    assert max(Counter(fault.name for fault in FAULTS).values()) == 1
    lints = {*OF_MESSAGES, *OF_FLOWS, *CONFLICTS}
    assert len({fault.lint for fault in FAULTS}) > len(lints) / 2
