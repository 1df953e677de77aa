"""Writing flows in the admin: from the library, a copy or files to a published version, and back again."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from connector.admin import revision
from connector.models.flow import flow_versions, flows, runs
from connector.models.flow_draft import flow_drafts
from connector.models.pause import channel_pauses
from flows import bundles
from flows.starters import folder
from tests.admin.office import APP_KEY, APP_SECRET, Browser, Desk, Office, furnish
from tests.engine.installation import installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP

NEWS = """flow: news
name: News
trigger: {on: newsletter_subscribed}
goal: {on: order_placed, within: 30d}
exit: [order_placed, unsubscribed]
steps: [{email: hello}, {wait: 1d}, {email: second}]
"""
MAIL = """---
subject: Good to see you
preview: What is new
purpose: marketing
deadline: 2d
---
<p>Hi {{ person.first_name | default: "there" }}, here is something new.</p>
"""


@pytest.fixture
def office(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Office]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, provider, **app) as product:
        yield Office(product, [furnish(product, SHOP, number=1)])


@pytest.fixture
def desk(office: Office) -> Desk:
    return office.desks[0]


@pytest.fixture
def editor(office: Office) -> Browser:
    return office.browser(office.hire("editor"))


def shown(answer: TestResponse, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def went(browser: Browser, answer: TestResponse) -> str:
    """What the page says that somebody is led to."""
    assert answer.status_code == 303, answer.text
    return shown(browser.get(answer.location))


def seen(browser: Browser, path: str) -> str:
    page = browser.get(path).text
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found, page
    return found[1]


def acts(office: Office) -> list[str]:
    return [line.act for line in reversed(office.lines(office.desks[0].shop.id))]


def upload(browser: Browser, desk: Desk, files: dict[str, str]) -> TestResponse:
    archive = (BytesIO(bundles.write("news", files)), "news.zip")
    return browser.post(f"{desk.path}/uploads", file=archive)


def stored(desk: Desk, flow: str) -> dict[str, str]:
    files: dict[str, str] = desk.shop.one(flow_drafts, flow=flow).files
    return files


@pytest.mark.row("S1-08")
@pytest.mark.row("S1-09")
def test_a_flow_is_begun_from_the_library_changed_and_published(office: Office, desk: Desk, editor: Browser) -> None:
    library = shown(editor.get(f"{desk.path}/library"))
    assert library.index("Welcome") < library.index("Win-back") and "to begin with" in library
    begun = editor.post(f"{desk.path}/drafts", source="template win-back-once")
    page = went(editor, begun)
    path = f"{desk.path}/drafts/win-back-once"
    assert "The draft is there" in page and "Nothing of it was published yet." in page
    text = stored(desk, "win-back-once")["flow.yaml"]
    assert text == (folder("win-back-once") / "flow.yaml").read_text()
    # What is wrong is stored, and said beside its line.
    wrong = text.replace("trigger:", "trigga:")
    saved = editor.post(path, file="flow.yaml", text=wrong.replace("\n", "\r\n"), seen=seen(editor, path))
    page = went(editor, saved)
    line = wrong[: wrong.index("trigga")].count("\n") + 1
    assert "It cannot be published as it is" in page and f"flow.yaml , line {line}" in page.replace("yaml,", "yaml ,")
    assert "“trigga” is not known here. Did you mean “trigger”?" in page
    assert f'<li id="line-{line}">' in editor.get(path).text
    dialog = editor.get(f"{path}/publish")
    assert "cannot be published" in shown(dialog) and ">Publish</button>" not in dialog.text
    right = text.replace("  owner: marketing", "  owner: Ours")
    editor.post(path, file="flow.yaml", text=right, seen=seen(editor, path))
    assert "The flow is new" in shown(editor.get(f"{path}/publish"))
    done = went(editor, editor.post(f"{path}/publish", seen=seen(editor, f"{path}/publish"), status="active"))
    assert "Version 1 of win-back-once" in done and "It is published" in done
    assert desk.shop.one(flows, flow="win-back-once").status == "active"
    assert desk.shop.one(flow_versions, flow="win-back-once").definition["about"]["owner"] == "Ours"
    assert acts(office) == ["flow_draft.begin", "flow_draft.save", "flow_draft.save", "flow.publish"]
    assert editor.get(path).status_code == 404, "the draft is published"
    # A change begins with what is published, and the versions say what is different and who did it.
    went(editor, editor.post(f"{desk.path}/flows/win-back-once/edit"))
    again = stored(desk, "win-back-once")["flow.yaml"].replace("Ours", "Yours")
    editor.post(path, file="flow.yaml", text=again, seen=seen(editor, path))
    changes = shown(editor.get(f"{path}/publish"))
    assert "flow.yaml: changed, 1 line more, 1 less" in changes and "- owner: Ours + owner: Yours" in changes
    editor.post(f"{path}/publish", seen=seen(editor, f"{path}/publish"))
    versions = shown(editor.get(f"{desk.path}/flows/win-back-once/versions"))
    assert "Version 2 people enter it" in versions and "editor@office.example" in versions
    second = shown(editor.get(f"{desk.path}/flows/win-back-once/versions/2"))
    assert "- owner: Ours + owner: Yours" in second


def test_what_is_uploaded_is_kept_whatever_is_wrong_with_it(office: Office, desk: Desk, editor: Browser) -> None:
    """Files with faults become a draft with all that was found; what cannot be a draft comes back in the form."""
    broken = {"flow.yaml": NEWS.replace("wait: 1d", "wate: 1d"), "messages/hello.liquid": MAIL.replace("2d", "soon")}
    page = went(editor, upload(editor, desk, broken))
    assert "“wate” is no step" in page and "second" in page and "Steps ( " in page.replace("Steps (", "Steps ( ")
    assert stored(desk, "news") == broken
    hello = shown(editor.get(f"{desk.path}/drafts/news?file=messages/hello.liquid"))
    assert "deadline is a duration such as 24h or 2d, not 'soon'." in hello
    twice = upload(editor, desk, broken)
    assert "news is being written already" in shown(twice, 422)
    pasted = editor.post(f"{desk.path}/uploads", text="nothing: <b>of ours</b>")
    assert "does not say what the flow is called" in shown(pasted, 422)
    assert "nothing: &lt;b&gt;of ours&lt;/b&gt;" in pasted.text
    for file, why in (
        ((BytesIO(b"PK\x03\x04 no zip"), "a.zip"), "cannot be read"),
        ((BytesIO(b"MZ"), "a.exe"), "no file of a flow"),
        ((BytesIO(b"flow: \xff"), "flow.yaml"), "no UTF-8"),
    ):
        assert why in shown(editor.post(f"{desk.path}/uploads", file=file), 422)
    assert acts(office) == ["flow_draft.upload"]
    got = editor.get(f"{desk.path}/drafts/news/download")
    with ZipFile(BytesIO(got.data)) as archive:
        assert archive.read("news/flow.yaml").decode() == broken["flow.yaml"]
    assert bundles.read(got.data).files == broken


def test_of_two_who_write_one_flow_the_second_is_told(office: Office, desk: Desk, editor: Browser) -> None:
    path = f"{desk.path}/drafts/{desk.flow}"
    other = office.browser(office.hire("owner"))
    theirs = mine = seen(editor, path)
    first = stored(desk, desk.flow)["flow.yaml"] + "note: Of the first\n"
    first = first.replace("note: For everybody\n", "")
    assert editor.post(path, file="flow.yaml", text=first, seen=mine).status_code == 303
    late = other.post(path, file="flow.yaml", text=first.replace("the first", "the second"), seen=theirs)
    page = shown(late, 409)
    assert "Somebody has changed this" in page and "- note: Of the first + note: Of the second" in page
    assert "Of the second" in late.text and "Of the first" in stored(desk, desk.flow)["flow.yaml"]
    assert other.post(f"{path}/discard", seen=theirs).status_code == 409
    # Publishing too: whoever looked at the dialog before the other changed the draft, or published.
    before, both = seen(editor, f"{path}/publish"), seen(other, path)
    other.post(path, file="flow.yaml", text=first.replace("the first", "both"), seen=both)
    refused = editor.post(f"{path}/publish", seen=before)
    assert "changed its draft since you opened this page" in shown(refused, 409)
    held = seen(other, f"{path}/publish")
    assert editor.post(f"{path}/publish", seen=seen(editor, f"{path}/publish")).status_code == 303
    assert "published or discarded" in shown(other.post(f"{path}/publish", seen=held), 409)
    assert desk.shop.one(flows, flow=desk.flow).version == 2


def test_without_the_look_the_second_would_overwrite(
    desk: Desk, editor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test before."""
    path = f"{desk.path}/drafts/{desk.flow}"
    old = seen(editor, path)
    editor.post(path, file="flow.yaml", text="note: Of the first", seen=old)
    monkeypatch.setattr(revision, "check", lambda document, seen: None)
    assert editor.post(path, file="flow.yaml", text="note: Of the second", seen=old).status_code == 303
    assert stored(desk, desk.flow)["flow.yaml"] == "note: Of the second\n"


