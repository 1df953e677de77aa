"""What the pages show, and to whom."""

from __future__ import annotations

from tests.admin.office import Office


def test_every_page_of_a_shop_is_shown(office: Office) -> None:
    desk = office.desks[0]
    browser = office.browser(office.hire("owner"))
    base = f"/admin/shops/{desk.shop.id}"
    pages = [
        "/admin/", "/admin/installation", f"{base}/", f"{base}/people", f"{base}/people?q=bell",
        f"{base}/people/{desk.person}", f"{base}/syncs", f"{base}/deliveries",
        f"{base}/deliveries?state=quarantined", f"{base}/deliveries/{desk.delivery}", f"{base}/standing",
        f"{base}/audit", f"{base}/brevo", f"{base}/mapping", f"{base}/checklist",
    ]  # fmt: skip
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200, (page, answer.text)


FINDS = {
    "ann.bell1@example.com": "email", "ANN.BELL1@example.com ": "email", "ann.be": "email",
    "+49 151 234 567 001": "telephone", "Ann Bell": "name", "bell": "name", "#1001": "order", "1001": "order",
    "9001": "order",
}  # fmt: skip


def test_a_person_is_found_by_all_that_names_them_and_only_in_their_shop(office: Office) -> None:
    mine, theirs = office.desks
    browser = office.browser(office.hire("owner"))
    for wanted, by in FINDS.items():
        page = browser.get(f"{mine.path}/people", query_string={"q": wanted}).text
        assert f'{mine.path}/people/{mine.person}"' in page, wanted
        assert f'data-name="Found by">{by}<' in page, wanted
        elsewhere = browser.get(f"{theirs.path}/people", query_string={"q": wanted}).text
        assert f'/people/{mine.person}"' not in elsewhere, wanted


def test_what_finds_nobody_or_is_hostile_is_said(office: Office) -> None:
    browser = office.browser(office.hire("owner"))
    for wanted in ("nobody@example.com", "%", "_", "'; DROP TABLE persons; --", "9" * 60):
        answer = browser.get(f"{office.desks[0].path}/people", query_string={"q": wanted})
        assert answer.status_code == 200 and "Nobody was found" in answer.text, wanted


def test_a_character_that_no_column_holds_is_refused(office: Office) -> None:
    browser, (mine, _) = office.browser(office.hire("owner")), office.desks
    assert browser.get(f"{mine.path}/people?q=%00").status_code == 400
    assert browser.post(f"{mine.path}/channels/a%00/resume").status_code == 400
    assert office.browser().sign_in("a\x00@office.example").status_code == 400
