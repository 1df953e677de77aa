"""Drafts of flows: kept whatever is in them, and what is said of them beside the other flows of the shop."""

from __future__ import annotations

from typing import Any

import pytest

from connector.admin.publication import as_stored
from connector.errors import InvalidInput
from connector.models.flow import flow_versions
from connector.models.flow_draft import flow_drafts as table
from flows import bundles
from flows.core.validate import from_data
from flows.definition_files import compile_texts
from flows.engine import flow_drafts
from flows.engine.publish import library
from tests.engine.installation import ConnectedShop, Installation

MAIL = "---\nsubject: Good to see you\npreview: New\npurpose: marketing\ndeadline: 2d\n---\n<p>Hi, here is a tea.</p>\n"
NEWS = "flow: news\nname: News\ntrigger: {on: newsletter_subscribed}\nexit: [order_placed]\nsteps: [{email: hello}]\n"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    made = product.connect(flows=[])
    made.publish(NEWS, hello=MAIL)
    return made


def said(shop: ConnectedShop, flow: str, files: dict[str, str]) -> dict[str, Any]:
    """{code: sentence} of what there is to say of a draft with these files."""
    with shop.scope() as scope:
        flow_drafts.keep(scope, flow, files, by="staff:1")
        found = flow_drafts.findings(scope, flow_drafts.load(scope.connection, scope.shop_id, flow))
        flow_drafts.drop(scope, flow)
    assert (found.folder is None) == any(one.level == "error" for one in found.said)
    return {one.lint: str(one.problem) for one in found.said}


def test_a_draft_is_held_against_the_flows_that_are_active(shop: ConnectedShop) -> None:
    files = {"flow.yaml": NEWS, "messages/hello.liquid": MAIL}
    assert "doubles" not in said(shop, "news", files), "it takes the place of the one that is active"
    other = flow_drafts.renamed(files, "again", "News: again")
    clash = said(shop, "again", other)
    assert any("news" in sentence for sentence in clash.values()), clash
    assert "flow.yaml:1" in said(shop, "other", other)["definition"]
    moving = {**files, "flow.yaml": NEWS.replace("[order_placed]", "[{on: order_placed, move_to: nowhere}]")}
    assert "nowhere" in said(shop, "news", moving)["definition"]
    more = said(shop, "news", {**files, "messages/left.liquid": MAIL})
    assert more["unused"].startswith("messages/left.liquid: No step sends this message.")
    assert shop.rows(table) == []


def test_a_draft_is_one_of_a_flow_and_of_its_files_only(shop: ConnectedShop) -> None:
    files = flow_drafts.from_template("welcome")
    with shop.scope() as scope:
        flow_drafts.keep(scope, "welcome", files, by="staff:1")
        with pytest.raises(InvalidInput, match="being written already"):
            flow_drafts.keep(scope, "welcome", files, by="staff:1")
        for flow, wrong in (("Not a name", files), ("x", {"flow.yaml": "", "notes.txt": ""}), ("x", {})):
            with pytest.raises(InvalidInput):
                flow_drafts.keep(scope, flow, wrong, by="staff:1")
    (row,) = shop.rows(table)
    assert (row.base_version, row.saved_by, row.files) == (0, "staff:1", files)
    with shop.scope() as scope, pytest.raises(LookupError):
        flow_drafts.from_version(scope.connection, scope.shop_id, "news", 2)


def test_what_is_published_becomes_the_same_files_again(shop: ConnectedShop) -> None:
    """A flow with branches, read back from the database: equal in the form in which versions are compared, and its
    steps are named as they will be once it is stored."""
    files = flow_drafts.from_template("cart-recovery")
    order = files["flow.yaml"].replace("shares: {plain: 50, urgency: 50}", "shares: {urgency: 50, plain: 50}")
    files = {**files, "flow.yaml": order}
    source = compile_texts(files["flow.yaml"], bundles.messages_in(files))
    shop.activate(source)
    with shop.scope() as scope:
        back = flow_drafts.from_version(scope.connection, scope.shop_id, "cart-recovery", 1)
    assert flow_drafts.in_one_form(back) == flow_drafts.in_one_form(files)
    assert back["flow.yaml"] != files["flow.yaml"], "without that the order of a database would be a difference"
    row = shop.one(flow_versions, flow="cart-recovery")
    assert list(as_stored(source.flow).steps) == list(from_data(row.definition).steps)


def test_every_template_can_be_a_draft() -> None:
    for name in library():
        files = flow_drafts.from_template(name)
        assert flow_drafts.name_in(files) == name
        assert flow_drafts.name_in(flow_drafts.renamed(files, "of-ours")) == "of-ours"
    assert flow_drafts.name_in({"flow.yaml": "no flow at all"}) == ""