def test_those_inside_are_shown_and_moved_with_the_publication(office: Office, desk: Desk, editor: Browser) -> None:
    """One person waits in version 1; the next has another step there."""
    path = f"{desk.path}/drafts/{desk.flow}"
    text = stored(desk, desk.flow)["flow.yaml"].replace("- wait: 3d", "- wait: 5d\n    id: pause")
    editor.post(path, file="flow.yaml", text=text, seen=seen(editor, path))
    dialog = editor.get(f"{path}/publish")
    assert "Version 1 Wait 3 days 1 of the people inside there is no such step" in shown(dialog)
    assert 'name="to wait"' in dialog.text
    here = seen(editor, f"{path}/publish")
    nowhere: dict[str, Any] = {"to wait": "nowhere"}
    there: dict[str, Any] = {"to wait": "pause"}
    refused = editor.post(f"{path}/publish", seen=here, inside="move")
    assert "wait of version 1" in shown(refused, 422) and desk.shop.one(flows, flow=desk.flow).version == 1
    assert 'value="move" checked' in refused.text
    stray = editor.post(f"{path}/publish", seen=here, inside="move", **nowhere)
    assert "has no step nowhere" in shown(stray, 422)
    done = editor.post(f"{path}/publish", seen=here, inside="move", **there)
    assert "Version 2" in went(editor, done)
    assert acts(office)[-2:] == ["flow.publish", "flow.carry_over"]
    office.installation.settle("flows")
    assert desk.shop.one(runs, flow=desk.flow).version == 2
    # Back again; whoever is inside leaves.
    back = f"{desk.path}/flows/{desk.flow}/versions/1/roll-back"
    assert "- - wait: 5d" in shown(editor.get(back)) or "wait: 3d" in shown(editor.get(back))
    outdated = editor.post(back, seen="0" * 24)
    assert "Somebody has published this flow" in shown(outdated, 409)
    assert "Version 3" in went(editor, editor.post(back, seen=seen(editor, back), inside="exit"))
    assert "version 1 once more" in shown(editor.get(f"{desk.path}/flows/{desk.flow}/versions"))
    office.installation.settle("flows")
    assert desk.shop.one(runs, flow=desk.flow).outcome == "new_version"


def test_messages_are_added_looked_at_sent_to_oneself_and_taken_out(
    office: Office, desk: Desk, editor: Browser
) -> None:
    path = f"{desk.path}/drafts/{desk.flow}"
    added = went(editor, editor.post(f"{path}/messages", message="hello.de", seen=seen(editor, path)))
    assert "messages/hello.de.liquid" in added
    german = "messages/hello.de.liquid"
    text = MAIL.replace("Good to see you", "Schön")
    editor.post(path, file=german, text=text, seen=seen(editor, path))
    plain = editor.get(f"{path}/messages/hello")
    assert "Subject Hello there" in shown(plain)
    assert "Subject Schön" in shown(editor.get(f"{path}/messages/hello?locale=de"))
    (address,) = re.findall(r'<iframe [^>]*sandbox[^>]* src="([^"]+)"', plain.text)
    framed = editor.get(html.unescape(address))
    policy = framed.headers["Content-Security-Policy"]
    assert "<html" in framed.text and "default-src 'none'" in policy and " sandbox" in policy
    assert "script-src" not in policy and "frame-ancestors 'self'" in policy and "X-Frame-Options" not in framed.headers
    somebody = shown(editor.get(f"{path}/messages/hello?who=ann.bell1@example.com"))
    assert "Hello Ann" in somebody
    reader = office.browser(office.hire("read-only"))
    assert reader.get(f"{path}/messages/hello").status_code == 200
    assert "does not see whole addresses" in shown(reader.get(f"{path}/messages/hello?who=ann"), 422)
    sent = editor.post(f"{path}/test", message="hello", to="me@office.example")
    assert "The test is on its way" in went(editor, sent)
    (mail,) = desk.shop.mails()
    assert mail["subject"] == "[Test] Hello there" and "me@office.example" in str(mail["to"])
    assert "no email address" in shown(editor.post(f"{path}/test", message="hello", to="nobody"), 422)
    editor.post(f"{path}/messages/remove", file=german, seen=seen(editor, path))
    assert list(stored(desk, desk.flow)) == ["flow.yaml", "messages/hello.liquid"]
    assert editor.post(f"{path}/messages", message="../etc", seen=seen(editor, path)).status_code == 422
    assert editor.post(f"{path}/messages/remove", file="flow.yaml", seen=seen(editor, path)).status_code == 422
    assert "discarded" in went(editor, editor.post(f"{path}/discard", seen=seen(editor, path)))
    assert acts(office) == [f"flow_draft.{act}" for act in ("add", "save", "test", "remove", "discard")]
    assert "@" not in str([line.detail for line in office.lines(desk.shop.id)])


SCENARIOS = (
    "cart-email", "payment-pending", "birthday", "newsletter-thanks", "first-order-plus-days", "win-back-once",
    "number-of-orders", "total-spent",
)  # fmt: skip
"""Carts, payments, birthdays, newsletters, the first order, the last order, how many orders, and how much in all."""


@pytest.mark.row("S1-55")
@pytest.mark.row("S3-02")
def test_the_library_says_what_a_flow_needs_and_whether_the_shop_has_it(
    office: Office, desk: Desk, editor: Browser
) -> None:
    def row(name: str) -> str:
        page = editor.get(f"{desk.path}/library").text
        (found,) = re.findall(rf'<tr>\n<th scope="row"[^>]*>(?:(?!</tr>).)*?>{name}</small>.*?</tr>', page, re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split())

    tier = row("tier-up")
    assert "Points and tiers: missing" in tier and "Not available yet." in tier
    assert "Points and tiers. Nothing is known of points and tiers. Say where" in shown(
        editor.get(f"{desk.path}/library")
    )
    for name in SCENARIOS:
        assert "Email: missing" in row(name) and "Not available yet." in row(name), name
    # A channel that stands still is missed, too.
    assert "Email: missing" in row("cart-email")
    assert "Nothing is sent: Brevo says that the account has no credits left" in shown(
        editor.get(f"{desk.path}/library")
    )
    with office.transaction() as connection:
        connection.execute(delete(channel_pauses))
    # All eight are offered, and what keeps one from working is gone with the pause of the channel.
    for name in SCENARIOS:
        assert "Begin with it" in row(name), name
    assert [name for name in SCENARIOS if "Not available yet." in row(name)] == ["birthday"]
    desk.shop.set(signals={"birthday": {"metafield": "facts.birthday"}})
    assert "Birthdays: there" in row("birthday") and "Not available yet." not in row("birthday")
    cart = row("cart-email-sms")
    assert "Text messages: missing" in cart and "Email: there" in cart
    assert "Not available yet." not in cart, cart
    desk.shop.set(loyalty={"source": "tags"})
    tier = row("tier-up")
    assert "Points and tiers: there" in tier and "Not available yet." not in tier
    # It can be written all the same.
    assert editor.post(f"{desk.path}/drafts", source="template tier-up").status_code == 303


def test_a_copy_has_a_name_of_its_own_and_what_is_there_stays(office: Office, desk: Desk, editor: Browser) -> None:
    same = editor.post(f"{desk.path}/drafts", source=f"copy {desk.flow}")
    assert "a name of its own" in shown(same, 422)
    other = editor.post(f"{desk.path}/drafts", source="template welcome", flow=desk.flow)
    assert "has a flow greeting-1 already" in shown(other, 422)
    editor.post(f"{desk.path}/drafts", source=f"copy {desk.flow}", flow="spring-sale", name="Spring: sale")
    assert stored(desk, "spring-sale")["flow.yaml"].startswith('flow: spring-sale\nname: "Spring: sale"\n')
    path = f"{desk.path}/drafts/spring-sale"
    page = shown(editor.get(path))
    assert "Nothing keeps it from being published" in page
    stays = editor.post(f"{path}/publish", seen=seen(editor, f"{path}/publish"), status="draft")
    assert "lets nobody in" in went(editor, stays)
    with office.transaction() as connection:
        found = {
            row.flow: row.status for row in connection.execute(select(flows).where(flows.c.shop_id == desk.shop.id))
        }
        assert found == {desk.flow: "active", "spring-sale": "draft"}
        connection.execute(delete(flow_drafts))
    assert "Nothing is being written." in shown(editor.get(f"{desk.path}/drafts"))
